"""The staff portal: a token for other domains, a cookie for our own pages."""

import pytest

from tests.client import Client
from tests.factories.customers import make_customer
from tests.factories.identity import PASSWORD, make_staff
from tests.tenant import Tenant

OURS = "https://shop.example.test"
THEIRS = "https://evil.example.test"


def test_signing_in_by_token_and_by_cookie(api: Client, tenant: Tenant) -> None:
    member = make_staff(tenant, commerce_role="sales_rep", first_name="Ana", last_name="Reyes")
    reply = api.post("/api/staff/login", {"username": member.username, "password": PASSWORD})
    expected = {
        "id": member.id,
        "username": member.username,
        "email": member.email,
        "first_name": "Ana",
        "last_name": "Reyes",
        "role": "sales_rep",
        "must_change_password": False,
    }
    assert (reply.status, reply.statements) == (200, 5)
    assert (reply.json["success"], reply.json["staff"]) == (True, expected)
    cookie = f"__Host-qm_staff={reply.json['token']}; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure"
    assert reply.cookies == [cookie]
    for client in (api.as_bearer(reply.json["token"]), api.with_cookie(cookie)):
        me = client.get("/api/staff/me")
        assert (me.status, me.json, me.statements) == (200, {"staff": expected}, 4)


@pytest.mark.parametrize("fields", [{"wms_role": "ADMIN"}, {"storage_role": "Super Admin"}])
def test_other_staff_has_no_business_here(fields: dict[str, str], api: Client, tenant: Tenant) -> None:
    member = make_staff(tenant, **fields)
    assert api.post("/api/staff/login", {"username": member.username, "password": PASSWORD}).status == 401
    assert member.client("commerce").get("/api/staff/me").status == 401


def test_signing_out_ends_the_session_and_can_be_repeated(api: Client, tenant: Tenant) -> None:
    member = make_staff(tenant)
    client = api.with_cookie(f"__Host-qm_staff={member.token('commerce')}")
    for _ in range(2):
        reply = client.post("/api/staff/logout")
        assert (reply.status, reply.json) == (200, {"success": True})
        assert reply.cookies == ["__Host-qm_staff=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"]
        assert client.get("/api/staff/me").status == 401
    assert api.post("/api/staff/logout").status == 200


@pytest.mark.parametrize(
    ("_case", "headers", "status"),
    [
        ("our page", {"origin": OURS}, 200),
        ("a program", {}, 200),
        ("another site", {"origin": THEIRS}, 403),
        ("a page without an origin", {"origin": "null"}, 403),
        ("a form of another site", {"sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_writes_with_a_cookie_come_from_our_own_pages(
    _case: str, headers: dict[str, str], status: int, api: Client, tenant: Tenant
) -> None:
    member = make_staff(tenant)
    client = api.with_cookie(f"__Host-qm_staff={member.token('commerce')}")
    assert client.post("/api/staff/logout", **headers).status == status
    assert client.get("/api/staff/me").status == (401 if status == 200 else 200)
    body = {"username": member.username, "password": PASSWORD}
    assert api.post("/api/staff/login", body, **headers).status == status


def test_a_customer_is_no_staff(api: Client, tenant: Tenant) -> None:
    token = make_customer(tenant).cookie().removeprefix("__Host-qm_session=")
    for client in (
        api.as_bearer(token),
        api.with_cookie(f"__Host-qm_staff={token}"),
        api.with_cookie(f"__Host-qm_session={token}"),
    ):
        assert client.get("/api/staff/me").status == 401


def test_who_must_choose_a_password_may_look_at_the_profile(api: Client, tenant: Tenant) -> None:
    member = make_staff(tenant, must_change_password=True)
    client = member.client("commerce")
    assert client.get("/api/staff/me").json["staff"]["must_change_password"] is True
    body = {"current_password": PASSWORD, "new_password": "another lantern 8"}
    assert client.post("/api/auth/change-password", body).status == 200
    assert client.get("/api/staff/me").status == 401
