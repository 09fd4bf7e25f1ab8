"""What customers hear about their orders."""

from typing import Any

import pytest

from chalicelib import messaging, orders
from chalicelib.messaging import rendering
from tests.client import Client
from tests.factories.customers import make_customer
from tests.factories.orders import make_order, order_body
from tests.factories.stock import make_shelf
from tests.providers import Providers
from tests.tenant import Tenant

CONTACT: dict[str, Any] = {"delivery_email": "ana@example.com", "delivery_phone": "+13125550123"}


def place(tenant: Tenant, **more: Any) -> dict[str, Any]:
    shelf = make_shelf(tenant, free=10, price_minor=1250)
    return make_order(tenant, (shelf.product_id, 2), **{**CONTACT, **more})


def ship(tenant: Tenant, order_id: int) -> None:
    with tenant.uow() as uow:
        order = orders.lock_order(uow, order_id)
        orders.record_shipment(uow, order, tracking_number="1Z999AA10123456784", carrier="UPS")


def test_a_placed_order_is_confirmed_by_mail(tenant: Tenant, providers: Providers) -> None:
    order = place(tenant)
    tenant.work_off()
    [mail] = providers.inbox("mail")
    assert mail["subject"] == f"We have received your order {order['order_number']}"
    assert "Total: 25.00 USD" in mail["text"]
    assert providers.inbox("sms") == []


def test_a_mail_to_a_guest_says_nothing_that_a_stranger_wrote(tenant: Tenant, providers: Providers) -> None:
    """Whoever orders chooses name and address; a customer of ours is somebody."""
    shelf, words = make_shelf(tenant), "You have won! See evil.example"
    body = order_body((shelf.product_id, 1), **CONTACT, delivery_name=words, special_notes=words)
    for caller in (Client(tenant.host), make_customer(tenant).client()):
        placed = caller.post("/api/orders", body)
        assert placed.status == 201
        ship(tenant, placed.json["order"]["id"])
    tenant.work_off()
    mails = providers.inbox("mail")
    assert [words in mail["text"] for mail in sorted(mails, key=lambda m: words in m["text"])] == [False] * 2 + [
        True
    ] * 2
    assert [(words in mail["text"]) == (words in mail["html"]) for mail in mails] == [True] * 4
    assert len([mail for mail in mails if mail["text"].startswith("Hello,")]) == 2


def test_a_shipped_order_is_announced_by_text_and_mail(tenant: Tenant, providers: Providers) -> None:
    order = place(tenant)
    ship(tenant, order["id"])
    tenant.work_off()
    [sms] = providers.inbox("sms")
    number = order["order_number"]
    assert (sms["to"], sms["body"]) == (
        "+13125550123",
        f"Your order {number} has shipped with UPS, tracking 1Z999AA10123456784.",
    )
    assert [m["subject"] for m in providers.inbox("mail")][1:] == [f"Your order {number} has shipped"]
    with tenant.uow() as uow:
        kinds = [(m.channel, m.kind) for m in messaging.messages_of_order(uow, order["id"])]
    assert kinds == [("mail", "order_placed"), ("sms", "order_shipped"), ("mail", "order_shipped")]


def test_an_order_without_an_address_hears_nothing(tenant: Tenant, providers: Providers) -> None:
    order = place(tenant, delivery_email=None, delivery_phone=None)
    ship(tenant, order["id"])
    tenant.work_off()
    assert (providers.inbox("mail"), providers.inbox("sms")) == ([], [])


def test_a_cancelled_order_is_told_by_mail_and_its_intent_is_cancelled(tenant: Tenant, providers: Providers) -> None:
    from tests.factories.payments import make_checkout

    checkout = make_checkout(tenant, **CONTACT)
    with tenant.uow() as uow:
        orders.cancel(uow, checkout.order_id, reason="expired")
    tenant.work_off()
    mail = providers.inbox("mail")[-1]
    assert mail["subject"] == f"Your order {checkout.number} has been cancelled"
    assert "because no payment arrived in time" in mail["text"]
    assert "Nothing will be charged." in mail["text"]
    assert [i["status"] for i in providers.records("stripe.payment_intent")] == ["canceled"]
    assert tenant.value("SELECT state FROM payment") == "canceled"


def test_a_paid_order_that_is_cancelled_hears_what_it_gets_back(tenant: Tenant, providers: Providers) -> None:
    from tests.factories.payments import make_checkout

    checkout = make_checkout(tenant, **CONTACT)
    providers.pay(checkout.intent_id)
    assert checkout.confirm().status == 200
    with tenant.uow() as uow:
        orders.cancel(uow, checkout.order_id, reason="customer")
    tenant.work_off()
    mails = {mail["subject"].split(" order ")[0]: mail["text"] for mail in providers.inbox("mail")}
    told = ["We have received your", "We have returned 25.00 USD for", "Your", "Your payment for"]
    assert sorted(mails) == told
    assert "We will return 25.00 USD to you." in mails["Your"]
    assert checkout.picture()["due"] == []


TEMPLATES = sorted(path.stem for path in rendering.FOLDER.glob("*.txt"))


def test_every_template_has_both_forms() -> None:
    html = {path.stem for path in rendering.FOLDER.glob("*.html")} - {"base"}
    assert html == set(TEMPLATES)


def test_html_is_escaped_and_a_subject_is_one_line() -> None:
    context = {"organization": "A & B", "name": "<b>Ana</b>\nBcc: x@example.com", "link": "https://a?b&c", "hours": 1}
    mail = rendering.render("verify_email", context)
    assert "<b>Ana" not in mail.html
    assert "&lt;b&gt;Ana" in mail.html
    assert "A &amp; B" in mail.html
    assert "\n" not in mail.subject


def test_a_missing_variable_is_an_error() -> None:
    with pytest.raises(Exception, match="'link' is undefined"):
        rendering.render("verify_email", {"organization": "A", "name": "Ana", "hours": 1})
