"""Registering, proving an address, signing in and out, changing the password: the shop's accounts."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from chalicelib.kernel.settings import settings
from tests import expiring
from tests.client import Client, Reply
from tests.customers.post import messages, verification_paths
from tests.factories.customers import PASSWORD, make_customer
from tests.factories.identity import make_staff
from tests.tenant import Clock, Tenant
from tests.threads import together

NEW = "another velvet lamp"
OURS = "https://shop.example.test"


def _register(api: Client, **fields: Any) -> Reply:
    body = {"username": "ada", "email": "ada@example.com", "password": PASSWORD, **fields}
    return api.post("/api/register", body)


def _land(api: Client, path: str) -> str:
    reply = api.get(path)
    assert reply.status == 302
    location = reply.headers["Location"]
    assert location.startswith(f"{OURS}/?email_verified=")
    return location.rpartition("=")[2]


def test_from_registering_to_signing_out(api: Client, tenant: Tenant) -> None:
    registered = _register(
        api,
        username="Ada",
        email="Ada@Example.COM",
        phone="(212) 555-0100",
        company_name="Engines Ltd",
        business_type="retail",
        business_ein="12-3456789",
        resale_certificate="RC 1",
        state_of_operation="NY",
    )
    assert (registered.status, registered.json["email_verification_required"]) == (201, True)
    user = registered.json["user"]
    assert (user["username"], user["email"], user["phone"]) == ("Ada", "Ada@example.com", "+12125550100")
    assert (user["company_name"], user["business_ein"], user["email_verified"]) == ("Engines Ltd", "12-3456789", False)
    assert PASSWORD not in registered.body.decode()
    assert registered.statements <= 10

    body = {"username": "ada@example.com", "password": PASSWORD}
    early = api.post("/api/login", body)
    assert (early.status, early.cookies) == (403, [])
    assert early.json == {"error": "Please verify your e-mail address first", "email_verification_required": True}

    (link,) = verification_paths(tenant)
    assert [_land(api, link), _land(api, link)] == ["success", "success"]

    signed_in = api.post("/api/login", body)
    assert (signed_in.status, signed_in.statements) == (200, 5)
    assert signed_in.json["user"] == {**user, "email_verified": True}
    (cookie,) = signed_in.cookies
    assert re.fullmatch(r"__Host-qm_session=\S+; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure", cookie)

    client = api.with_cookie(cookie)
    me = client.get("/api/me")
    assert (me.status, me.json, me.statements) == (200, {"user": signed_in.json["user"]}, 4)
    out = client.post("/api/logout")
    assert (out.status, out.json) == (200, {"message": "Signed out"})
    assert out.cookies == ["__Host-qm_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"]
    assert client.get("/api/me").status == 401


def test_without_an_address_there_is_nothing_to_verify(api: Client, tenant: Tenant) -> None:
    reply = api.post("/api/register", {"username": "ada", "password": PASSWORD, "email": "", "phone": None})
    assert (reply.status, reply.json["email_verification_required"]) == (201, False)
    assert api.post("/api/login", {"username": "ada", "password": PASSWORD}).status == 200
    assert tenant.value("SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize(
    ("_case", "fields", "field"),
    [
        ("name", {"username": "ADA"}, "username"),
        ("address", {"email": "Ada@EXAMPLE.com"}, "email"),
        ("number, written otherwise", {"phone": "+1 212-555-0100"}, "phone"),
        ("name before address", {"username": "Ada", "email": "ada@example.com"}, "username"),
        ("address before number", {"email": "ada@example.com", "phone": "2125550100"}, "email"),
    ],
)
def test_what_is_taken(_case: str, fields: dict[str, str], field: str, api: Client, tenant: Tenant) -> None:
    make_customer(tenant, username="ada", email="ada@example.com", phone="+12125550100")
    reply = _register(api, **{"username": "other", "email": "other@example.com", **fields})
    assert (reply.status, reply.json["duplicate_field"]) == (409, field)
    assert sorted(reply.json) == ["duplicate_field", "error", "hint"]
    assert not re.search(r"ada|Corner|555", reply.body.decode(), re.IGNORECASE)
    assert tenant.value("SELECT count(*) FROM customer") == 1


def test_names_of_other_organizations_and_of_staff_are_free(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    make_customer(other_tenant, username="ada", email="ada@example.com")
    make_staff(tenant, username="ada", email="ada@example.com")
    assert _register(api).status == 201


def test_of_many_registrations_at_once_one_succeeds(api: Client, tenant: Tenant) -> None:
    replies = together(12, lambda number: _register(api, username=f"ada{number}"))
    assert Counter(r.status for r in replies) == {201: 1, 409: 11}
    assert {r.json["duplicate_field"] for r in replies if r.status == 409} == {"email"}
    assert tenant.value("SELECT count(*) FROM customer") == 1
    assert tenant.value("SELECT count(*) FROM outbox") == 1


def test_a_repeated_registration_with_a_key_gives_the_first_answer(api: Client, tenant: Tenant) -> None:
    keyed = api.with_headers(idempotency_key="k1")
    first, second = _register(keyed), _register(keyed)
    assert (first.status, second.status, first.body) == (201, 201, second.body)
    assert second.headers["Idempotent-Replay"] == "true"
    assert _register(keyed, password="something else 1").status == 422


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"username": None}, {"username"}),
        ({"username": 7, "password": []}, {"username", "password"}),
        ({"username": "   "}, {"username"}),
        ({"username": "a" * 151}, {"username"}),
        ({"username": "a\tb"}, {"username"}),
        ({"username": "someone@else.example"}, {"username"}),
        ({"email": "no address"}, {"email"}),
        ({"email": "a@b"}, {"email"}),
        ({"email": "ada@example.com\r\nBcc: x@example.com"}, {"email"}),
        ({"email": "a" * 65 + "@example.com"}, {"email"}),
        ({"email": "a@" + "b." * 5000 + "com"}, {"email"}),
        ({"phone": "call me"}, {"phone"}),
        ({"phone": "911"}, {"phone"}),
        ({"phone": "+1 212 555 0100 ext 7"}, {"phone"}),
        ({"phone": "1" * 5000}, {"phone"}),
        ({"password": ""}, {"password"}),
        ({"password": "x" * 1025}, {"password"}),
        ({"company_name": ["x"]}, {"company_name"}),
        ({"company_name": "x" * 256}, {"company_name"}),
        ({"is_email_verified": True}, {"is_email_verified"}),
        ({"credit_limit_minor": 10**9, "payment_terms": "net30"}, {"credit_limit_minor", "payment_terms"}),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], wrong: set[str], api: Client, tenant: Tenant) -> None:
    reply = _register(api, **fields)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert {detail["loc"][0] for detail in reply.json["details"]} == wrong
    assert tenant.value("SELECT count(*) FROM customer") == 0


@pytest.mark.parametrize("path", ["/api/register", "/api/login", "/api/auth/login", "/api/staff/login"])
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"username": "a", "username": "b", "password": "velvet lantern 9"}',
        b'{"username": "a\\u0000b", "password": "velvet lantern 9"}',
        b'{"username": "a", "password": "velvet\\u0000lantern"}',
        b'{"username": "\\ud800", "password": "velvet lantern 9"}',
        b'{"username": "a", "password": {"$ne": null}}',
        b'{"username": NaN, "password": "velvet lantern 9"}',
        b'\xff\xfe{"username": "a"}',
        b'{"username": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_hostile_bodies_are_refused(path: str, raw: bytes, api: Client, tenant: Tenant) -> None:
    reply = api.post(path, raw, content_type="application/json")
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert b"velvet" not in reply.body


def test_names_beyond_ascii(api: Client, tenant: Tenant) -> None:
    assert _register(api, username="Zoë ☂ Ärger").status == 201
    assert _register(api, username="ZOE\u0308 ☂ ÄRGER", email="b@example.com").json["duplicate_field"] == "username"
    assert _register(api, username="straße", email="c@example.com").status == 201
    assert _register(api, username="STRASSE", email="d@example.com").json["duplicate_field"] == "username"


def test_a_weak_password_is_refused_before_anything_is_made(api: Client, tenant: Tenant) -> None:
    for password in ("short", "password1", "12345678", "ada@example.com"):
        reply = _register(api, password=password)
        assert (reply.status, list(reply.json)) == (400, ["error"])
    assert tenant.value("SELECT count(*) FROM customer") == 0


def test_a_link_outlives_the_hash_key_it_was_made_under(
    api: Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    _register(api)
    (link,) = verification_paths(tenant)
    monkeypatch.setenv("QM_HASH_KEY", "newer test-hash-key")
    settings.cache_clear()
    try:
        assert (_land(api, link[:-1]), _land(api, link)) == ("invalid", "success")
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_verification_links(api: Client, tenant: Tenant, other_tenant: Tenant, clock: Clock) -> None:
    _register(api)
    (link,) = verification_paths(tenant)
    assert _land(api, link[:-1]) == "invalid"
    assert api.get("/api/auth/verify-email/x%00y").status == 404
    assert _land(api, "/api/auth/verify-email/" + "x" * 3000) == "invalid"
    assert _land(Client(other_tenant.host), link) == "invalid"
    clock.advance(seconds=24 * 3600 + 1)
    assert _land(api, link) == "expired"
    assert tenant.value("SELECT email_verified_at FROM customer") is None

    assert api.post("/api/auth/resend-verification", {"email": "ADA@example.com"}).status == 200
    assert _land(api, verification_paths(tenant)[-1]) == "success"
    assert _land(api, link) == "success", "an old link of a verified address is no reason to worry anybody"


def test_a_link_proves_only_the_address_it_was_sent_to(api: Client, tenant: Tenant) -> None:
    _register(api)
    (link,) = verification_paths(tenant)
    tenant.rows("UPDATE customer SET email = 'changed@example.com' RETURNING id")
    assert _land(api, link) == "invalid"


def test_the_token_lies_nowhere_in_plain(api: Client, tenant: Tenant) -> None:
    _register(api)
    (link,) = verification_paths(tenant)
    token = link.rpartition("/")[2]
    table = json.dumps(expiring.items(), default=str)
    outbox = json.dumps(tenant.rows("SELECT payload FROM outbox"), default=str)
    assert token not in table
    assert token not in outbox
    assert tenant.value("SELECT is_secret FROM message") is True


def test_the_mail_says_nothing_that_a_stranger_wrote(api: Client, tenant: Tenant) -> None:
    _register(api, first_name="Win", company_name="Win a prize at evil.example", username="Win a prize")
    (mail,) = messages(tenant, "verify_email")
    assert "Win" not in mail["subject"] + mail["body_text"]


@pytest.mark.parametrize(
    ("_case", "body", "mails"),
    [
        ("by address", {"email": "ada@example.com"}, 2),
        ("by name", {"username": "Ada"}, 2),
        ("nobody", {"email": "nobody@example.com"}, 1),
        ("verified already", {"email": "proven@example.com"}, 1),
    ],
)
def test_asking_for_another_mail_tells_nothing(
    _case: str, body: dict[str, str], mails: int, api: Client, tenant: Tenant
) -> None:
    make_customer(tenant, email="proven@example.com")
    _register(api)
    reply = api.post("/api/auth/resend-verification", body)
    message = "If there is an address to verify, a mail with a new link is on its way"
    assert (reply.status, reply.json) == (200, {"message": message, "email_sent": True})
    assert len(verification_paths(tenant)) == mails


def test_asking_for_another_mail_without_saying_whose(api: Client, tenant: Tenant) -> None:
    assert api.post("/api/auth/resend-verification").status == 401
    reply = make_customer(tenant).client().post("/api/auth/resend-verification")
    assert (reply.status, reply.json) == (400, {"error": "There is no e-mail address to verify"})
    shopper = make_customer(tenant, is_email_verified=False)
    assert shopper.client().post("/api/auth/resend-verification").status == 200
    assert len(verification_paths(tenant)) == 1


def test_signing_in_refuses_alike(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    shopper = make_customer(tenant, is_email_verified=False)
    make_customer(other_tenant, username="elsewhere")
    for tries, name in ((4, shopper.username), (3, "nobody"), (2, "elsewhere")):
        reply = api.post("/api/login", {"username": name, "password": PASSWORD + "?"})
        sentence = f"Invalid username or password ({tries} attempts remaining)"
        assert (reply.status, reply.json) == (401, {"error": sentence})
    tenant.rows("UPDATE customer SET is_active = false RETURNING id")
    assert api.post("/api/login", {"username": shopper.username, "password": PASSWORD}).status == 401


def test_a_new_password_ends_the_other_sessions_and_is_told_by_mail(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    here, there = shopper.client(), shopper.client()
    body = {"current_password": PASSWORD, "new_password": NEW}
    reply = here.post("/api/auth/change-password", body)
    assert (reply.status, reply.json, reply.statements) == (200, {"message": "Password changed"}, 7)
    assert [here.get("/api/me").status, there.get("/api/me").status] == [200, 401]
    assert api.post("/api/login", {"username": shopper.username, "password": PASSWORD}).status == 401
    assert api.post("/api/login", {"username": shopper.username, "password": NEW}).status == 200
    (mail,) = messages(tenant, "password_changed")
    assert (mail["recipient"], mail["subject"]) == (shopper.email, "Your password was changed")


@pytest.mark.parametrize(
    ("_case", "current", "new", "status"),
    [
        ("wrong current", "not this one", NEW, 403),
        ("too short", PASSWORD, "abc", 400),
        ("common", PASSWORD, "password1", 400),
        ("the same", PASSWORD, PASSWORD, 400),
    ],
)
def test_refused_new_passwords(_case: str, current: str, new: str, status: int, api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    body = {"current_password": current, "new_password": new}
    reply = shopper.client().post("/api/auth/change-password", body)
    assert (reply.status, list(reply.json)) == (status, ["error"])
    assert api.post("/api/login", {"username": shopper.username, "password": PASSWORD}).status == 200


def test_a_bearer_token_counts_before_a_cookie(api: Client, tenant: Tenant) -> None:
    """collisions.md, 1.1: the credential chooses the account."""
    user, shopper = make_staff(tenant), make_customer(tenant)
    both = shopper.client().as_bearer(user.token())
    reply = both.post(
        "/api/auth/change-password", {"current_password": user.password, "new_password": "new lantern 55"}
    )
    assert reply.status == 200
    assert api.post("/api/auth/login", {"username": user.username, "password": "new lantern 55"}).status == 200
    assert api.post("/api/login", {"username": shopper.username, "password": PASSWORD}).status == 200
    neither = api.post("/api/auth/change-password", {"current_password": PASSWORD, "new_password": NEW})
    assert (neither.status, neither.json) == (401, {"error": "Unauthorized"})
    bad = shopper.client().as_bearer("x.y.z").post("/api/auth/change-password", {})
    assert bad.status in (400, 401)


@pytest.mark.parametrize("path", ["/api/logout", "/api/auth/change-password", "/api/auth/resend-verification"])
def test_other_sites_cannot_write_with_a_customers_cookie(path: str, api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    body = {"current_password": PASSWORD, "new_password": NEW} if "change" in path else None
    for headers in ({"origin": "https://evil.example.test"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        reply = api.with_cookie(shopper.cookie()).post(path, body, **headers)
        assert (reply.status, reply.json) == (403, {"error": "Cross-site request refused"})
    assert api.post("/api/login", {"username": shopper.username, "password": PASSWORD}).status == 200


def test_another_site_cannot_sign_a_visitor_in(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    body = {"username": shopper.username, "password": PASSWORD}
    reply = api.post("/api/login", body, origin="https://evil.example.test")
    assert (reply.status, reply.cookies) == (403, [])


def test_sessions_of_others(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    """A session belongs to its own organization, whatever host it is sent to."""
    shopper = make_customer(tenant)
    there = Client(other_tenant.host).with_cookie(shopper.cookie())
    assert there.get("/api/me").json["user"]["id"] == shopper.id
    assert api.with_cookie(f"__Host-qm_session={make_staff(tenant).token('commerce')}").get("/api/me").status == 401
    assert api.with_cookie("__Host-qm_session=x.y.z").get("/api/me").status == 401
    assert api.as_bearer(shopper.cookie().removeprefix("__Host-qm_session=")).get("/api/me").status == 401


def test_five_wrong_passwords_lock(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    body = {"username": shopper.username, "password": "a wrong guess"}
    assert [api.post("/api/login", body).status for _ in range(5)] == [401, 401, 401, 401, 429]
    assert api.post("/api/login", {**body, "password": PASSWORD}).status == 429


def test_an_ended_session_is_a_guest_in_the_shop(api: Client, tenant: Tenant) -> None:
    client = make_customer(tenant).client()
    assert client.post("/api/logout").status == 200
    assert client.post("/api/auth/resend-verification", {"email": "nobody@example.com"}).status == 200
