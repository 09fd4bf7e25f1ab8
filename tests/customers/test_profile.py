"""Customers' own records: reading and changing them, another address that must be proven, and nobody else's."""

from typing import Any

import pytest

from tests.client import Client
from tests.customers.post import codes, messages, reset_tokens, verification_paths
from tests.factories.customers import PASSWORD, make_customer
from tests.tenant import Clock, Tenant

NEW_EMAIL = "new.address@example.com"
TAKEN = "An account with these details exists already"


def test_the_own_record(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant, billing_address="1 Bank Street\nChicago", shipping_address="12 Harbor Street")
    client = shopper.client()
    me = client.get("/api/me")
    listed, own = client.get("/api/users"), client.get(f"/api/users/{shopper.id}")
    assert (listed.status, listed.json, listed.statements) == (200, me.json, 4)
    assert (own.status, own.json, own.statements) == (200, me.json, 4)
    user = own.json["user"]
    assert (user["billing_address"], user["shipping_address"]) == ("1 Bank Street\nChicago", "12 Harbor Street")
    assert (user["username"], user["pending_email"]) == (shopper.username, None)
    assert "password" not in own.body.decode()


def test_a_registration_may_bring_addresses(api: Client, tenant: Tenant) -> None:
    body = {"username": "ada", "password": PASSWORD, "shipping_address": "12 Harbor Street", "billing_address": None}
    more = {"city": "Chicago", "state": "IL", "zip": "60601"}
    user = api.post("/api/register", {**body, **more}).json["user"]
    assert (user["shipping_address"], user["billing_address"]) == ("12 Harbor Street", "")
    assert {name: user[name] for name in more} == more


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_ids_look_like_none(method: str, api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    shopper, neighbour, stranger = make_customer(tenant), make_customer(tenant), make_customer(other_tenant)
    client = shopper.client()
    seen = []
    for user_id in (neighbour.id, stranger.id, 2_147_483_647, 0, "x", 2**40):
        reply = client.call(method, f"/api/users/{user_id}", {"phone": ""} if method == "PUT" else None, {})
        seen.append((reply.status, reply.json))
    assert seen == [(404, {"error": "Not found"})] * 6
    assert api.call(method, f"/api/users/{shopper.id}", None, {}).status == 401
    assert tenant.value("SELECT count(*) FROM customer WHERE is_active AND phone IS NOT NULL") == 2


def test_only_what_is_given_changes(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant, shipping_address="12 Harbor Street")
    client = shopper.client()
    before = client.get("/api/me").json["user"]
    path = f"/api/users/{shopper.id}"

    reply = client.put(path, {"company_name": "Engines Ltd", "billing_address": "1 Bank Street\nFloor 2"})
    expected = {**before, "company_name": "Engines Ltd", "billing_address": "1 Bank Street\nFloor 2"}
    assert (reply.status, reply.json, reply.statements) == (200, {"user": expected}, 6)
    reply = client.put(path, {"phone": "(212) 556-0199"})
    assert (reply.json["user"], reply.statements) == ({**expected, "phone": "+12125560199"}, 7)
    reply = client.put(path, {"phone": "", "shipping_address": None, "email": ""})
    assert reply.json["user"] == {**expected, "phone": None, "shipping_address": ""}
    assert client.put(path, {}).json["user"] == reply.json["user"]
    assert client.get("/api/me").json["user"] == reply.json["user"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"username": "other"}, "username"),
        ({"payment_terms": "net30"}, "payment_terms"),
        ({"credit_limit_minor": 1}, "credit_limit_minor"),
        ({"email_verified": True}, "email_verified"),
        ({"password": "x"}, "password"),
        ({"is_active": False}, "is_active"),
        ({"email": "no address"}, "email"),
        ({"email": ["a@example.com"]}, "email"),
        ({"phone": "911"}, "phone"),
        ({"phone": 12125550100}, "phone"),
        ({"company_name": "x" * 256}, "company_name"),
        ({"company_name": "a\tb"}, "company_name"),
        ({"shipping_address": "x" * 1001}, "shipping_address"),
        ({"billing_address": 1}, "billing_address"),
    ],
)
def test_wrong_fields(body: dict[str, Any], wrong: str, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    client = shopper.client()
    before = client.get("/api/me").json
    reply = client.put(f"/api/users/{shopper.id}", {"shipping_address": "elsewhere", **body})
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [detail["loc"][0] for detail in reply.json["details"]] == [wrong]
    assert client.get("/api/me").json == before


@pytest.mark.parametrize(
    ("field", "value"), [("email", "Taken@EXAMPLE.com"), ("phone", "+1 (212) 556-0100"), ("email", "TAKEN@example.com")]
)
def test_what_another_account_has(field: str, value: str, tenant: Tenant) -> None:
    make_customer(tenant, username="owner", email="taken@example.com", phone="+12125560100")
    shopper = make_customer(tenant)
    reply = shopper.client().put(f"/api/users/{shopper.id}", {field: value, "company_name": "Other"})
    assert (reply.status, reply.json["error"], reply.json["duplicate_field"]) == (409, TAKEN, field)
    assert "owner" not in reply.body.decode()
    assert shopper.client().get("/api/me").json["user"]["company_name"] == f"Corner Shop {shopper.username[7:]}"
    assert tenant.value("SELECT count(*) FROM outbox") == 0


def test_the_own_address_and_number_are_no_duplicates(tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    body = {"email": str(shopper.email).upper(), "phone": shopper.phone}
    reply = shopper.client().put(f"/api/users/{shopper.id}", body)
    assert (reply.status, reply.json["user"]["email"], reply.json["user"]["pending_email"]) == (
        200,
        shopper.email,
        None,
    )
    assert messages(tenant, "verify_email") == []


def test_another_address_counts_once_it_is_proven(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    client = shopper.client()
    reply = client.put(f"/api/users/{shopper.id}", {"email": NEW_EMAIL})
    assert (reply.status, reply.statements) == (200, 7)
    user = reply.json["user"]
    assert (user["email"], user["email_verified"], user["pending_email"]) == (shopper.email, True, NEW_EMAIL)
    (path,) = verification_paths(tenant)
    (proof,), (warning,) = messages(tenant, "verify_email"), messages(tenant, "email_change")
    assert (proof["recipient"], warning["recipient"]) == (NEW_EMAIL, shopper.email)
    assert NEW_EMAIL in warning["body_text"]
    assert api.post("/api/login", {"username": NEW_EMAIL, "password": PASSWORD}).status == 401
    assert api.post("/api/login", {"username": shopper.email, "password": PASSWORD}).status == 200

    clicks = [api.get(path) for _ in range(2)]
    assert [click.headers["Location"].rpartition("=")[2] for click in clicks] == ["success"] * 2
    assert clicks[0].statements <= 6
    user = client.get("/api/me").json["user"]
    assert (user["email"], user["email_verified"], user["pending_email"]) == (NEW_EMAIL, True, None)
    assert api.post("/api/login", {"username": NEW_EMAIL, "password": PASSWORD}).status == 200
    assert api.post("/api/login", {"username": shopper.email, "password": PASSWORD}).status == 401


def test_only_the_address_entered_last_can_be_proven(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    for email in ("first@example.com", "second@example.com"):
        shopper.client().put(f"/api/users/{shopper.id}", {"email": email})
        verification_paths(tenant)
    first, second = verification_paths(tenant)
    assert api.get(first).headers["Location"].endswith("=invalid")
    assert api.get(second).headers["Location"].endswith("=success")


def test_a_link_for_another_address_expires(api: Client, tenant: Tenant, clock: Clock) -> None:
    shopper = make_customer(tenant)
    shopper.client().put(f"/api/users/{shopper.id}", {"email": NEW_EMAIL})
    (path,) = verification_paths(tenant)
    clock.advance(seconds=24 * 3600 + 1)
    assert api.get(path).headers["Location"].endswith("=expired")
    assert tenant.value("SELECT email FROM customer") == shopper.email
    assert shopper.client().post("/api/auth/resend-verification").status == 200
    assert api.get(verification_paths(tenant)[-1]).headers["Location"].endswith("=success")
    assert tenant.value("SELECT email FROM customer") == NEW_EMAIL


def test_two_accounts_may_want_one_address_and_the_first_to_prove_it_has_it(api: Client, tenant: Tenant) -> None:
    first, second = make_customer(tenant), make_customer(tenant)
    for shopper in (first, second):
        assert shopper.client().put(f"/api/users/{shopper.id}", {"email": NEW_EMAIL}).status == 200
        verification_paths(tenant)
    paths = verification_paths(tenant)
    assert [api.get(path).headers["Location"].rpartition("=")[2] for path in paths] == ["success", "invalid"]
    assert second.client().get("/api/me").json["user"]["email"] == second.email
    assert api.post("/api/register", {"username": "late", "email": NEW_EMAIL, "password": PASSWORD}).status == 409


def test_a_user_name_that_is_the_address_follows_it(api: Client, tenant: Tenant) -> None:
    """Else the next owner of the old address could not register, or would find it taken as a name."""
    shopper = make_customer(tenant, username="ada@example.com", email="Ada@example.com")
    shopper.client().put(f"/api/users/{shopper.id}", {"email": NEW_EMAIL})
    api.get(verification_paths(tenant)[0])
    assert tenant.rows("SELECT username, email FROM customer") == [{"username": NEW_EMAIL, "email": NEW_EMAIL}]
    body = {"username": "ada@example.com", "email": "ada@example.com", "password": PASSWORD}
    assert api.post("/api/register", body).status == 201


def test_a_thief_cannot_keep_an_account_with_his_own_number(api: Client, tenant: Tenant, clock: Clock) -> None:
    """Whoever has a session for a moment enters a number; the owner is told and takes it out with a new password."""
    shopper = make_customer(tenant)
    thief = shopper.client()
    assert thief.put(f"/api/users/{shopper.id}", {"phone": "+12125569999"}).status == 200
    (mail,) = messages(tenant, "phone_changed")
    assert (mail["recipient"], mail["subject"]) == (shopper.email, "Your telephone number was changed")
    assert api.post("/api/auth/phone/send-code", {"phone": "+12125569999"}).status == 200
    assert codes(tenant) == []
    clock.advance(seconds=2 * 24 * 3600)
    assert api.post("/api/auth/phone/send-code", {"phone": "+12125569999"}).status == 200
    assert codes(tenant) == []
    api.post("/api/customer/forgot-password", {"identifier": shopper.email})
    body = {"token": reset_tokens(tenant)[0], "password": "another velvet lamp"}
    assert api.post("/api/auth/reset-password", body).status == 200
    assert tenant.value("SELECT phone FROM customer") is None
    assert thief.get("/api/me").status == 401


def test_a_new_number_opens_the_account_after_three_days(api: Client, tenant: Tenant, clock: Clock) -> None:
    shopper = make_customer(tenant)
    shopper.client().put(f"/api/users/{shopper.id}", {"phone": "+12125569999"})
    clock.advance(seconds=3 * 24 * 3600 + 1)
    assert api.post("/api/auth/phone/send-code", {"phone": "+12125569999"}).status == 200
    assert len(codes(tenant)) == 1
    api.post("/api/customer/forgot-password", {"identifier": shopper.email})
    body = {"token": reset_tokens(tenant)[0], "password": "another velvet lamp"}
    assert api.post("/api/auth/reset-password", body).status == 200
    assert tenant.value("SELECT phone FROM customer") == "+12125569999"


def test_removing_the_number_is_told(tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    for _ in range(2):
        assert shopper.client().put(f"/api/users/{shopper.id}", {"phone": ""}).status == 200
    assert len(messages(tenant, "phone_changed")) == 1


def test_a_first_address_is_proven_too(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant, email=None, is_email_verified=False)
    assert shopper.client().put(f"/api/users/{shopper.id}", {"email": NEW_EMAIL}).status == 200
    assert (messages(tenant, "email_change"), len(verification_paths(tenant))) == ([], 1)
    assert api.post("/api/login", {"username": shopper.username, "password": PASSWORD}).status == 200
    assert api.get(verification_paths(tenant)[0]).headers["Location"].endswith("=success")
    assert api.post("/api/login", {"username": NEW_EMAIL, "password": PASSWORD}).status == 200


def test_a_changed_password_drops_an_address_that_waits(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    client = shopper.client()
    client.put(f"/api/users/{shopper.id}", {"email": NEW_EMAIL})
    (path,) = verification_paths(tenant)
    body = {"current_password": PASSWORD, "new_password": "another velvet lamp"}
    assert client.post("/api/auth/change-password", body).status == 200
    assert api.get(path).headers["Location"].endswith("=invalid")


def test_one_account_asks_few_addresses_an_hour(tenant: Tenant, limits: Clock) -> None:
    shopper = make_customer(tenant)
    client = shopper.client()
    replies = [client.put(f"/api/users/{shopper.id}", {"email": f"n{n}@example.com"}).status for n in range(6)]
    assert replies == [200] * 5 + [429]
    assert tenant.value("SELECT pending_email FROM customer") == "n4@example.com"


def test_what_is_audited_is_nobodys(tenant: Tenant) -> None:
    """The log keeps for good what it holds; a closed account must not live on in it."""
    shopper = make_customer(tenant)
    shopper.client().put(f"/api/users/{shopper.id}", {"phone": "+12125560199", "company_name": "Secret Kitchen"})
    (entry,) = tenant.rows("SELECT action, before, after FROM audit_entry WHERE action = 'update'")
    assert entry == {"action": "update", "before": None, "after": {"fields": ["company_name", "phone"]}}
