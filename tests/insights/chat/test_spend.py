"""What answers cost is bounded: per caller, per organization and day, also when many ask at once."""

import pytest

from chalicelib.insights.chat import rules
from chalicelib.kernel.settings import settings
from tests import expiring
from tests.client import Client
from tests.factories.customers import make_customer
from tests.insights.chat.conftest import Assistant, chat, find
from tests.providers import Providers
from tests.tenant import Clock, Tenant
from tests.threads import together


def spent(tenant: Tenant) -> dict[str, int]:
    """Tokens by purse: ``""`` is the organization's."""
    items = expiring.items()
    start = f"llm#{tenant.id}"
    mine = [item for item in items if item["pk"]["S"].split("#")[:2] == start.split("#")]
    return {item["pk"]["S"].removeprefix(start).removeprefix("#"): int(item["tokens"]["N"]) for item in mine}


def allow(monkeypatch: pytest.MonkeyPatch, *, caller: int = 60_000, organization: int = 2_000_000) -> None:
    monkeypatch.setenv("QM_LLM_TOKENS_OF_CALLER", str(caller))
    monkeypatch.setenv("QM_LLM_TOKENS_OF_ORGANIZATION", str(organization))
    settings.cache_clear()


def test_what_an_answer_cost_is_counted(shop: Tenant, assistant: Assistant, api: Client) -> None:
    assistant.will({"content": "Hello.", "tokens": 321})
    chat(api, "hello there")
    assistant.will({"content": "Hello.", "tokens": 79})
    chat(make_customer(shop).client(), "hello there")
    counted = spent(shop)
    assert (counted.pop(""), counted.pop(f"address/{api.address}"), list(counted.values())) == (400, 321, [79])


def test_every_round_is_paid_for(shop: Tenant, assistant: Assistant, api: Client) -> None:
    assistant.will({"tool_calls": [{"name": "find_products", "arguments": {"words": "rice"}}], "tokens": 100})
    assistant.will({"content": "Rice.", "tokens": 50})
    chat(api, "rice")
    assert spent(shop)[""] == 150


@pytest.mark.parametrize("ask", [chat, find])
def test_a_caller_who_has_spent_it_all_is_answered_by_our_search(
    ask: object, shop: Tenant, assistant: Assistant, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    allow(monkeypatch, caller=2500)
    assistant.will({"content": "Hello.", "tokens": 2400, "is_forever": True})
    ana, ben = make_customer(shop).client(), make_customer(shop).client()
    assert [chat(ana, "pepper").json["answered_by"] for _ in range(2)] == ["assistant", "search"]
    assert chat(ben, "pepper").json["answered_by"] == "assistant"
    clock.advance(seconds=24 * 3600)
    assert chat(ana, "pepper").json["answered_by"] == "assistant"


def test_an_organization_that_has_spent_it_all(
    shop: Tenant, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, organization=2500)
    assistant.will({"content": "Hello.", "tokens": 2400, "is_forever": True})
    clients = [Client(shop.host, address=f"198.51.100.{n}") for n in range(3)]
    assert [chat(client, "pepper").json["answered_by"] for client in clients] == ["assistant", "search", "search"]
    assert spent(shop) == {"": 2400, "address/198.51.100.0": 2400, "address/198.51.100.1": 0, "address/198.51.100.2": 0}


def test_many_at_once_spend_no_more_than_there_is(
    shop: Tenant, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty clients, and a budget for some of them: what an answer may cost at most is taken before it is asked for."""
    at_most = 1000
    allow(monkeypatch, organization=at_most * 10)
    assistant.will({"content": "Hello.", "tokens": at_most, "is_forever": True})
    replies = together(50, lambda n: chat(Client(shop.host, address=f"198.51.100.{n}"), "pepper"))
    assert {reply.status for reply in replies} == {200}
    answered = [reply.json["answered_by"] for reply in replies]
    assert 0 < answered.count("assistant") == len(assistant.questions) <= 10
    assert spent(shop)[""] == at_most * len(assistant.questions)


@pytest.mark.parametrize(
    ("rule", "is_free"),
    [
        ({"status": 400}, True),
        ({"status": 401}, True),
        ({"status": 429}, True),
        ({"status": 500}, False),
        ({"drop": "after"}, False),
    ],
)
def test_what_was_not_done_is_not_paid_for(
    rule: dict[str, object], is_free: bool, shop: Tenant, assistant: Assistant, api: Client, providers: Providers
) -> None:
    providers.fail("llm", "chat.completions", **rule)
    chat(api, "pepper")
    assert (spent(shop)[""] == 0) == is_free


@pytest.mark.parametrize("tokens", [-5, 10**12])
def test_what_a_model_says_it_cost_is_believed_within_reason(
    tokens: int, shop: Tenant, assistant: Assistant, api: Client
) -> None:
    assistant.will({"content": "Hello.", "tokens": tokens})
    chat(api, "pepper")
    assert 0 <= spent(shop)[""] < 20_000


def test_what_a_conversation_shows_the_model_is_bounded() -> None:
    turns = [("user" if n % 2 == 0 else "assistant", f"{n} " + "x" * 2000) for n in range(40)]
    kept = rules.kept(turns)
    assert [role for role, _ in kept] == ["user", "assistant"]
    assert sum(len(text) for _, text in kept) <= rules.KEPT_MAX
    assert len(rules.kept([("user", "a"), ("assistant", "b")] * 40)) == rules.TURNS_KEPT
    assert rules.kept([("assistant", "Welcome"), ("user", " ")]) == []
