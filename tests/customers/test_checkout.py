"""An account made at check-out, and the guest's order that becomes its own: only what is provably theirs."""

import re
from collections import Counter
from typing import Any

import pytest

from chalicelib import orders, routes
from chalicelib.kernel import jobs
from tests.client import Client, Reply
from tests.factories.customers import PASSWORD, make_customer
from tests.factories.floor import place
from tests.factories.orders import DELIVERY, make_guests_order, order_body
from tests.factories.stock import make_shelf
from tests.tenant import Clock, Tenant
from tests.threads import together

PATH = "/api/orders/create-account"
ANA, EVE = "ana.reyes@example.com", "eve@example.com"
CLIENTS = 50


def _ask(api: Client, **fields: Any) -> Reply:
    return api.post(PATH, {"email": ANA, "password": PASSWORD, **DELIVERY, **fields})


def _guest(tenant: Tenant, **more: Any) -> tuple[str, str]:
    return make_guests_order(tenant, (make_shelf(tenant).product_id, 1), **more)


def _links(tenant: Tenant) -> dict[str, str]:
    """Address -> path of the verification link that was mailed to it last."""
    due = "SELECT id, topic FROM outbox WHERE topic LIKE 'customers.%%' AND closed_at IS NULL ORDER BY id"
    for row in tenant.rows(due):
        jobs.run(tenant.id, row["id"], row["topic"], routes.CONSUMERS)
    mails = tenant.rows("SELECT recipient, body_text FROM message WHERE kind = 'verify_email' ORDER BY id")
    found = {m["recipient"]: re.search(r"/api/auth/verify-email/\S+", m["body_text"]) for m in mails}
    return {recipient: link[0] for recipient, link in found.items() if link}


def _owner(tenant: Tenant, number: str) -> int | None:
    owner: int | None = tenant.value("SELECT customer_id FROM sales_order WHERE number = %(n)s", n=number)
    return owner


def test_from_guest_to_customer(api: Client, tenant: Tenant) -> None:
    number, _ = _guest(tenant, delivery_email="Ana.Reyes@Example.com")
    reply = _ask(api, order_number=number, delivery_phone="(212) 555-0100", delivery_company="Corner Shop 7")
    assert (reply.status, reply.json["success"], reply.statements) == (201, True, 7)
    user = reply.json["user"]
    assert user == {
        "id": user["id"],
        "username": ANA,
        "email": ANA,
        "first_name": "Ana",
        "last_name": "Reyes",
        "company_name": "Corner Shop 7",
        "phone": "+12125550100",
        "shipping_address": "12 Harbor Street",
        "email_verified": False,
    }
    assert reply.cookies == []
    early = api.post("/api/login", {"username": ANA, "password": PASSWORD})
    assert (early.status, _owner(tenant, number)) == (403, None)
    assert api.get(f"/api/orders/{number}").status == 200, "it is the guest's still"

    opened = api.get(_links(tenant)[ANA])
    assert (opened.headers["Location"], _owner(tenant, number)) == (
        "https://shop.example.test/?email_verified=success",
        user["id"],
    )
    signed_in = api.post("/api/login", {"username": ANA, "password": PASSWORD})
    mine = api.with_cookie(signed_in.cookies[0]).get("/api/orders")
    assert [o["order_number"] for o in mine.json] == [number]
    assert api.get(f"/api/orders/{number}?email={ANA}").status == 404, "it is a customer's now"
    assert tenant.value("SELECT count(*) FROM order_claim") == 0
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE action = 'order.linked'") == 1


def test_opening_the_link_again_changes_nothing(api: Client, tenant: Tenant) -> None:
    number, _ = _guest(tenant, delivery_email=ANA)
    _ask(api, order_number=number)
    link = _links(tenant)[ANA]
    assert {api.get(link).status for _ in range(3)} == {302}
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE action = 'order.linked'") == 1


@pytest.mark.parametrize(
    ("_case", "delivery_email", "with_token", "is_linked"),
    [
        ("the order's address", ANA, False, True),
        ("the order's address, and its token", ANA, True, True),
        ("another address, with the token", EVE, True, True),
        ("another address", EVE, False, False),
        ("an address that only looks like it", f"x{ANA}", False, False),
        ("no address, with the token", None, True, True),
        ("no address", None, False, False),
    ],
)
def test_only_a_proven_order_is_linked(
    _case: str, delivery_email: str | None, with_token: bool, is_linked: bool, api: Client, tenant: Tenant
) -> None:
    number, token = _guest(tenant, delivery_email=delivery_email)
    made = _ask(api, order_number=number, order_token=token if with_token else "qmo_guess")
    assert (made.status, _owner(tenant, number)) == (201, None)
    api.get(_links(tenant)[ANA])
    assert _owner(tenant, number) == (made.json["user"]["id"] if is_linked else None)
    assert tenant.value("SELECT count(*) FROM order_claim") == 0


def test_which_orders_there_are_does_not_show(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    shelf = make_shelf(tenant)
    bought = shopper.client().post("/api/orders", order_body((shelf.product_id, 1), delivery_email=ANA)).json["order"]
    entered = place(tenant, (shelf, 1))
    numbers = [
        _guest(tenant, delivery_email=EVE)[0],
        _guest(other_tenant, delivery_email="a2@example.com")[0],
        bought["order_number"],
        entered.number,
        "QM-NOBOD-YHERE",
    ]
    replies = [_ask(api, email=f"a{n}@example.com", order_number=number) for n, number in enumerate(numbers)]
    said = {(r.status, r.json["message"], r.statements, tuple(r.json), tuple(r.json["user"])) for r in replies}
    assert len(said) == 1, said
    for link in _links(tenant).values():
        api.get(link)
    assert [_owner(tenant, number) for number in (numbers[0], numbers[3])] == [None, None]
    assert (_owner(tenant, bought["order_number"]), _owner(other_tenant, numbers[1])) == (shopper.id, None)


@pytest.mark.parametrize(
    ("_case", "account", "fields", "field"),
    [
        ("address", {"email": ANA}, {}, "email"),
        ("address in other letters", {"email": ANA}, {"email": ANA.upper()}, "email"),
        ("address that is also the user name", {"email": ANA, "username": ANA}, {}, "email"),
        ("number", {"phone": "+12125550100"}, {"delivery_phone": "212 555 0100"}, "phone"),
    ],
)
def test_what_is_taken_links_nothing_and_tells_what_registering_tells(
    _case: str, account: dict[str, str], fields: dict[str, str], field: str, api: Client, tenant: Tenant
) -> None:
    make_customer(tenant, **account)
    number, token = _guest(tenant, delivery_email=ANA)
    reply = _ask(api, **fields, order_number=number, order_token=token)
    body = {"username": "other", "email": fields.get("email", ANA), "password": PASSWORD}
    registered = api.post("/api/register", {**body, "phone": fields.get("delivery_phone")})
    assert (reply.status, reply.json) == (409, registered.json)
    assert (reply.json["duplicate_field"], _owner(tenant, number)) == (field, None)
    assert tenant.rows("SELECT order_id FROM order_claim") == []
    assert tenant.value("SELECT count(*) FROM customer") == 1


def test_a_weak_password_makes_nothing(api: Client, tenant: Tenant) -> None:
    number, _ = _guest(tenant, delivery_email=ANA)
    assert [_ask(api, password=p, order_number=number).status for p in ("short", "password1", ANA)] == [400, 400, 400]
    assert tenant.value("SELECT count(*) FROM customer") == 0


def test_a_new_password_by_mail_proves_the_address_too(api: Client, tenant: Tenant) -> None:
    number, _ = _guest(tenant, delivery_email=ANA)
    made = _ask(api, order_number=number)
    assert api.post("/api/customer/forgot-password", {"identifier": ANA}).status == 200
    _links(tenant)
    mail = tenant.value("SELECT body_text FROM message WHERE kind = 'reset_password'")
    token = re.search(r"#token=(\S+)", mail)
    assert token is not None
    assert api.post("/api/auth/reset-password", {"token": token[1], "password": "another velvet lamp"}).status == 200
    assert _owner(tenant, number) == made.json["user"]["id"]


@pytest.mark.parametrize(
    ("_case", "change", "loc"),
    [
        ("no address", {"email": None}, "email"),
        ("no e-mail", {"email": "ana"}, "email"),
        ("a list", {"email": [ANA]}, "email"),
        ("empty name", {"delivery_name": ""}, "delivery_name"),
        ("control characters", {"delivery_city": "Chi\x07cago"}, "delivery_city"),
        ("NUL", {"delivery_zip": "6\x00"}, "delivery_zip"),
        ("a lone surrogate", {"delivery_state": "\ud800"}, "delivery_state"),
        ("no number", {"delivery_phone": "call me"}, "delivery_phone"),
        ("too long", {"order_number": "Q" * 65}, "order_number"),
        ("a number", {"order_number": 1}, "order_number"),
        ("too long a token", {"order_token": "q" * 129}, "order_token"),
        ("a password that is none", {"password": 12345678}, "password"),
        ("another's account", {"user_id": 1}, "user_id"),
        ("verified at once", {"email_verified": True}, "email_verified"),
    ],
)
def test_odd_accounts_are_refused(_case: str, change: dict[str, Any], loc: str, api: Client, tenant: Tenant) -> None:
    reply = _ask(api, **change)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [loc] in [detail["loc"] for detail in reply.json["details"]]
    assert tenant.value("SELECT count(*) FROM customer") == 0


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Ana Reyes", "Ana", "Reyes"), ("Ana", "Ana", ""), ("Ana de los Reyes", "Ana de los", "Reyes")],
)
def test_names(name: str, first: str, last: str, api: Client) -> None:
    user = _ask(api, delivery_name=name).json["user"]
    assert (user["first_name"], user["last_name"]) == (first, last)


def test_an_order_that_was_cancelled_meanwhile_is_linked_all_the_same(
    api: Client, tenant: Tenant, clock: Clock
) -> None:
    number, _ = _guest(tenant, delivery_email=ANA)
    made = _ask(api, order_number=number)
    clock.advance(seconds=31 * 60)
    with tenant.uow() as uow:
        assert orders.expire_unpaid(uow) == 1
    api.get(_links(tenant)[ANA])
    assert _owner(tenant, number) == made.json["user"]["id"]


# Many at once.


def test_one_address_claimed_by_many_is_one_account(api: Client, tenant: Tenant) -> None:
    number, token = _guest(tenant, delivery_email=ANA)
    replies = together(CLIENTS, lambda _: _ask(api, order_number=number, order_token=token))
    assert Counter(r.status for r in replies) == {201: 1, 409: CLIENTS - 1}
    assert tenant.value("SELECT count(*) FROM order_claim") == 1


def test_of_many_accounts_that_claim_one_order_one_gets_it(api: Client, tenant: Tenant) -> None:
    """All of them bring its token, and all are verified at once."""
    number, token = _guest(tenant)
    made = [_ask(api, email=f"buyer{n}@example.com", order_number=number, order_token=token) for n in range(CLIENTS)]
    links = list(_links(tenant).values())
    replies = together(CLIENTS, lambda n: api.get(links[n]))
    assert Counter(r.headers["Location"] for r in replies) == {
        "https://shop.example.test/?email_verified=success": CLIENTS
    }
    assert _owner(tenant, number) in {reply.json["user"]["id"] for reply in made}
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE action = 'order.linked'") == 1
    assert tenant.value("SELECT count(*) FROM order_claim") == 0


def test_one_link_opened_by_many_links_once(api: Client, tenant: Tenant) -> None:
    number, _ = _guest(tenant, delivery_email=ANA)
    _ask(api, order_number=number)
    link = _links(tenant)[ANA]
    replies = together(CLIENTS, lambda _: api.get(link))
    assert Counter(r.status for r in replies) == {302: CLIENTS}
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE action = 'order.linked'") == 1
