"""A payment that comes after its order expired: the order stands if its stock is there, else the money goes back."""

from typing import Any

import pytest

from tests.factories.payments import Checkout, deliver_all, make_checkout
from tests.factories.stock import check_books
from tests.providers import Providers
from tests.tenant import Clock, Tenant
from tests.threads import together


def expire(checkout: Checkout, clock: Clock) -> None:
    """The hold runs out, and nobody has closed the intent yet."""
    from chalicelib import orders

    clock.advance(seconds=31 * 60)
    with checkout.tenant.uow() as uow:
        assert orders.expire_unpaid(uow) == 1
    assert checkout.order() == ("cancelled", "unpaid")


def take_stock(tenant: Tenant) -> None:
    """Somebody else orders all there is."""
    from tests.factories.orders import make_order

    row = tenant.rows("SELECT product_id FROM order_line LIMIT 1")[0]
    make_order(tenant, (row["product_id"], 9))


@pytest.mark.parametrize("is_there", [True, False])
def test_a_late_payment(is_there: bool, tenant: Tenant, providers: Providers, clock: Clock) -> None:
    checkout = make_checkout(tenant, delivery_email="ana@example.com")
    providers.pay(checkout.intent_id)
    expire(checkout, clock)
    if not is_there:
        take_stock(tenant)
    deliver_all(tenant, providers, "payment_intent.succeeded", subject=checkout.intent_id)
    kinds = [row["kind"] for row in tenant.rows("SELECT kind FROM message ORDER BY id")]
    if is_there:
        assert checkout.order() == ("confirmed", "paid")
        assert checkout.entries() == [("charge", 2500)]
        assert (kinds.count("order_revived"), kinds.count("refund_sent")) == (1, 0)
    else:
        assert checkout.order() == ("cancelled", "refunded")
        assert checkout.entries() == [("charge", 2500), ("refund", -2500)]
        assert (kinds.count("order_revived"), kinds.count("refund_sent"), kinds.count("order_cancelled")) == (0, 1, 1)
    before = checkout.picture()
    deliver_all(tenant, providers, "payment_intent.succeeded", subject=checkout.intent_id)
    assert checkout.picture() == before
    check_books(tenant)


def test_integrators_hear_that_the_order_stands(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    expire(checkout, clock)
    deliver_all(tenant, providers, "payment_intent.succeeded", subject=checkout.intent_id)
    told = tenant.rows("SELECT type FROM fact WHERE record = %(r)s ORDER BY id", r=f"order:{checkout.order_id}")
    types = [row["type"] for row in told]
    assert types[-3:] == ["order.revived", "order.paid", "order.confirmed"] or "order.revived" in types


def test_cancelling_and_paying_at_once(tenant: Tenant, providers: Providers) -> None:
    """Whoever is first: the order is cancelled, nothing of it is kept, nothing is charged twice."""
    from chalicelib import orders
    from chalicelib.kernel.errors import Conflict

    checkout = make_checkout(tenant)

    def act(number: int) -> Any:
        if number == 0:
            try:
                providers.pay(checkout.intent_id)
            except Exception:
                return False
            return checkout.confirm().status
        try:
            with tenant.uow() as uow:
                orders.cancel(uow, checkout.order_id, reason="customer")
        except Conflict:
            return False
        tenant.work_off()
        return True

    together(4, act)
    tenant.work_off()
    deliver_all(tenant, providers)
    charged = [c for c in providers.records("stripe.charge") if c["status"] == "succeeded"]
    refunded = sum(r["amount"] for r in providers.records("stripe.refund"))
    assert checkout.order()[0] == "cancelled"
    assert (len(charged) <= 1, refunded) == (True, sum(c["amount"] for c in charged))
    check_books(tenant)
