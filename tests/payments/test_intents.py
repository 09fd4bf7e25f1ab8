"""POST /api/payments/create-intent: amounts are ours, one intent per order, nothing is lost with an answer."""

from decimal import Decimal
from typing import Any

import pytest

from tests.client import Client, Reply
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.providers import Providers
from tests.tenant import Tenant
from tests.threads import together

PATH = "/api/payments/create-intent"


@pytest.fixture
def order(tenant: Tenant) -> dict[str, Any]:
    shelf = make_shelf(tenant, free=10, price_minor=1250)
    return make_order(tenant, (shelf.product_id, 2))


def ask(api: Client, order: dict[str, Any], **changes: Any) -> Reply:
    return api.post(PATH, {"order_number": order["order_number"], "amount": order["total_amount"], **changes})


def payments(tenant: Tenant) -> list[dict[str, Any]]:
    return tenant.rows("SELECT state, amount_minor, provider_id FROM payment ORDER BY id")


def test_an_order_gets_an_intent_at_its_total(
    api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any]
) -> None:
    reply = ask(api, order)
    assert reply.status == 200, reply.json
    intent = providers.records("stripe.payment_intent")[0]
    assert reply.json == {
        "success": True,
        "client_secret": intent["client_secret"],
        "payment_intent_id": intent["id"],
    }
    assert (intent["amount"], intent["currency"]) == (2500, "usd")
    assert intent["metadata"]["order_number"] == order["order_number"]
    assert payments(tenant) == [{"state": "requires_payment", "amount_minor": 2500, "provider_id": intent["id"]}]


def test_the_client_secret_is_nowhere_in_the_database(
    api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any]
) -> None:
    secret = ask(api, order).json["client_secret"]
    providers.webhooks("stripe", "payment_intent.created")[0].send(api)
    kept = tenant.rows("SELECT p::text FROM payment p UNION ALL SELECT d::text FROM webhook_delivery d")
    assert len(kept) == 2
    assert all(secret not in row["p"] for row in kept)


def test_a_second_call_gets_the_same_intent(
    api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any]
) -> None:
    first, second = ask(api, order), ask(api, order)
    assert (first.status, second.json) == (200, first.json)
    assert (len(payments(tenant)), len(providers.records("stripe.payment_intent"))) == (1, 1)


def test_two_at_once_get_one_intent(api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any]) -> None:
    replies = together(4, lambda _: ask(api, order))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["payment_intent_id"] for reply in replies}) == 1
    assert (len(payments(tenant)), len(providers.records("stripe.payment_intent"))) == (1, 1)


def test_two_at_once_get_one_intent_when_the_provider_is_slow(
    api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any]
) -> None:
    """Stripe answers 409 while another request runs under the same key; we ask again instead of failing."""
    providers.fail("stripe", "payment_intents.create", delay_s=0.3)
    replies = together(3, lambda _: ask(api, order))
    assert {reply.status for reply in replies} == {200}
    assert (len(payments(tenant)), len(providers.records("stripe.payment_intent"))) == (1, 1)


@pytest.mark.parametrize(
    ("_case", "changes", "status"),
    [
        ("one cent", {"amount": 0.01}, 400),
        ("one cent less", {"amount": 24.99}, 400),
        ("more", {"amount": 25.01}, 400),
        ("nothing", {"amount": 0}, 400),
        ("three decimals", {"amount": 25.001}, 400),
        ("an unknown order", {"order_number": "QM-22222-22222"}, 404),
    ],
)
def test_refusals_change_nothing(
    _case: str,
    changes: dict[str, Any],
    status: int,
    api: Client,
    tenant: Tenant,
    providers: Providers,
    order: dict[str, Any],
) -> None:
    assert Decimal(str(order["total_amount"])) == 25
    assert ask(api, order, **changes).status == status
    assert (payments(tenant), providers.records("stripe.payment_intent")) == ([], [])


def test_another_organizations_order_does_not_exist(
    other_tenant: Tenant, providers: Providers, order: dict[str, Any]
) -> None:
    assert ask(Client(other_tenant.host), order).status == 404


def test_without_an_order_the_amount_is_bounded_and_every_call_is_its_own(
    api: Client, tenant: Tenant, providers: Providers
) -> None:
    assert api.post(PATH, {"amount": 5000.01}).status == 400
    replies = [api.post(PATH, {"amount": 12.5}) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert len({reply.json["payment_intent_id"] for reply in replies}) == 2
    assert [p["amount_minor"] for p in payments(tenant)] == [1250, 1250]


@pytest.mark.parametrize(
    ("_case", "rule", "status"),
    [
        ("refused by the provider", {"status": 402, "times": None}, 400),
        ("down", {"status": 503, "times": None}, 503),
        ("cut off", {"drop": "before", "times": None}, 503),
    ],
)
def test_a_failing_provider_is_told_and_leaves_the_order_payable(
    _case: str,
    rule: dict[str, Any],
    status: int,
    api: Client,
    tenant: Tenant,
    providers: Providers,
    order: dict[str, Any],
) -> None:
    providers.fail("stripe", "payment_intents.create", **rule)
    reply = ask(api, order)
    assert (reply.status, [p["state"] for p in payments(tenant)]) == (status, ["created"])
    providers.ask("DELETE", "/control/faults")
    assert ask(api, order).status == 200
    assert (len(payments(tenant)), len(providers.records("stripe.payment_intent"))) == (1, 1)


def test_a_lost_answer_leads_to_one_intent(
    api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any]
) -> None:
    providers.fail("stripe", "payment_intents.create", drop="after")
    assert ask(api, order).status == 200
    assert (len(payments(tenant)), len(providers.records("stripe.payment_intent"))) == (1, 1)


def test_an_intent_that_was_never_answered_is_given_up_later(
    api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any], clock: Any
) -> None:
    providers.fail("stripe", "payment_intents.create", status=503, times=3)
    assert ask(api, order).status == 503
    clock.advance(seconds=121)
    assert ask(api, order).status == 200
    assert [p["state"] for p in payments(tenant)] == ["canceled", "requires_payment"]


def test_an_intent_cancelled_at_the_provider_is_replaced(
    api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any]
) -> None:
    from chalicelib.adapters import payments as stripe

    first = ask(api, order).json["payment_intent_id"]
    stripe.gateway().cancel_intent(first, idempotency_key="test")
    second = ask(api, order)
    assert second.status == 200
    assert second.json["payment_intent_id"] != first
    assert [p["state"] for p in payments(tenant)] == ["canceled", "requires_payment"]


def test_an_order_that_costs_something_else_now_gets_another_intent(
    api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any]
) -> None:
    first = ask(api, order).json["payment_intent_id"]
    with tenant.uow() as uow:
        uow.execute("UPDATE sales_order SET delivery_fee_minor = 500, total_minor = total_minor + 500")
    second = ask(api, order, amount=30)
    assert second.status == 200
    at_stripe = {intent["id"]: intent for intent in providers.records("stripe.payment_intent")}
    assert (at_stripe[first]["status"], at_stripe[second.json["payment_intent_id"]]["amount"]) == (
        "canceled",
        3000,
    )
    assert [p["state"] for p in payments(tenant)] == ["canceled", "requires_payment"]


def test_intents_without_an_order_are_throttled(
    api: Client, tenant: Tenant, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.kernel.settings import settings

    monkeypatch.setenv("QM_LIMITS", "on")
    settings.cache_clear()
    try:
        statuses = [api.post(PATH, {"amount": 10}).status for _ in range(6)]
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert statuses == [200] * 5 + [429]
    assert len(payments(tenant)) == 5
