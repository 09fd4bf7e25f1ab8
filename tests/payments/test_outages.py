"""Stripe away, busy, lying, or not accepting us: callers are told when to come back, nothing is charged twice or believed."""

from typing import Any

import pytest

from chalicelib import orders
from chalicelib.kernel import circuit
from tests.client import Client, Reply
from tests.factories.orders import make_order
from tests.factories.payments import make_checkout
from tests.factories.stock import check_books, make_shelf
from tests.providers import Providers, five_times_shuffled
from tests.tenant import Clock, Tenant
from tests.threads import together

PATH = "/api/payments/create-intent"
CREATE = "payment_intents.create"
PATIENT_S = 600.0
"""Longer than work that waits for a provider is ever put off: jobs.BACKOFF_MAX_S, and what the provider or its circuit said."""


@pytest.fixture
def order(tenant: Tenant) -> dict[str, Any]:
    shelf = make_shelf(tenant, free=10, price_minor=1250)
    return make_order(tenant, (shelf.product_id, 2))


def ask(api: Client, order: dict[str, Any], **headers: str) -> Reply:
    return api.post(PATH, {"order_number": order["order_number"], "amount": order["total_amount"]}, **headers)


def at_stripe(providers: Providers) -> list[tuple[str, int]]:
    return [(intent["status"], intent["amount"]) for intent in providers.records("stripe.payment_intent")]


def test_an_outage_is_told_at_once_and_stripe_is_left_alone(
    api: Client, tenant: Tenant, providers: Providers, order: dict[str, Any]
) -> None:
    providers.count("stripe")
    providers.fail("stripe", CREATE, status=503, times=None)
    replies = [ask(api, order, idempotency_key="k") for _ in range(10)]
    assert [reply.status for reply in replies] == [503] * 10
    assert providers.asked("stripe") == circuit.OPENS_AFTER
    waits_s = int(replies[-1].headers["Retry-After"])
    assert 1 <= waits_s <= 30
    assert replies[-1].json == {"error": "The payment provider cannot be reached; please try again"}
    make_order(tenant, (make_shelf(tenant, free=1, price_minor=100).product_id, 1))  # orders are taken all the same
    providers.recover()
    replies = [ask(api, order, idempotency_key="k") for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].json == replies[1].json
    assert at_stripe(providers) == [("requires_payment_method", 2500)]
    check_books(tenant)


@pytest.mark.parametrize(
    ("_case", "rule", "retry_after"),
    [
        ("busy", {"status": 429, "retry_after_s": 77}, {76, 77, 78}),
        ("our key is wrong", {"status": 401}, set(range(15, 32))),
    ],
)
def test_what_everybody_would_meet_is_asked_once(
    _case: str, rule: dict[str, Any], retry_after: set[int], api: Client, providers: Providers, order: dict[str, Any]
) -> None:
    providers.count("stripe")
    providers.fail("stripe", CREATE, times=None, **rule)
    replies = [ask(api, order) for _ in range(4)]
    assert [reply.status for reply in replies] == [503] * 4
    assert int(replies[-1].headers["Retry-After"]) in retry_after
    assert providers.asked("stripe") == 1


def test_a_card_that_is_declined_is_no_outage(api: Client, providers: Providers, order: dict[str, Any]) -> None:
    providers.fail("stripe", CREATE, status=402, times=2 * circuit.OPENS_AFTER)
    assert [ask(api, order).status for _ in range(2 * circuit.OPENS_AFTER)] == [400] * 2 * circuit.OPENS_AFTER
    assert ask(api, order).status == 200


def test_many_at_once_in_an_outage_ask_a_handful_of_times(
    api: Client, providers: Providers, order: dict[str, Any]
) -> None:
    providers.count("stripe")
    providers.fail("stripe", CREATE, drop="before", times=None)
    replies = together(8, lambda _: ask(api, order))
    assert {reply.status for reply in replies} == {503}
    assert providers.asked("stripe") <= circuit.OPENS_AFTER + 8  # those that were under way when it opened
    before = providers.asked("stripe")
    together(8, lambda _: ask(api, order))
    assert providers.asked("stripe") == before


# Lies.


@pytest.mark.parametrize("lie", [{"amount": 1}, {"amount": 250_000}, {"currency": "jpy"}])
def test_an_intent_over_another_sum_is_not_handed_out(
    lie: dict[str, Any],
    api: Client,
    tenant: Tenant,
    providers: Providers,
    order: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    providers.fail("stripe", CREATE, lie=lie)
    first = ask(api, order)  # asked again under the same key, Stripe tells the truth
    assert (first.status, at_stripe(providers)) == (200, [("requires_payment_method", 2500)])
    assert capsys.readouterr().out.count('"PaymentMismatch": 1') == 1
    providers.fail("stripe", "payment_intents.retrieve", lie=lie, times=3)
    reply = ask(api, order)
    assert (reply.status, "client_secret" in reply.json) == (503, False)
    assert capsys.readouterr().out.count('"PaymentMismatch": 1') == 3
    assert ask(api, order).json == first.json
    assert tenant.value("SELECT count(*) FROM payment") == 1


@pytest.mark.parametrize(
    ("_case", "lie", "status"),
    [
        ("it has not succeeded", {"status": "processing"}, 409),
        ("it was cancelled", {"status": "canceled"}, 409),
        ("another sum was received", {"amount_received": 1}, 503),
        ("in another currency", {"currency": "eur"}, 503),
    ],
)
def test_the_webhook_puts_right_what_an_answer_said(
    _case: str, lie: dict[str, Any], status: int, api: Client, tenant: Tenant, providers: Providers
) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    providers.fail("stripe", "payment_intents.retrieve", lie=lie, times=3)
    assert checkout.confirm().status == status
    assert (checkout.order(), checkout.entries()) == (("pending", "unpaid"), [])
    hooks = providers.webhooks("stripe", "payment_intent.succeeded", subject=checkout.intent_id)
    for delivery in five_times_shuffled(hooks, seed=3):
        assert delivery.send(api).status == 200
        tenant.work_off()
    assert (checkout.order(), checkout.entries()) == (("confirmed", "paid"), [("charge", 2500)])
    providers.recover()
    assert checkout.confirm().json["success"] is True


def test_an_answer_that_the_webhook_contradicts_is_paid_once(api: Client, tenant: Tenant, providers: Providers) -> None:
    """Stripe said succeeded; an event that says failed is older or wrong, for a success does not come undone."""
    checkout = make_checkout(tenant)
    with pytest.raises(Exception, match="402"):
        providers.pay(checkout.intent_id, card="declined")
    providers.pay(checkout.intent_id)
    assert checkout.confirm().json["success"] is True
    hooks = providers.webhooks("stripe", "payment_intent.succeeded", "payment_intent.payment_failed")
    for delivery in five_times_shuffled([d for d in hooks if checkout.intent_id in d.body], seed=7):
        delivery.send(api)
        tenant.work_off()
    assert (checkout.order(), checkout.entries()) == (("confirmed", "paid"), [("charge", 2500)])


# A cancelled order while Stripe is away.


@pytest.mark.parametrize(
    ("_case", "rule"),
    [
        ("down", {"status": 503}),
        ("done, then an error", {"status": 500, "is_after": True}),
        ("the answer is lost", {"drop": "after"}),
        ("cut off", {"drop": "before"}),
        ("busy", {"status": 429, "retry_after_s": 5}),
        ("our key is wrong", {"status": 401}),
    ],
)
def test_a_cancelled_order_is_settled_in_the_end_and_once(
    _case: str, rule: dict[str, Any], tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    checkout = make_checkout(tenant)
    providers.count("stripe")
    providers.fail("stripe", "payment_intents.cancel", times=None, **rule)
    with tenant.uow() as uow:
        orders.cancel(uow, checkout.order_id, reason="customer")
    for _ in range(12):
        tenant.work_off()
        clock.advance(seconds=PATIENT_S)
    assert providers.asked("stripe") <= circuit.OPENS_AFTER
    assert tenant.value("SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL") == 0
    providers.recover()
    tenant.work_off()
    assert at_stripe(providers) == [("canceled", 2500)]
    settled = "SELECT count(*) FROM outbox WHERE topic = 'payments.cancellation_settled'"
    assert (checkout.order(), checkout.entries(), tenant.value(settled)) == (("cancelled", "unpaid"), [], 1)
    assert tenant.value("SELECT count(*) FROM outbox WHERE closed_at IS NULL") == 0
