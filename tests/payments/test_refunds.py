"""Money that has to go back goes back once: whatever Stripe answers, however often it is asked, and followed to its end."""

from typing import Any

import pytest

from tests.factories.payments import Checkout, deliver_all, make_paid
from tests.factories.stock import check_books
from tests.providers import Providers, five_times_shuffled
from tests.tenant import Tenant
from tests.threads import together


def cancel(tenant: Tenant, checkout: Checkout, reason: str = "customer") -> None:
    from chalicelib import orders

    with tenant.uow() as uow:
        orders.cancel(uow, checkout.order_id, reason=reason)


def refunds(tenant: Tenant) -> list[tuple[Any, ...]]:
    rows = tenant.rows("SELECT reason, amount_minor, state, failure_reason FROM refund ORDER BY id")
    return [tuple(row.values()) for row in rows]


def mails(tenant: Tenant, *kinds: str) -> list[str]:
    rows = tenant.rows("SELECT kind FROM message WHERE kind = ANY(%(kinds)s) ORDER BY id", kinds=list(kinds))
    return [row["kind"] for row in rows]


def test_a_cancelled_order_gets_its_money_back(tenant: Tenant, providers: Providers) -> None:
    checkout = make_paid(tenant, providers, delivery_email="ana@example.com")
    cancel(tenant, checkout)
    tenant.work_off()
    assert refunds(tenant) == [("order_cancelled", 2500, "succeeded", None)]
    assert checkout.order() == ("cancelled", "refunded")
    made = providers.records("stripe.refund")[0]
    key = tenant.value("SELECT idempotency_key::text FROM refund")
    assert (made["amount"], made["metadata"]["refund"]) == (2500, key)
    assert [kept["id"] for kept in [made]] == tenant.rows("SELECT provider_id FROM refund")[0]["provider_id"].split()
    before = checkout.picture()
    deliver_all(tenant, providers, "refund.created")
    assert checkout.picture() == before
    assert mails(tenant, "refund_sent", "order_cancelled") == ["order_cancelled", "refund_sent"]
    check_books(tenant)


def test_a_refund_whose_answer_is_lost_is_the_same_refund(tenant: Tenant, providers: Providers) -> None:
    checkout = make_paid(tenant, providers)
    providers.fail("stripe", "refunds.create", drop="after")
    cancel(tenant, checkout)
    tenant.work_off()
    assert refunds(tenant) == [("order_cancelled", 2500, "asked", None)]
    tenant.rows("UPDATE outbox SET send_at = %(at)s, not_before = NULL WHERE closed_at IS NULL RETURNING id", at=now())
    tenant.work_off()
    assert refunds(tenant) == [("order_cancelled", 2500, "succeeded", None)]
    assert len(providers.records("stripe.refund")) == 1
    assert checkout.entries() == [("charge", 2500), ("refund", -2500)]


def now() -> Any:
    from chalicelib.kernel import clock

    return clock.now()


def test_a_refund_to_a_bank_account_is_pending_first(tenant: Tenant, providers: Providers) -> None:
    checkout = make_paid(tenant, providers, card="pending_refund", delivery_email="ana@example.com")
    cancel(tenant, checkout)
    tenant.work_off()
    assert refunds(tenant) == [("order_cancelled", 2500, "pending", None)]
    assert (checkout.order(), mails(tenant, "refund_sent")) == (("cancelled", "refunded"), [])
    deliver_all(tenant, providers, "refund.updated")
    assert refunds(tenant) == [("order_cancelled", 2500, "succeeded", None)]
    assert mails(tenant, "refund_sent") == ["refund_sent"]


def test_a_refund_that_fails_is_still_owed_and_not_tried_again_before_somebody_says_so(
    tenant: Tenant, providers: Providers
) -> None:
    from chalicelib.kernel.operations import operate

    tenant.as_owner(
        'UPDATE organization SET settings = settings || \'{"payments_email": "till@example.com"}\' WHERE id = %(id)s',
        id=tenant.id,
    )
    checkout = make_paid(tenant, providers, card="refund_fails")
    cancel(tenant, checkout)
    tenant.work_off()
    told = providers.webhooks("stripe", "refund.failed")
    for delivery in five_times_shuffled([d for d in told if d.type.startswith("refund")], 7):
        assert delivery.send(client(tenant)).status == 200
        tenant.work_off(rounds=1)
    tenant.work_off()
    assert refunds(tenant) == [("order_cancelled", 2500, "failed", "expired_or_canceled_card")]
    picture = checkout.picture()
    assert (picture["order"], picture["due"]) == (("cancelled", "paid"), [("order_cancelled", 2500)])
    assert picture["entries"] == [("charge", 2500), ("refund", -2500), ("refund", 2500)]
    assert mails(tenant, "staff_refund_failed", "refund_sent").count("staff_refund_failed") == 1
    assert len(providers.records("stripe.refund")) == 1
    refund_id = tenant.value("SELECT id FROM refund")
    asked = {"command": "retry_refund", "organization_id": tenant.id, "refund_id": refund_id}
    assert [operate(asked), operate(asked)] == [{"result": True}, {"result": False}]
    tenant.work_off()
    assert len(providers.records("stripe.refund")) == 2


def client(tenant: Tenant) -> Any:
    from tests.client import Client

    return Client(tenant.host)


def test_a_refund_that_stripe_refuses_is_a_failed_one(tenant: Tenant, providers: Providers) -> None:
    checkout = make_paid(tenant, providers)
    providers.fail("stripe", "refunds.create", status=400)
    cancel(tenant, checkout)
    tenant.work_off()
    assert [row[2] for row in refunds(tenant)] == ["failed"]
    assert checkout.picture()["due"] == [("order_cancelled", 2500)]


def test_nothing_goes_back_while_stripe_knows_more_than_we_do(tenant: Tenant, providers: Providers) -> None:
    """A refund was made in Stripe's dashboard, and its webhook is still on its way."""
    from chalicelib.adapters import payments as stripe

    checkout = make_paid(tenant, providers)
    stripe.gateway().create_refund(intent_id=checkout.intent_id, amount_minor=1000, idempotency_key="x", metadata={})
    cancel(tenant, checkout)
    tenant.work_off()
    assert [row[2] for row in refunds(tenant)] == ["asked"]
    assert len(providers.records("stripe.refund")) == 1
    waiting = tenant.rows("SELECT postponed, last_error FROM outbox WHERE topic = 'payments.refund_due'")
    assert waiting == [{"postponed": 1, "last_error": "BooksApart: Stripe's figures differ from ours"}]


@pytest.mark.parametrize("parts", [(1000,), (1000, 500), (2500,)])
def test_refunds_of_stripes_dashboard_are_booked(parts: tuple[int, ...], tenant: Tenant, providers: Providers) -> None:
    from chalicelib.adapters import payments as stripe

    checkout = make_paid(tenant, providers)
    for number, part in enumerate(parts):
        stripe.gateway().create_refund(
            intent_id=checkout.intent_id, amount_minor=part, idempotency_key=f"d{number}", metadata={}
        )
    deliver_all(tenant, providers, "refund.created")
    expected = "refunded" if sum(parts) == 2500 else "part-refunded"
    assert checkout.order() == ("confirmed", expected)
    assert refunds(tenant) == []


def test_refund_and_cancel_by_fifty_at_once_is_refunded_once(tenant: Tenant, providers: Providers) -> None:
    from chalicelib.kernel.errors import Conflict
    from chalicelib.payments.events import RefundDue

    checkout = make_paid(tenant, providers)
    payment_id = tenant.value("SELECT id FROM payment WHERE order_id = %(id)s", id=checkout.order_id)

    def storm(number: int) -> bool:
        if number % 2:
            try:
                cancel(tenant, checkout)
            except Conflict:
                return False
            finally:
                tenant.work_off(rounds=2)
            return True
        with tenant.uow() as uow:
            uow.publish(RefundDue(payment_id=payment_id).message())
        tenant.work_off(rounds=2)
        return False

    assert sum(together(50, storm)) == 1
    settle(tenant)
    assert checkout.order() == ("cancelled", "refunded")
    assert [(r["amount"], r["status"]) for r in providers.records("stripe.refund")] == [(2500, "succeeded")]
    assert refunds(tenant) == [("order_cancelled", 2500, "succeeded", None)]
    assert checkout.entries() == [("charge", 2500), ("refund", -2500)]
    check_books(tenant)


def settle(tenant: Tenant) -> None:
    """Lets postponed work and work in somebody's lease be taken up at once."""
    for _ in range(3):
        tenant.rows(
            "UPDATE outbox SET send_at = %(at)s, not_before = NULL, leased_until = NULL"
            " WHERE closed_at IS NULL AND dead_at IS NULL RETURNING id",
            at=now(),
        )
        tenant.work_off()
