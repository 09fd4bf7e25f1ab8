"""An order that is paid in two ways: Stripe is asked for what the others have left, and never for more."""

from tests.client import Client, Reply
from tests.factories.credit import CreditOrder, balance_of, make_credit_order
from tests.factories.payments import deliver_all
from tests.providers import Providers
from tests.tenant import Tenant


def intent(paid: CreditOrder, amount: float) -> Reply:
    body = {"order_number": paid.number, "amount": amount}
    return Client(paid.shopper.tenant.host).post("/api/payments/create-intent", body)


def test_an_intent_asks_for_what_credit_has_left(tenant: Tenant, providers: Providers) -> None:
    part = make_credit_order(tenant, credit_minor=1000)
    assert part.pay(amount=10).status == 200
    assert [intent(part, amount).status for amount in (25, 14.99, 10)] == [400, 400, 400]
    made = intent(part, 15)
    assert made.status == 200, made.json
    providers.pay(made.json["payment_intent_id"])
    deliver_all(tenant, providers, "payment_intent.succeeded")
    assert part.state() == ("confirmed", "paid")
    assert part.entries() == [("store_credit", "charge", 1000), ("stripe", "charge", 1500)]


def test_a_link_too(tenant: Tenant, providers: Providers) -> None:
    part = make_credit_order(tenant, credit_minor=1000)
    assert part.pay(amount=10).status == 200
    reply = part.shopper.client().post("/api/payments/create-link", {"order_number": part.number})
    assert (reply.status, reply.json["amount"]) == (200, 15)


def test_an_intent_for_all_of_it_ends_when_credit_pays_a_part(tenant: Tenant, providers: Providers) -> None:
    part = make_credit_order(tenant, credit_minor=1000)
    first = intent(part, 25).json["payment_intent_id"]
    assert part.pay(amount=10).status == 200
    tenant.work_off()
    assert {i["id"]: i["status"] for i in providers.records("stripe.payment_intent")}[first] == "canceled"
    assert intent(part, 15).status == 200


def test_a_cancelled_order_gives_each_part_back_the_way_it_came(tenant: Tenant, providers: Providers) -> None:
    from chalicelib import orders

    part = make_credit_order(tenant, credit_minor=1000)
    part.pay(amount=10)
    providers.pay(intent(part, 15).json["payment_intent_id"])
    deliver_all(tenant, providers, "payment_intent.succeeded")
    with tenant.uow() as uow:
        orders.cancel(uow, part.id, reason="customer")
    tenant.work_off()
    assert part.state() == ("cancelled", "refunded")
    assert balance_of(part.shopper) == 1000
    assert [r["amount"] for r in providers.records("stripe.refund")] == [1500]
    assert sum(amount for _, _, amount in part.entries()) == 0
