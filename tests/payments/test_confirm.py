"""POST /api/payments/confirm: only Stripe's word counts, and it counts once, whoever brings it first."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Client
from tests.factories.payments import make_checkout
from tests.factories.stock import check_books
from tests.providers import Delivery, Providers
from tests.tenant import Tenant
from tests.threads import together

PAID = {
    "order": ("confirmed", "paid"),
    "entries": [("charge", 2500)],
    "due": [],
    "paid_mails": 1,
}


def is_paid(picture: dict[str, Any]) -> bool:
    return {name: picture[name] for name in PAID} == PAID


def succeeded(providers: Providers, intent_id: str) -> Delivery:
    found = providers.webhooks("stripe", "payment_intent.succeeded", subject=intent_id)
    return next(d for d in found if d.type == "payment_intent.succeeded")


def test_a_paid_intent_pays_the_order(tenant: Tenant, providers: Providers) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    reply = checkout.confirm()
    assert (reply.status, reply.json) == (200, {"success": True, "message": "Payment confirmed"})
    assert is_paid(checkout.picture())
    expires = tenant.value("SELECT hold_expires_at FROM sales_order WHERE id = %(id)s", id=checkout.order_id)
    assert expires is None
    check_books(tenant)


def test_confirming_again_changes_nothing(tenant: Tenant, providers: Providers) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    replies = [checkout.confirm() for _ in range(3)]
    assert [reply.json for reply in replies] == [{"success": True, "message": "Payment confirmed"}] * 3
    assert is_paid(checkout.picture())


def test_nothing_is_believed_before_stripe_says_so(tenant: Tenant, providers: Providers) -> None:
    checkout = make_checkout(tenant)
    before = checkout.picture()
    assert checkout.confirm().status == 409
    assert checkout.picture() == before
    assert before["order"] == ("pending", "unpaid")


def test_a_declined_card_pays_nothing(tenant: Tenant, providers: Providers) -> None:
    checkout = make_checkout(tenant)
    with pytest.raises(Exception, match="402"):
        providers.pay(checkout.intent_id, card="declined")
    reply = checkout.confirm()
    assert (reply.status, reply.json["status"]) == (409, "failed")
    assert checkout.order() == ("pending", "unpaid")


def test_an_intent_must_belong_to_the_order(api: Client, tenant: Tenant, providers: Providers) -> None:
    checkout, other = make_checkout(tenant), make_checkout(tenant)
    loose = api.post("/api/payments/create-intent", {"amount": 25}).json["payment_intent_id"]
    for intent_id in (other.intent_id, loose):
        providers.pay(intent_id)
    before = checkout.picture()
    replies = [checkout.confirm(payment_intent_id=i) for i in (other.intent_id, loose, "pi_nothing")]
    assert [reply.status for reply in replies] == [404, 404, 404]
    assert (checkout.picture(), other.order()) == (before, ("pending", "unpaid"))
    assert other.confirm(order_number="QM-22222-22222").status == 404
    assert other.order() == ("pending", "unpaid")


@pytest.mark.parametrize("first", ["confirm", "webhook"])
def test_confirm_and_webhook_agree_in_either_order(
    first: str, api: Client, tenant: Tenant, providers: Providers
) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    webhook = succeeded(providers, checkout.intent_id)

    def deliver() -> None:
        assert webhook.send(api).status == 200
        tenant.work_off(rounds=1)

    steps: list[Callable[[], object]] = [deliver, checkout.confirm]
    for step in steps if first == "webhook" else reversed(steps):
        step()
        assert is_paid(checkout.picture())


def test_confirm_and_webhook_at_once(api: Client, tenant: Tenant, providers: Providers) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    webhook = succeeded(providers, checkout.intent_id)

    def run(number: int) -> int:
        if number % 2:
            return checkout.confirm().status
        status = webhook.send(api).status
        tenant.work_off(rounds=1)
        return status

    assert together(6, run) == [200] * 6
    tenant.work_off(rounds=1)
    assert is_paid(checkout.picture())
    check_books(tenant)


@pytest.mark.parametrize(
    ("_case", "rule", "status"),
    [("down", {"status": 500, "times": 3}, 503), ("cut off", {"drop": "before", "times": 3}, 503)],
)
def test_an_unreachable_stripe_changes_nothing(
    _case: str, rule: dict[str, Any], status: int, tenant: Tenant, providers: Providers
) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    providers.fail("stripe", "payment_intents.retrieve", **rule)
    assert checkout.confirm().status == status
    assert checkout.order() == ("pending", "unpaid")
    assert checkout.confirm().json["success"] is True


def test_a_payment_for_a_cancelled_order_is_kept_and_flagged(tenant: Tenant, providers: Providers) -> None:
    from chalicelib import orders

    checkout = make_checkout(tenant)
    with tenant.uow() as uow:
        orders.cancel(uow, checkout.order_id, reason="customer")
    providers.pay(checkout.intent_id)
    reply = checkout.confirm()
    assert (reply.status, reply.json["success"]) == (200, False)
    picture = checkout.picture()
    assert picture["order"] == ("cancelled", "paid")
    assert (picture["entries"], picture["due"], picture["paid_mails"]) == (
        [("charge", 2500)],
        [("order_cancelled", 2500)],
        0,
    )
    audited = tenant.rows("SELECT action FROM audit_entry WHERE entity = 'payment' ORDER BY id")
    assert [row["action"] for row in audited] == ["payment.charge", "payment.refund_due"]


def test_statement_counts(api: Client, tenant: Tenant, providers: Providers) -> None:
    """The bound is the sum of two transactions; nothing grows with the number of lines."""
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    assert succeeded(providers, checkout.intent_id).send(api).statements == 5
    full, again = checkout.confirm(), checkout.confirm()
    assert (full.status, again.status) == (200, 200)
    assert (full.statements, again.statements) == (12, 5)
