"""Closing an account: what goes, what stays, what is free again, and when it is refused."""

import pytest

from tests.client import Client
from tests.customers.post import codes, messages, reset_tokens, verification_paths
from tests.factories.credit import give_credit
from tests.factories.customers import PASSWORD, Shopper, make_customer
from tests.factories.orders import order_body
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

IN_USE = {"error": "The account cannot be closed while orders are open or unpaid, or store credit is left"}


def _order(tenant: Tenant, shopper: Shopper) -> int:
    shelf = make_shelf(tenant, free=10)
    reply = shopper.client().post("/api/orders", order_body((shelf.product_id, 1)))
    assert reply.status == 201
    order_id: int = reply.json["order"]["id"]
    return order_id


def _set(tenant: Tenant, order_id: int, state: str, payment_state: str) -> None:
    sql = "UPDATE sales_order SET state = %(state)s, payment_state = %(paid)s WHERE id = %(id)s RETURNING id"
    tenant.rows(sql, id=order_id, state=state, paid=payment_state)


def test_what_is_personal_goes_and_orders_stay(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(
        tenant,
        first_name="Ana",
        last_name="Reyes",
        business_ein="12-3456789",
        resale_certificate="RC 1",
        shipping_address="12 Harbor Street",
        billing_address="12 Harbor Street",
        payment_terms="net30",
        credit_limit_minor=100_00,
    )
    order_id = _order(tenant, shopper)
    before = tenant.rows("SELECT * FROM sales_order WHERE id = %(id)s", id=order_id)
    _set(tenant, order_id, "delivered", "paid")
    here, there = shopper.client(), shopper.client()

    reply = here.delete(f"/api/users/{shopper.id}")
    assert (reply.status, reply.body, reply.statements) == (204, b"", 9)
    assert reply.cookies == ["__Host-qm_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"]
    assert [client.get("/api/me").status for client in (here, there)] == [401, 401]
    for name in (shopper.username, shopper.email):
        assert api.post("/api/login", {"username": name, "password": PASSWORD}).status == 401

    (row,) = tenant.rows("SELECT * FROM customer")
    kept = {"id", "organization_id", "created_at", "updated_at", "closed_at", "password_changed_at"}
    assert {name: value for name, value in row.items() if name not in kept and value not in ("", None)} == {
        "username": f"closed@{shopper.id}",
        "username_key": f"closed@{shopper.id}",
        "password_hash": "!",
        "payment_terms": "prepaid",
        "credit_limit_minor": 0,
        "is_active": False,
    }
    after = tenant.rows("SELECT * FROM sales_order WHERE id = %(id)s", id=order_id)
    assert after == [{**before[0], "state": "delivered", "payment_state": "paid"}]
    (mail,) = messages(tenant, "account_closed")
    assert (mail["recipient"], mail["subject"]) == (shopper.email, "Your account is closed")
    (entry,) = tenant.rows("SELECT before, after FROM audit_entry WHERE action = 'close'")
    assert entry == {"before": None, "after": None}


def test_name_address_and_number_are_free_again(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    assert shopper.client().delete(f"/api/users/{shopper.id}").status == 204
    body = {"username": shopper.username, "email": shopper.email, "phone": shopper.phone, "password": PASSWORD}
    reply = api.post("/api/register", body)
    assert (reply.status, reply.json["user"]["id"] != shopper.id) == (201, True)


def test_nobody_can_take_the_name_of_a_closed_account(api: Client, tenant: Tenant) -> None:
    body = {"username": "closed@7", "password": PASSWORD}
    for more in ({}, {"email": "closed@7"}, {"email": "ada@example.com"}):
        assert api.post("/api/register", {**body, **more}).status == 400


@pytest.mark.parametrize(
    ("state", "payment_state", "status"),
    [
        ("pending", "unpaid", 409),
        ("confirmed", "paid", 409),
        ("picking", "paid", 409),
        ("packed", "paid", 409),
        ("shipped", "unpaid", 409),
        ("delivered", "overdue", 409),
        ("delivered", "processing", 409),
        ("delivered", "disputed", 409),
        ("shipped", "paid", 204),
        ("delivered", "refunded", 204),
        ("delivered", "part-refunded", 204),
        ("cancelled", "unpaid", 204),
        ("cancelled", "refunded", 204),
    ],
)
def test_when_it_is_refused(state: str, payment_state: str, status: int, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    _set(tenant, _order(tenant, shopper), state, payment_state)
    client = shopper.client()
    reply = client.delete(f"/api/users/{shopper.id}")
    assert (reply.status, reply.json) == (status, IN_USE if status == 409 else None)
    assert (client.get("/api/me").status, tenant.value("SELECT is_active FROM customer")) == (
        (200, True) if status == 409 else (401, False)
    )


def test_store_credit_does_not_vanish_with_the_account(tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    give_credit(shopper, 1)
    client = shopper.client()
    reply = client.delete(f"/api/users/{shopper.id}")
    assert (reply.status, reply.json, client.get("/api/me").status) == (409, IN_USE, 200)


def test_links_codes_and_mails_that_were_on_their_way_come_to_nothing(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    client = shopper.client()
    client.put(f"/api/users/{shopper.id}", {"email": "new.address@example.com"})
    api.post("/api/customer/forgot-password", {"identifier": shopper.email})
    api.post("/api/auth/phone/send-code", {"phone": shopper.phone})
    (token,), (code,), (path,) = reset_tokens(tenant), codes(tenant), verification_paths(tenant)
    api.post("/api/customer/forgot-username", {"email": shopper.email})
    assert client.delete(f"/api/users/{shopper.id}").status == 204

    assert api.post("/api/auth/reset-password", {"token": token, "password": "another velvet lamp"}).status == 400
    session = api.post("/api/auth/phone/verify-code", {"phone": shopper.phone, "code": code}).json
    assert api.post("/api/auth/phone/lookup-username", session).status == 400
    assert api.get(path).headers["Location"].endswith("=invalid")
    assert messages(tenant, "forgot_username") == []
    assert tenant.value("SELECT email FROM customer") is None


def test_closing_twice_at_once(tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    clients = [shopper.client() for _ in range(8)]
    statuses = [r.status for r in together(8, lambda n: clients[n].delete(f"/api/users/{shopper.id}"))]
    assert (statuses.count(204), statuses.count(401)) == (1, 7)
    assert len(messages(tenant, "account_closed")) == 1


@pytest.mark.parametrize("method", ["credit_card", "net30"])
def test_closing_while_orders_are_placed(method: str, tenant: Tenant) -> None:
    """No 5xx, and nothing is owed on the terms of an account that is closed."""
    shopper = make_customer(tenant, payment_terms="net30", credit_limit_minor=10_000_00)
    shelf = make_shelf(tenant, free=50)
    clients = [shopper.client() for _ in range(20)]
    body = order_body((shelf.product_id, 1), payment_method=method)

    def act(number: int) -> int:
        if number == 10:
            return clients[number].delete(f"/api/users/{shopper.id}").status
        return clients[number].post("/api/orders", body).status

    statuses = together(20, act)
    closed = statuses.pop(10)
    assert closed in (204, 409)
    assert set(statuses) <= {201, 401, 409}
    owed = "SELECT count(*) FROM sales_order WHERE payment_method = 'net30' AND state = 'confirmed'"
    assert closed == 409 or tenant.value(owed) == 0
    check_books(tenant)
