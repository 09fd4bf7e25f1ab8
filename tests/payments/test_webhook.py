"""POST /api/webhooks/stripe: who may speak, and that any order and number of deliveries end alike."""

import json
from typing import Any

import pytest

from tests.client import Client
from tests.factories.payments import Checkout, make_checkout
from tests.factories.stock import check_books
from tests.providers import Delivery, Providers, five_times_shuffled
from tests.tenant import Clock, Tenant

OUTCOMES = {
    "paid": ("confirmed", "paid"),
    "part refunded": ("confirmed", "part-refunded"),
    "refunded": ("confirmed", "refunded"),
    "disputed": ("confirmed", "disputed"),
    "declined, then paid": ("confirmed", "paid"),
    "authenticated": ("confirmed", "paid"),
    "bank debit": ("confirmed", "paid"),
    "bank debit bounces": ("pending", "failed"),
    "cancelled": ("pending", "unpaid"),
}


def play(case: str, checkout: Checkout, providers: Providers) -> set[str]:
    """Does at the double what the case says; the types of webhooks that must have come of it."""
    from chalicelib.adapters import payments as stripe

    intent_id = checkout.intent_id
    if case == "cancelled":
        stripe.gateway().cancel_intent(intent_id, idempotency_key=f"test-{intent_id}")
        return {"payment_intent.canceled"}
    if case.startswith("bank debit"):
        bounces = case.endswith("bounces")
        providers.pay(intent_id, card="bank_bounces" if bounces else "bank")
        last = "payment_intent.payment_failed" if bounces else "payment_intent.succeeded"
        return {"payment_intent.processing", last}
    if case == "authenticated":
        providers.pay(intent_id, card="authentication")
        providers.ask("POST", "/control/stripe/settle", {"payment_intent": intent_id})
        return {"payment_intent.requires_action", "payment_intent.succeeded"}
    if case.startswith("declined"):
        with pytest.raises(Exception, match="402"):
            providers.pay(intent_id, card="declined")
    providers.pay(intent_id)
    if "refunded" in case:
        for number, part in enumerate((1000, 500) if case.startswith("part") else (1000, 1500)):
            stripe.gateway().create_refund(
                intent_id=intent_id, amount_minor=part, idempotency_key=f"{intent_id}-{number}", metadata={}
            )
        return {"payment_intent.succeeded", "refund.created"}
    if case == "disputed":
        providers.ask("POST", "/control/stripe/dispute", {"payment_intent": intent_id})
        return {"payment_intent.succeeded", "charge.dispute.created"}
    return {"payment_intent.succeeded"}


def deliver(deliveries: list[Delivery], tenant: Tenant) -> None:
    """Sends webhooks in this order, each worked on before the next."""
    api = Client(tenant.host)
    for delivery in deliveries:
        assert delivery.send(api).status == 200
        tenant.work_off(rounds=1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", OUTCOMES)
def test_five_times_in_any_order_is_once(
    case: str, seed: int, tenant: Tenant, other_tenant: Tenant, providers: Providers
) -> None:
    once, often = make_checkout(tenant), make_checkout(other_tenant)
    told = {}
    for checkout in (once, often):
        types = play(case, checkout, providers)
        told[checkout.intent_id] = providers.webhooks("stripe", *types, subject=checkout.intent_id)
    deliver(told[once.intent_id], tenant)
    deliver(five_times_shuffled(told[often.intent_id], seed), other_tenant)
    assert once.order() == OUTCOMES[case]
    expected = json.loads(json.dumps(once.picture()).replace(once.intent_id, often.intent_id))
    assert json.loads(json.dumps(often.picture())) == expected
    check_books(other_tenant)


def test_a_payment_of_an_order_cancelled_on_purpose_goes_back_however_it_comes(
    tenant: Tenant, providers: Providers
) -> None:
    from chalicelib import orders

    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    with tenant.uow() as uow:
        orders.cancel(uow, checkout.order_id, reason="customer")
    told = providers.webhooks("stripe", "payment_intent.succeeded", subject=checkout.intent_id)
    deliver(five_times_shuffled(told, 1), tenant)
    tenant.work_off()
    picture = checkout.picture()
    assert (picture["order"], picture["due"]) == (("cancelled", "refunded"), [])
    assert picture["entries"] == [("charge", 2500), ("refund", -2500)]
    settled = tenant.rows("SELECT payload FROM outbox WHERE topic = 'payments.cancellation_settled'")
    assert [row["payload"]["refund_due_minor"] for row in settled] == [2500]
    assert [(r["amount"], r["status"]) for r in providers.records("stripe.refund")] == [(2500, "succeeded")]
    check_books(tenant)


def test_a_second_payment_goes_back_and_the_order_stays_paid(tenant: Tenant, providers: Providers) -> None:
    checkout = make_checkout(tenant)
    with tenant.uow() as uow:
        uow.execute("UPDATE payment SET state = 'canceled'")
    second = make_second(tenant, checkout)
    for intent_id in (second, checkout.intent_id):
        providers.pay(intent_id)
    told = [
        d
        for i in (second, checkout.intent_id)
        for d in providers.webhooks("stripe", "payment_intent.succeeded", subject=i)
    ]
    deliver(five_times_shuffled(told, 2), tenant)
    tenant.work_off()
    picture = checkout.picture()
    assert picture["order"] == ("confirmed", "paid")
    assert picture["entries"] == [("charge", 2500), ("charge", 2500), ("refund", -2500)]
    assert (picture["due"], picture["paid_mails"]) == ([], 1)
    assert [r["amount"] for r in providers.records("stripe.refund")] == [2500]


def make_second(tenant: Tenant, checkout: Checkout) -> str:
    body = {"order_number": checkout.number, "amount": checkout.total_minor / 100}
    reply = Client(tenant.host).post("/api/payments/create-intent", body)
    assert reply.status == 200, reply.json
    intent_id: str = reply.json["payment_intent_id"]
    return intent_id


def test_a_refund_of_the_second_payment_settles_the_flag(tenant: Tenant, providers: Providers) -> None:
    from chalicelib import payments
    from chalicelib.adapters import payments as stripe

    checkout = make_checkout(tenant)
    with tenant.uow() as uow:
        uow.execute("UPDATE payment SET state = 'canceled'")
    second = make_second(tenant, checkout)
    for intent_id in (checkout.intent_id, second):
        providers.pay(intent_id)
    stripe.gateway().create_refund(intent_id=second, amount_minor=2500, idempotency_key=f"back-{second}", metadata={})
    told = providers.webhooks("stripe", "refund.created")
    deliver(five_times_shuffled(told, 3), tenant)
    assert checkout.order() == ("confirmed", "paid")
    with tenant.uow() as uow:
        assert payments.refunds_due(uow) == []
        assert payments.paid_minor(uow, checkout.order_id) == 2500
        assert payments.check_books(uow) == payments.PaymentsCheck(1, 2500, 0, 0)


def test_a_debit_that_bounces_gives_the_stock_back_in_the_end(
    tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    from chalicelib import orders

    checkout = make_checkout(tenant)
    types = play("bank debit bounces", checkout, providers)
    for told in providers.webhooks("stripe", *types, subject=checkout.intent_id):
        deliver([told], tenant)
        expires = "SELECT hold_expires_at IS NOT NULL AS expires FROM sales_order WHERE id = %(id)s"
        assert tenant.value(expires, id=checkout.order_id) is (told.type != "payment_intent.processing")
    clock.advance(seconds=31 * 60)
    with tenant.uow() as uow:
        orders.expire_unpaid(uow)
    tenant.work_off()
    assert checkout.order() == ("cancelled", "unpaid")
    check_books(tenant)


@pytest.mark.parametrize("variant", ["tampered", "foreign", "stale", "future"])
def test_a_webhook_that_proves_nothing_changes_nothing(
    variant: Any, api: Client, tenant: Tenant, providers: Providers
) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    before = (checkout.picture(), counts(tenant))
    for delivery in providers.webhooks("stripe", "payment_intent.succeeded"):
        reply = delivery.send(api, variant)
        assert (reply.status, reply.json) == (401, {"error": "Invalid signature"})
    assert (checkout.picture(), counts(tenant)) == before


def test_a_changed_body_is_refused(api: Client, tenant: Tenant, providers: Providers) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    good = providers.webhooks("stripe", "payment_intent.succeeded")[-1]
    before = counts(tenant)
    signed = dict(sign(good))
    forged = good.body.replace("2500", "1")
    assert api.post("/api/webhooks/stripe", forged.encode(), **signed).status == 401
    assert api.post("/api/webhooks/stripe", good.body.encode()).status == 401
    twice = {"stripe_signature": signed["stripe_signature"] + ",t=1"}
    assert api.post("/api/webhooks/stripe", good.body.encode(), **twice).status == 401
    assert counts(tenant) == before


def sign(delivery: Delivery) -> dict[str, str]:
    from chalicelib.kernel import clock
    from infra.local.doubles import signing
    from infra.local.doubles.config import DoublesSettings

    made = signing.headers(
        DoublesSettings(), "stripe", url="", body=delivery.body, now=clock.timestamp(), variant="good"
    )
    return {"stripe_signature": made["Stripe-Signature"], "content_type": "application/json"}


def test_an_unknown_type_is_kept_and_changes_nothing(api: Client, tenant: Tenant, providers: Providers) -> None:
    checkout = make_checkout(tenant)
    before = checkout.picture()
    event = {
        "id": "evt_unknown",
        "object": "event",
        "type": "customer.created",
        "created": 1,
        "livemode": False,
        "data": {"object": {"id": "cus_1", "object": "customer", "balance": 1.5, "email": "ana@example.com"}},
    }
    delivery = Delivery("stripe", "customer.created", json.dumps(event), "application/json")
    assert [delivery.send(api).status for _ in range(3)] == [200, 200, 200]
    tenant.work_off()
    assert checkout.picture() == before
    kept = tenant.rows("SELECT event_type, payload::text FROM webhook_delivery")
    assert [row["event_type"] for row in kept] == ["customer.created"]
    assert "ana@example.com" not in kept[0]["payload"]
    assert tenant.value("SELECT count(*) FROM outbox WHERE closed_at IS NULL AND topic LIKE 'payments%%'") == 0


def test_without_a_secret_there_is_no_endpoint(
    api: Client, tenant: Tenant, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.kernel.settings import settings

    make_checkout(tenant)
    delivery = providers.webhooks("stripe", "payment_intent.created")[0]
    monkeypatch.setenv("QM_STRIPE_WEBHOOK_SECRET", "")
    settings.cache_clear()
    try:
        assert delivery.send(api).status == 404
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert tenant.value("SELECT count(*) FROM webhook_delivery") == 0


def counts(tenant: Tenant) -> dict[str, int]:
    tables = ("webhook_delivery", "payment", "payment_entry", "refund_due", "outbox", "audit_entry", "message_report")
    return {table: tenant.value(f"SELECT count(*) FROM {table}") for table in tables}


FRAME = 4
"""Statements of every consumer's transaction before its own: begin, enter, claim, savepoint; three end it."""


@pytest.mark.parametrize(
    ("case", "own"),
    [("paid", 6), ("part refunded", 7), ("disputed", 8), ("bank debit bounces", 6)],
)
def test_an_event_takes_few_statements_however_many_lines(
    case: str, own: int, tenant: Tenant, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the event, finding the payment, locking its order and all its payments, writing down what is new."""
    from chalicelib.kernel import uow as kernel

    checkout = make_checkout(tenant)
    types = play(case, checkout, providers)
    told = providers.webhooks("stripe", *types, subject=checkout.intent_id)
    counted: list[tuple[str, int]] = []
    entered = kernel._begin

    def begin(connection: Any, entrance: Any, request_id: str) -> Any:
        made = entered(connection, entrance, request_id)
        begun.append(made)
        return made

    begun: list[Any] = []
    monkeypatch.setattr(kernel, "_begin", begin)
    for delivery in told:
        assert delivery.send(Client(tenant.host)).statements <= 8
        begun.clear()
        tenant.work_off(rounds=1)
        most = max((u.statements for u in begun if u.actor.name == "payments.stripe_event"), default=0)
        counted.append((delivery.type, most))
    assert max(number for _, number in counted) - FRAME - 3 <= own <= 8, counted
