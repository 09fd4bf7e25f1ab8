"""Signing in on a scanner: tokens, what ends them, and what a user must do first."""

from datetime import timedelta

import jwt
import pytest

from chalicelib import identity
from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import ids, tokens
from tests.client import Client
from tests.factories.customers import make_customer
from tests.factories.identity import PASSWORD, make_api_key, make_staff, make_warehouse_user
from tests.tenant import Clock, Tenant

NEW = "another lantern 8"
SIGNING_KEY = "0123456789abcdef0123456789abcdef"


def test_signing_in_gives_a_token_and_the_user(api: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant, "ship", "pick", first_name="Ana", last_name="Reyes")
    reply = api.post("/api/auth/login", {"username": user.username, "password": PASSWORD})
    assert reply.status == 200
    assert reply.json["user"] == {
        "user_id": user.id,
        "username": user.username,
        "full_name": "Ana Reyes",
        "role": "USER",
        "warehouse_id": tenant.warehouse_id,
        "warehouse_ids": [tenant.warehouse_id],
        "allowed_functions": ["pick", "ship"],
        "is_active": True,
        "must_change_password": False,
        "require_packing": True,
    }
    assert reply.statements == 5
    me = api.as_bearer(reply.json["token"]).get("/api/auth/me")
    assert (me.status, me.json) == (200, reply.json["user"])
    assert me.statements == 4


@pytest.mark.parametrize("name", ["STAFF.Näme", " staff.näme ", "staff.NA\u0308ME", "Staff.Name@Example.com"])
def test_a_name_is_found_in_any_case_and_form(name: str, api: Client, tenant: Tenant) -> None:
    make_staff(tenant, username="Staff.NÄME", email="staff.name@example.com")
    reply = api.post("/api/auth/login", {"username": name, "password": PASSWORD})
    assert (reply.status, reply.json["user"]["username"]) == (200, "staff.näme")


def test_an_administrator_has_every_function(api: Client, tenant: Tenant) -> None:
    me = make_staff(tenant).client().get("/api/auth/me").json
    assert me["role"] == "ADMIN"
    assert me["allowed_functions"] == ["receive", "putaway", "pick", "pack", "ship", "count", "transfer"]


def test_where_nothing_is_packed_nobody_packs(api: Client, tenant: Tenant) -> None:
    tenant.as_owner(
        """UPDATE organization SET settings = '{"require_packing_before_shipping": false}' WHERE id = %(id)s""",
        id=tenant.id,
    )
    me = make_warehouse_user(tenant, "pack", "ship").client().get("/api/auth/me").json
    assert (me["allowed_functions"], me["require_packing"]) == (["ship"], False)


@pytest.mark.parametrize(
    ("_case", "fields"),
    [
        ("no warehouse role", {"commerce_role": "admin"}),
        ("inactive", {"wms_role": "USER"}),
    ],
)
def test_who_has_no_business_here_reads_what_a_stranger_reads(
    _case: str, fields: dict[str, str], api: Client, tenant: Tenant
) -> None:
    user = make_staff(tenant, **fields)
    if _case == "inactive":
        tenant.rows("UPDATE staff SET is_active = false WHERE id = %(id)s RETURNING id", id=user.id)
    reply = api.post("/api/auth/login", {"username": user.username, "password": PASSWORD})
    assert (reply.status, reply.json) == (401, {"error": "Invalid username or password (4 attempts remaining)"})
    stranger = api.post("/api/auth/login", {"username": "stranger", "password": PASSWORD})
    assert stranger.json == {"error": "Invalid username or password (3 attempts remaining)"}


def test_other_organizations_do_not_know_the_user(tenant: Tenant, other_tenant: Tenant) -> None:
    user = make_staff(tenant)
    there = Client(other_tenant.host)
    reply = there.post("/api/auth/login", {"username": user.username, "password": PASSWORD})
    assert reply.status == 401
    assert make_staff(other_tenant, username=user.username).username == user.username


@pytest.mark.parametrize(
    ("_case", "credential", "sentence"),
    [
        ("none", "", "Unauthorized"),
        ("another scheme", "Basic YTpi", "Unauthorized"),
        ("no token", "Bearer invalid.token.here", "Token expired"),
        ("empty", "Bearer ", "Unauthorized"),
    ],
)
def test_who_is_nobody(_case: str, credential: str, sentence: str, api: Client) -> None:
    headers = {"authorization": credential} if credential else {}
    reply = api.get("/api/auth/me", **headers)
    assert (reply.status, reply.json) == (401, {"error": sentence})


def _claims(tenant: Tenant, **changed: object) -> dict[str, object]:
    user = make_staff(tenant)
    with tenant.uow() as uow:
        session = identity.open_session(uow, "staff", user.id, "wms", timedelta(hours=1))
    now = business_clock.timestamp()
    claims = {
        "iss": tokens.ISSUER,
        "aud": "wms",
        "kind": "staff",
        "sub": str(user.id),
        "org": tenant.id,
        "sid": session.id,
        "iat": now,
        "exp": now + 60,
    }
    return {**claims, **changed}


def test_a_token_made_by_hand_is_taken_so_that_the_next_test_proves_something(api: Client, tenant: Tenant) -> None:
    token = jwt.encode(_claims(tenant), SIGNING_KEY, algorithm="HS256", headers={"kid": "k2"})
    assert api.as_bearer(token).get("/api/auth/me").status == 200


@pytest.mark.parametrize(
    ("_case", "changed", "key", "algorithm", "kid"),
    [
        ("algorithm none", {}, "", "none", "k2"),
        ("another key", {}, "f" * 32, "HS256", "k2"),
        ("an unknown key", {}, SIGNING_KEY, "HS256", "k9"),
        ("no key named", {}, SIGNING_KEY, "HS256", None),
        ("another algorithm", {}, SIGNING_KEY * 2, "HS512", "k2"),
        ("another audience", {"aud": "shop"}, SIGNING_KEY, "HS256", "k2"),
        ("several audiences", {"aud": ["wms", "shop"]}, SIGNING_KEY, "HS256", "k2"),
        ("another kind", {"kind": "customer"}, SIGNING_KEY, "HS256", "k2"),
        ("a kind that there is not", {"kind": "machine"}, SIGNING_KEY, "HS256", "k2"),
        ("another principal", {"sub": "999999"}, SIGNING_KEY, "HS256", "k2"),
        ("a principal that is no number", {"sub": "x"}, SIGNING_KEY, "HS256", "k2"),
        ("a principal beyond the column", {"sub": str(2**40)}, SIGNING_KEY, "HS256", "k2"),
        ("another issuer", {"iss": "else"}, SIGNING_KEY, "HS256", "k2"),
        ("an unknown session", {"sid": "00000000-0000-7000-8000-000000000000"}, SIGNING_KEY, "HS256", "k2"),
        ("a session that is no id", {"sid": "x'--"}, SIGNING_KEY, "HS256", "k2"),
        ("expired", {"exp": 1}, SIGNING_KEY, "HS256", "k2"),
        ("from the future", {"iat": 4_000_000_000}, SIGNING_KEY, "HS256", "k2"),
        ("issued at no number", {"iat": float("nan")}, SIGNING_KEY, "HS256", "k2"),
        ("expires never", {"exp": float("inf")}, SIGNING_KEY, "HS256", "k2"),
    ],
)
def test_forged_tokens(
    _case: str, changed: dict[str, object], key: str, algorithm: str, kid: str | None, api: Client, tenant: Tenant
) -> None:
    headers = {} if kid is None else {"kid": kid}
    token = jwt.encode(_claims(tenant, **changed), key, algorithm=algorithm, headers=headers)
    reply = api.as_bearer(token).get("/api/auth/me")
    assert (reply.status, reply.json) == (401, {"error": "Token expired"})


def test_credentials_for_something_else(api: Client, tenant: Tenant) -> None:
    staff, shopper = make_staff(tenant), make_customer(tenant)
    for audience in ("commerce", "storage"):
        assert api.as_bearer(staff.token(audience)).get("/api/auth/me").status == 401
    assert api.as_bearer(make_api_key(tenant)).get("/api/auth/me").status == 401
    assert api.with_cookie(shopper.cookie()).get("/api/auth/me").status == 401
    assert api.as_bearer(shopper.cookie().removeprefix("__Host-qm_session=")).get("/api/auth/me").status == 401


def test_a_token_lasts_eight_hours_and_can_be_renewed(api: Client, tenant: Tenant, clock: Clock) -> None:
    user = make_staff(tenant)
    first = api.post("/api/auth/login", {"username": user.username, "password": PASSWORD}).json["token"]
    clock.advance(seconds=7 * 3600)
    renewed = api.as_bearer(first).post("/api/auth/refresh")
    assert (renewed.status, renewed.statements) == (200, 4)
    clock.advance(seconds=2 * 3600)
    assert api.as_bearer(first).get("/api/auth/me").json == {"error": "Token expired"}
    assert api.as_bearer(renewed.json["token"]).get("/api/auth/me").status == 200
    clock.advance(seconds=7 * 3600)
    assert api.as_bearer(renewed.json["token"]).post("/api/auth/refresh").status == 401


def test_a_session_ends_after_thirty_days_however_often_it_is_renewed(
    api: Client, tenant: Tenant, clock: Clock
) -> None:
    user = make_staff(tenant)
    with tenant.uow() as uow:
        token = identity.open_session(uow, "staff", user.id, "wms", timedelta(days=30)).token
    clock.advance(seconds=30 * 86400 - 60)
    renewed = api.as_bearer(token).post("/api/auth/refresh").json["token"]
    assert api.as_bearer(renewed).get("/api/auth/me").status == 200
    clock.advance(seconds=120)
    assert api.as_bearer(renewed).get("/api/auth/me").status == 401


def test_a_disabled_user_is_out_at_once(api: Client, tenant: Tenant) -> None:
    client = make_staff(tenant).client()
    tenant.rows("UPDATE staff SET is_active = false RETURNING id")
    assert client.get("/api/auth/me").status == 401
    assert client.post("/api/auth/refresh").status == 401


def test_a_user_whose_role_was_taken_has_no_profile(api: Client, tenant: Tenant) -> None:
    client = make_staff(tenant).client()
    tenant.rows("UPDATE staff SET wms_role = NULL RETURNING id")
    assert client.get("/api/auth/me").status == 401
    assert client.post("/api/auth/refresh").status == 401


def test_changing_the_password_ends_every_token(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant)
    one, other = user.client(), user.client()
    reply = one.post("/api/auth/change-password", {"current_password": PASSWORD, "new_password": NEW})
    assert (reply.status, reply.json, reply.statements) == (200, {"message": "Password changed"}, 7)
    for client in (one, other):
        assert client.get("/api/auth/me").json == {"error": "Token invalidated by password change"}
    assert api.post("/api/auth/login", {"username": user.username, "password": PASSWORD}).status == 401
    token = api.post("/api/auth/login", {"username": user.username, "password": NEW}).json["token"]
    assert api.as_bearer(token).get("/api/auth/me").status == 200
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE action = 'change_password'") == 1


@pytest.mark.parametrize(
    ("_case", "current", "new", "status", "error"),
    [
        ("wrong current", "not this one 1", NEW, 403, "Current password is incorrect"),
        ("short", PASSWORD, "abc1234", 400, "Password must be at least 8 characters"),
        ("no digit", PASSWORD, "onlyletters", 400, "Password must contain at least one letter and one digit"),
        ("no letter", PASSWORD, "84029461735", 400, "Password must contain at least one letter and one digit"),
        ("common", PASSWORD, "Password123", 400, "This password is too common; please choose another"),
        ("the same", PASSWORD, PASSWORD, 400, "The new password must differ from the current one"),
        ("too long", PASSWORD, "x1" * 65, 400, "Password must be at most 128 characters"),
        ("own address", PASSWORD, "Keeper12", 400, "Password must not be the user name or the e-mail address"),
    ],
)
def test_refused_changes(
    _case: str, current: str, new: str, status: int, error: str, api: Client, tenant: Tenant
) -> None:
    user = make_staff(tenant, email="keeper12@example.com")
    client = user.client()
    reply = client.post("/api/auth/change-password", {"current_password": current, "new_password": new})
    assert (reply.status, reply.json) == (status, {"error": error})
    assert client.get("/api/auth/me").status == 200
    assert api.post("/api/auth/login", {"username": user.username, "password": PASSWORD}).status == 200


def test_the_current_password_cannot_be_guessed_with_a_stolen_token(tenant: Tenant) -> None:
    client = make_staff(tenant).client()
    body = {"current_password": "a guess 1", "new_password": NEW}
    statuses = [client.post("/api/auth/change-password", body).status for _ in range(6)]
    assert statuses == [403, 403, 403, 403, 429, 429]
    body["current_password"] = PASSWORD
    assert client.post("/api/auth/change-password", body).status == 429


def test_who_must_choose_a_password_first(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant, must_change_password=True)
    reply = api.post("/api/auth/login", {"username": user.username, "password": PASSWORD})
    assert reply.json["user"]["must_change_password"] is True
    client = api.as_bearer(reply.json["token"])
    assert client.get("/api/auth/me").status == 200
    refused = client.post("/api/auth/refresh")
    assert (refused.status, refused.json) == (403, {"error": "password_change_required"})
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert client.post("/api/auth/change-password", body).status == 200
    reply = api.post("/api/auth/login", {"username": user.username, "password": NEW})
    assert reply.json["user"]["must_change_password"] is False
    assert api.as_bearer(reply.json["token"]).post("/api/auth/refresh").status == 200


def test_an_idempotency_key_keeps_no_token(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant)
    body = {"username": user.username, "password": PASSWORD}
    first, second = (api.post("/api/auth/login", body, idempotency_key="k1").json["token"] for _ in range(2))
    assert first != second
    assert tenant.value("SELECT count(*) FROM idempotency_key") == 0


def test_keys_are_stored_as_hashes(tenant: Tenant) -> None:
    key = make_api_key(tenant)
    row = tenant.rows("SELECT preview, key_hash FROM api_key")[0]
    assert bytes(row["key_hash"]) == ids.keyed_hash("api_key", key)
    assert row["preview"] == key[:8] + "********"
