"""Succeeded is not final for a bank debit: what comes back reopens its order and stops the next shipment."""

from itertools import permutations
from typing import Any

import pytest

from tests.client import Client
from tests.factories.floor import make_floor
from tests.factories.identity import make_api_key
from tests.factories.payments import Checkout, deliver_all, make_checkout, make_paid
from tests.factories.stock import check_books
from tests.providers import Providers
from tests.tenant import Tenant


def give_back(checkout: Checkout, providers: Providers, reason: str = "insufficient_funds") -> None:
    providers.ask("POST", "/control/stripe/dispute", {"payment_intent": checkout.intent_id, "reason": reason})


def make_returned(tenant: Tenant, providers: Providers, **order: Any) -> Checkout:
    checkout = make_paid(tenant, providers, card="bank", **order)
    give_back(checkout, providers)
    deliver_all(tenant, providers, "charge.dispute.created", "charge.dispute.closed")
    return checkout


def stopped(checkout: Checkout) -> str | None:
    found: str | None = checkout.tenant.value(
        "SELECT stopped_because FROM sales_order WHERE id = %(id)s", id=checkout.order_id
    )
    return found


def test_a_debit_that_comes_back_reopens_the_order(tenant: Tenant, providers: Providers) -> None:
    checkout = make_returned(tenant, providers, delivery_email="ana@example.com")
    assert (checkout.order(), stopped(checkout)) == (("confirmed", "failed"), "payment_returned")
    assert checkout.entries() == [("charge", 2500), ("return", -2500)]
    assert tenant.value("SELECT count(*) FROM message WHERE kind = 'payment_returned'") == 1
    told = tenant.value("SELECT count(*) FROM outbox WHERE topic = 'payments.returned'")
    frozen = tenant.value("SELECT count(*) FROM customer WHERE credit_frozen_at IS NOT NULL")
    assert (told, frozen, checkout.picture()["due"]) == (1, 0, [])
    check_books(tenant)


def test_a_stopped_order_is_neither_picked_nor_shipped_nor_fulfilled(tenant: Tenant, providers: Providers) -> None:
    from chalicelib import orders

    checkout = make_returned(tenant, providers)
    body = {"so_ids": [checkout.order_id], "warehouse_id": tenant.warehouse_id}
    wave = make_floor(tenant).client.post("/api/picking/wave-create", body)
    assert (wave.status, "the bank took its payment back" in wave.json["error"]) == (400, True)
    key = make_api_key(tenant, "inventory:read", "inventory:write")
    reply = Client(tenant.host).as_key(key).post(f"/api/v1/orders/{checkout.order_id}/fulfill")
    assert (reply.status, reply.json["code"]) == (409, "order_stopped")
    with tenant.uow() as uow:
        order = orders.lock_order(uow, checkout.order_id)
        with pytest.raises(orders.OrderStopped):
            orders.record_shipment(uow, order, tracking_number="1Z", carrier="UPS")
    assert checkout.order() == ("confirmed", "failed")


def test_paying_again_lets_the_order_go(tenant: Tenant, providers: Providers) -> None:
    checkout = make_returned(tenant, providers)
    body = {"order_number": checkout.number, "amount": checkout.total_minor / 100}
    reply = Client(tenant.host).post("/api/payments/create-intent", body)
    assert reply.status == 200, reply.json
    again = reply.json["payment_intent_id"]
    providers.pay(again)
    deliver_all(tenant, providers, "payment_intent.succeeded", subject=again)
    assert (checkout.order(), stopped(checkout)) == (("confirmed", "paid"), None)
    assert checkout.picture()["due"] == []
    assert providers.records("stripe.refund") == []
    check_books(tenant)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_whatever_order_the_three_are_told(order: tuple[int, ...], tenant: Tenant, providers: Providers) -> None:
    """Succeeded, came back, closed: the order ends stopped, with the same sums."""
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id, card="bank")
    wait_settled(providers, checkout)
    give_back(checkout, providers, "bank_cannot_process")
    types = ("payment_intent.succeeded", "charge.dispute.created", "charge.dispute.closed")
    told = {d.type: d for d in providers.webhooks("stripe", *types, subject=checkout.intent_id)}
    for number in (*order, *order):
        assert told[types[number]].send(Client(tenant.host)).status == 200
        tenant.work_off()
    assert (checkout.order(), stopped(checkout)) == (("confirmed", "failed"), "payment_returned")
    assert checkout.entries() == [("charge", 2500), ("return", -2500)]
    assert (checkout.picture()["due"], providers.records("stripe.refund")) == ([], [])


def wait_settled(providers: Providers, checkout: Checkout) -> None:
    providers.webhooks("stripe", "payment_intent.succeeded", subject=checkout.intent_id)
