"""POST /api/payments/create-link: one page for one order, which can be paid once, and never beside an intent."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.client import Client, Reply
from tests.factories.customers import make_customer
from tests.factories.identity import make_api_key, make_staff
from tests.factories.orders import make_order
from tests.factories.payments import deliver_all
from tests.factories.stock import check_books, make_shelf
from tests.providers import Providers
from tests.tenant import Clock, Tenant
from tests.threads import together

PATH = "/api/payments/create-link"


@dataclass(frozen=True)
class Linked:
    """An unpaid order, and somebody of staff who makes links for it."""

    tenant: Tenant
    order: dict[str, Any]
    staff: Client

    def link(self, **more: Any) -> Reply:
        return self.staff.post(PATH, {"order_number": self.order["order_number"], **more})

    def state(self) -> tuple[str, str]:
        row = self.tenant.rows("SELECT state, payment_state FROM sales_order WHERE id = %(id)s", id=self.order["id"])[0]
        return row["state"], row["payment_state"]


@pytest.fixture
def linked(tenant: Tenant) -> Linked:
    shelf = make_shelf(tenant, free=10, price_minor=1250)
    order = make_order(tenant, (shelf.product_id, 2), delivery_email="ana@example.com")
    staff = make_staff(tenant, commerce_role="staff")
    return Linked(tenant, order, Client(tenant.host).as_bearer(staff.token("commerce")))


def pay(providers: Providers, link_id: str | None = None, card: str = "success") -> dict[str, Any]:
    """Somebody opens the page of a link and pays there."""
    link = link_id or providers.records("stripe.payment_link")[-1]["id"]
    session = providers.ask("POST", "/control/stripe/visit", {"payment_link": link})
    done: dict[str, Any] = providers.ask("POST", "/control/stripe/checkout", {"session": session["id"], "card": card})
    return done


def links(providers: Providers) -> list[tuple[bool, int]]:
    return [(link["active"], link["_amount"]) for link in providers.records("stripe.payment_link")]


def payments(tenant: Tenant) -> list[tuple[str, bool]]:
    return [(row["state"], row["is_link"]) for row in tenant.rows("SELECT state, is_link FROM payment ORDER BY id")]


def test_a_link_asks_for_the_orders_total_and_can_be_paid_once(linked: Linked, providers: Providers) -> None:
    reply = linked.link()
    assert (reply.status, reply.json["success"], reply.json["amount"]) == (200, True, 25)
    made = providers.records("stripe.payment_link")[0]
    assert (reply.json["payment_url"], reply.json["order_number"]) == (made["url"], linked.order["order_number"])
    assert made["restrictions"] == {"completed_sessions": {"limit": 1, "count": 0}}
    pay(providers)
    deliver_all(linked.tenant, providers, "checkout.session.completed", "payment_intent.succeeded")
    assert linked.state() == ("confirmed", "paid")
    assert links(providers) == [(False, 2500)]
    assert linked.link().status == 409
    check_books(linked.tenant)


def test_the_same_link_every_time_and_its_end_as_asked(linked: Linked, providers: Providers) -> None:
    first, second, longer = linked.link(), linked.link(), linked.link(expires_in_hours=48)
    assert second.json == first.json
    assert (longer.json["payment_url"], longer.json["expires_at"] > first.json["expires_at"]) == (
        first.json["payment_url"],
        True,
    )
    assert len(providers.records("stripe.payment_link")) == 1


def test_fifty_ask_at_once_for_one_link(linked: Linked, providers: Providers) -> None:
    replies = together(50, lambda _: linked.link())
    assert {reply.status for reply in replies} == {200}
    urls = {reply.json["payment_url"] for reply in replies if reply.json["success"]}
    assert len(urls) == 1
    assert (len(providers.records("stripe.payment_link")), payments(linked.tenant)) == (1, [("created", True)])


def test_the_customer_is_mailed_the_page_that_staff_made(linked: Linked, providers: Providers) -> None:
    url = linked.link().json["payment_url"]
    linked.link()
    linked.tenant.work_off()
    mails = linked.tenant.rows("SELECT recipient, body_text FROM message WHERE kind = 'payment_link'")
    assert [(mail["recipient"], url in mail["body_text"]) for mail in mails] == [("ana@example.com", True)]


def test_an_intent_in_place_of_a_link_and_the_other_way_about(
    api: Client, linked: Linked, providers: Providers
) -> None:
    linked.link()
    body = {"order_number": linked.order["order_number"], "amount": 25}
    intent = api.post("/api/payments/create-intent", body)
    assert (intent.status, links(providers)) == (200, [(False, 2500)])
    assert payments(linked.tenant) == [("canceled", True), ("requires_payment", False)]
    assert linked.link().json["success"] is True
    assert payments(linked.tenant)[1:] == [("canceled", False), ("created", True)]
    intents = {i["id"]: i["status"] for i in providers.records("stripe.payment_intent")}
    assert intents[intent.json["payment_intent_id"]] == "canceled"


def test_a_visit_that_is_open_ends_with_its_link(api: Client, linked: Linked, providers: Providers) -> None:
    linked.link()
    link_id = providers.records("stripe.payment_link")[0]["id"]
    session = providers.ask("POST", "/control/stripe/visit", {"payment_link": link_id})
    body = {"order_number": linked.order["order_number"], "amount": 25}
    assert api.post("/api/payments/create-intent", body).status == 200
    with pytest.raises(Exception, match="400"):
        providers.ask("POST", "/control/stripe/checkout", {"session": session["id"]})
    assert [s["status"] for s in providers.records("stripe.checkout.session")] == ["expired"]


def test_no_intent_beside_a_link_that_is_being_paid(api: Client, linked: Linked, providers: Providers) -> None:
    linked.link()
    pay(providers, card="bank")
    body = {"order_number": linked.order["order_number"], "amount": 25}
    assert api.post("/api/payments/create-intent", body).status == 409
    deliver_all(linked.tenant, providers, "checkout.session.completed", "payment_intent.succeeded")
    assert linked.state() == ("confirmed", "paid")
    assert len(providers.records("stripe.charge")) == 1


def test_a_declined_card_can_be_followed_by_another_visit(linked: Linked, providers: Providers) -> None:
    linked.link()
    with pytest.raises(Exception, match="402"):
        pay(providers, card="declined")
    deliver_all(linked.tenant, providers, "payment_intent.payment_failed")
    assert linked.state() == ("pending", "failed")
    pay(providers)
    deliver_all(linked.tenant, providers, "payment_intent.succeeded")
    assert linked.state() == ("confirmed", "paid")


def test_a_dispute_is_known_before_the_payment_is(linked: Linked, providers: Providers) -> None:
    """Its event names the intent alone, of which we have not heard: Stripe says whose it is."""
    linked.link()
    intent_id = pay(providers)["payment_intent"]
    providers.ask("POST", "/control/stripe/dispute", {"payment_intent": intent_id})
    told = providers.webhooks("stripe", "charge.dispute.created")
    dispute = next(d for d in told if d.type == "charge.dispute.created")
    assert dispute.send(Client(linked.tenant.host)).status == 200
    linked.tenant.work_off()
    assert linked.state() == ("confirmed", "disputed")


def test_a_link_ends_with_its_time(linked: Linked, providers: Providers, clock: Clock) -> None:
    from chalicelib.kernel import schedules

    linked.tenant.rows("UPDATE sales_order SET hold_expires_at = NULL RETURNING id")
    linked.link(expires_in_hours=1)
    clock.advance(seconds=3601)
    schedules.settle_payments({}, None)
    linked.tenant.work_off()
    assert (links(providers), payments(linked.tenant)) == ([(False, 2500)], [("canceled", True)])
    assert linked.link().json["success"] is True
    assert links(providers) == [(False, 2500), (True, 2500)]


@pytest.mark.parametrize("how", ["cancelled", "changed"])
def test_a_link_ends_with_what_it_was_for(how: str, linked: Linked, providers: Providers) -> None:
    from chalicelib import orders

    linked.link()
    with linked.tenant.uow() as uow:
        if how == "cancelled":
            orders.cancel(uow, linked.order["id"], reason="customer")
        else:
            uow.execute("UPDATE sales_order SET delivery_fee_minor = 500, total_minor = total_minor + 500")
    linked.tenant.work_off()
    if how == "changed":
        assert linked.link().json["amount"] == 30
    assert links(providers)[0] == (False, 2500)
    assert payments(linked.tenant)[0] == ("canceled", True)


def test_an_order_waits_for_a_link_of_ours(linked: Linked, providers: Providers, clock: Clock) -> None:
    from chalicelib import orders

    linked.link(expires_in_hours=2)
    clock.advance(seconds=45 * 60)
    with linked.tenant.uow() as uow:
        assert orders.expire_unpaid(uow) == 0
    pay(providers)
    clock.advance(seconds=80 * 60)
    deliver_all(linked.tenant, providers, "payment_intent.succeeded")
    assert linked.state() == ("confirmed", "paid")


def test_a_link_whose_making_was_never_answered_is_made_anew(
    linked: Linked, providers: Providers, clock: Clock
) -> None:
    providers.fail("stripe", "payment_links.create", status=500, times=3)
    assert linked.link().json["success"] is False
    providers.recover()
    clock.advance(seconds=121)
    assert linked.link().json["success"] is True
    assert payments(linked.tenant) == [("canceled", True), ("created", True)]


def test_where_stripe_is_away_there_is_another_way_to_pay(linked: Linked, providers: Providers) -> None:
    providers.fail("stripe", "payment_links.create", status=500, times=3)
    reply = linked.link()
    assert (reply.status, reply.json["success"], reply.json["payment_url"]) == (200, False, None)
    assert reply.json["fallback_url"].endswith(f"/?pay={linked.order['order_number']}")
    providers.recover()
    again = linked.link()
    assert again.json["success"] is True
    assert len(payments(linked.tenant)) == 1


def test_customers_have_links_for_their_own_orders(tenant: Tenant, providers: Providers) -> None:
    owner, other = make_customer(tenant), make_customer(tenant)
    shelf = make_shelf(tenant, free=10)
    body = {
        "items": [{"product_id": shelf.product_id, "quantity": 1}],
        "payment_method": "credit_card",
        "delivery_name": "Ana",
        "delivery_address": "1 Street",
        "delivery_city": "Chicago",
        "delivery_state": "IL",
        "delivery_zip": "60601",
    }
    placed = owner.client().post("/api/orders", body)
    assert placed.status == 201, placed.json
    asked = {"order_number": placed.json["order"]["order_number"]}
    voice, reader = make_api_key(tenant, "voice"), make_api_key(tenant, "inventory:read")
    replies = [
        other.client().post(PATH, asked),
        Client(tenant.host).post(PATH, asked),
        Client(tenant.host).as_key(reader).post(PATH, asked),
        owner.client().post(PATH, asked),
        Client(tenant.host).as_key(voice).post(PATH, asked),
    ]
    assert [reply.status for reply in replies] == [404, 401, 403, 200, 200]
    assert replies[3].json["payment_url"] == replies[4].json["payment_url"]
    hold = tenant.value("SELECT hold_expires_at FROM sales_order WHERE customer_id = %(id)s", id=owner.id)
    assert datetime.fromisoformat(replies[3].json["expires_at"]) - hold < timedelta(seconds=1)


@pytest.mark.parametrize("hours", [0, -1, 721, 1.5, "3", True, 10**30])
def test_hours_that_are_none(hours: Any, linked: Linked, providers: Providers) -> None:
    assert linked.link(expires_in_hours=hours).status == 400
    assert payments(linked.tenant) == []


def test_webhook_confirm_and_link_by_fifty_at_once_is_paid_once(
    api: Client, linked: Linked, providers: Providers
) -> None:
    body = {"order_number": linked.order["order_number"], "amount": 25}
    intent_id = api.post("/api/payments/create-intent", body).json["payment_intent_id"]
    providers.pay(intent_id)
    webhook = next(
        d for d in providers.webhooks("stripe", "payment_intent.succeeded") if d.type == "payment_intent.succeeded"
    )
    confirmed = {"order_number": linked.order["order_number"], "payment_intent_id": intent_id}

    def storm(number: int) -> int:
        if number % 3 == 0:
            status = webhook.send(api).status
            linked.tenant.work_off(rounds=1)
            return status
        if number % 3 == 1:
            return api.post("/api/payments/confirm", confirmed).status
        return linked.link().status

    statuses = set(together(50, storm))
    assert statuses <= {200, 409}
    linked.tenant.work_off()
    assert linked.state() == ("confirmed", "paid")
    charges = linked.tenant.rows("SELECT external_id, amount_minor FROM payment_entry WHERE kind = 'charge'")
    assert charges == [{"external_id": intent_id, "amount_minor": 2500}]
    assert [c["amount"] for c in providers.records("stripe.charge")] == [2500]
    assert not any(active for active, _ in links(providers))
    assert (
        linked.tenant.value("SELECT count(*) FROM outbox WHERE topic = 'payments.order_paid' AND queue <> 'bus'") == 1
    )
    check_books(linked.tenant)
