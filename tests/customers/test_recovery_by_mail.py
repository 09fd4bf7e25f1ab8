"""A forgotten password or user name, by mail: what strangers see, what customers get, what a token is good for."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from chalicelib.customers.recovery.shapes import CodeRequested, ResetRequested
from chalicelib.kernel.settings import settings
from tests import expiring
from tests.client import Client, Reply
from tests.customers.post import messages, reset_tokens, seen_of, table_calls, verification_paths, work_off
from tests.factories.customers import PASSWORD, make_customer
from tests.factories.identity import make_staff
from tests.tenant import Clock, Tenant

NEW = "another velvet lamp"
FORGOT_PASSWORD = ["/api/customer/forgot-password", "/api/auth/forgot-password"]
FORGOT_USERNAME = ["/api/customer/forgot-username", "/api/auth/forgot-username"]
REFUSED = {"error": "This link or session is not valid any more; please ask for a new one"}


def _forgot(api: Client, name: str | None) -> Reply:
    return api.post("/api/customer/forgot-password", {"identifier": name})


def _reset(api: Client, token: str, password: str = NEW) -> Reply:
    return api.post("/api/auth/reset-password", {"token": token, "password": password})


def _signs_in(api: Client, name: str | None, password: str) -> bool:
    return api.post("/api/login", {"username": name, "password": password}).status == 200


def test_from_forgetting_to_signing_in(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    here = shopper.client()
    asked = _forgot(api, shopper.email)
    assert (asked.status, asked.statements) == (200, 5)
    said = "If there is an account with this name or address, a mail with a link is on its way"
    assert asked.json == {"message": said, "email_sent": True, "debug_token": None}
    (token,) = reset_tokens(tenant)
    (mail,) = messages(tenant, "reset_password")
    assert (mail["recipient"], mail["subject"], mail["is_secret"]) == (shopper.email, "Choose a new password", True)

    reply = _reset(api, token)
    assert (reply.status, reply.json, reply.statements) == (200, {"message": "Password changed; please sign in"}, 8)
    assert here.get("/api/me").status == 401
    assert (_signs_in(api, shopper.email, PASSWORD), _signs_in(api, shopper.email, NEW)) == (False, True)
    (notice,) = messages(tenant, "password_changed")
    assert notice["recipient"] == shopper.email


@pytest.mark.parametrize("path", FORGOT_PASSWORD)
@pytest.mark.parametrize("field", ["username", "email"])
def test_both_addresses_and_both_names(path: str, field: str, api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    assert api.post(path, {"identifier": getattr(shopper, field).upper()}).status == 200
    assert len(reset_tokens(tenant)) == 1


@pytest.mark.parametrize("path", ["/api/auth/forgot-password", "/api/auth/forgot-username"])
def test_the_common_addresses_take_either_field(path: str, api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    kind = "reset_password" if "password" in path else "forgot_username"
    for fields in ({"email": shopper.email}, {"identifier": shopper.email}, {"email": "", "identifier": shopper.email}):
        assert api.post(path, fields).status == 200
    assert len(messages(tenant, kind)) == 3
    wrong: list[dict[str, Any]] = [{}, {"email": ""}, {"identifier": None}, {"email": 7}, {"identifier": "x" * 256}]
    for body in wrong:
        assert (api.post(path, body).status, api.post(path, body).json["error"]) == (400, "validation_error")


@pytest.mark.parametrize("path", FORGOT_USERNAME)
def test_a_user_name_is_mailed(path: str, api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    reply = api.post(path, {"email": shopper.email})
    said = "If there is an account with this address, a mail with the user name is on its way"
    assert (reply.status, reply.statements, reply.json) == (200, 5, {"message": said, "email_sent": True})
    assert shopper.username not in reply.body.decode()
    (mail,) = messages(tenant, "forgot_username")
    assert (mail["recipient"], shopper.username in mail["body_text"]) == (shopper.email, True)


def test_a_strangers_user_name_is_not_mailed_to_an_unproven_address(api: Client, tenant: Tenant) -> None:
    make_customer(tenant, username="Win a prize", email="ada@example.com", is_email_verified=False)
    assert api.post("/api/customer/forgot-username", {"email": "ada@example.com"}).status == 200
    assert messages(tenant, "forgot_username") == []
    assert _forgot(api, "ada@example.com").status == 200
    (mail,) = messages(tenant, "reset_password")
    assert "Win" not in mail["body_text"]


@pytest.mark.parametrize("path", [*FORGOT_PASSWORD, *FORGOT_USERNAME])
def test_nobody_sees_whether_there_is_an_account(path: str, api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    """Not by the answer, and not by the time it takes: statements, calls of the table and rows left are the same."""
    known, closed = make_customer(tenant), make_customer(tenant)
    tenant.rows("UPDATE customer SET is_active = false WHERE id = %(id)s RETURNING id", id=closed.id)
    unverified = make_customer(tenant, is_email_verified=False)
    elsewhere, staff = make_customer(other_tenant), make_staff(tenant, email="boss@example.com")
    assert staff
    names = (known.email, "nobody@example.com", closed.email, unverified.email, elsewhere.email, "boss@example.com")
    seen = []
    for name in names:
        left = tenant.value("SELECT count(*) FROM outbox")
        with table_calls() as asked:
            reply = api.post(path, {"email" if "customer/forgot-username" in path else "identifier": name})
        left = tenant.value("SELECT count(*) FROM outbox") - left
        seen.append((*seen_of(reply), tuple(asked), left))
    assert seen == [seen[0]] * len(names)
    assert (seen[0][0], seen[0][-1]) == (200, 1)
    work_off(tenant)
    recipients = {row["recipient"] for row in tenant.rows("SELECT recipient FROM message")}
    assert recipients == {known.email} | ({unverified.email} if "password" in path else set())


def test_a_token_works_once(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    _forgot(api, shopper.email)
    _forgot(api, shopper.username)
    first, second = reset_tokens(tenant)
    assert _reset(api, second).status == 200
    for token in (first, second):
        reply = _reset(api, token, "yet another lamp 3")
        assert (reply.status, reply.json) == (400, REFUSED)
    assert _signs_in(api, shopper.email, NEW)


def test_any_change_of_the_password_ends_all_links(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    _forgot(api, shopper.email)
    (token,) = reset_tokens(tenant)
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert shopper.client().post("/api/auth/change-password", body).status == 200
    assert _reset(api, token, "yet another lamp 3").status == 400
    assert _signs_in(api, shopper.email, NEW)


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("another address", "UPDATE customer SET email = 'changed@example.com' WHERE id = %(id)s RETURNING id"),
        ("no address", "UPDATE customer SET email = NULL WHERE id = %(id)s RETURNING id"),
        ("closed", "UPDATE customer SET is_active = false WHERE id = %(id)s RETURNING id"),
    ],
)
def test_a_token_is_worth_nothing_when_the_account_is_another(
    _case: str, change: str, api: Client, tenant: Tenant
) -> None:
    shopper = make_customer(tenant)
    _forgot(api, shopper.email)
    (token,) = reset_tokens(tenant)
    tenant.rows(change, id=shopper.id)
    before = tenant.rows("SELECT password_hash FROM customer")
    assert (_reset(api, token).status, tenant.rows("SELECT password_hash FROM customer")) == (400, before)


def test_a_token_ends_after_half_an_hour(api: Client, tenant: Tenant, clock: Clock) -> None:
    shopper = make_customer(tenant)
    _forgot(api, shopper.email)
    _forgot(api, shopper.username)
    first, second = reset_tokens(tenant)
    clock.advance(seconds=30 * 60 - 5)
    assert _reset(api, second).status == 200
    _forgot(api, shopper.email)
    third = reset_tokens(tenant)[-1]
    clock.advance(seconds=30 * 60 + 5)
    assert [_reset(api, token).status for token in (first, third)] == [400, 400]


def test_tokens_of_other_purposes_and_organizations(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    _forgot(api, shopper.email)
    (token,) = reset_tokens(tenant)
    assert _reset(Client(other_tenant.host), token).status == 400
    assert api.post("/api/auth/phone/lookup-username", {"phone_session_token": token}).status == 400
    body = {"phone_session_token": token, "password": NEW}
    assert api.post("/api/auth/phone/reset-password", body).status == 400
    assert api.get(f"/api/auth/verify-email/{token}").headers["Location"].endswith("=invalid")
    assert _reset(api, token).status == 200


@pytest.mark.parametrize("password", ["short", "password1", "x" * 129, "{username}", "{email}"])
def test_a_refused_password_leaves_the_token_good(password: str, api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    _forgot(api, shopper.email)
    (token,) = reset_tokens(tenant)
    reply = _reset(api, token, password.format(username=shopper.username, email=shopper.email))
    assert (reply.status, list(reply.json)) == (400, ["error"])
    assert _signs_in(api, shopper.email, PASSWORD)
    assert _reset(api, token).status == 200


def test_a_link_proves_the_address_and_drops_what_a_stranger_left(api: Client, tenant: Tenant) -> None:
    """Whoever registered with somebody else's address must not come back in by the telephone that he gave."""
    victim = make_customer(tenant, is_email_verified=False)
    proven = make_customer(tenant)
    for shopper in (victim, proven):
        _forgot(api, shopper.email)
    for token in reset_tokens(tenant):
        assert _reset(api, token).status == 200
    rows = tenant.rows("SELECT email_verified_at IS NOT NULL AS is_verified, phone FROM customer ORDER BY id")
    assert rows == [{"is_verified": True, "phone": None}, {"is_verified": True, "phone": proven.phone}]
    assert _signs_in(api, victim.email, NEW)


def test_a_new_password_ends_a_change_of_address_that_somebody_began(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    assert shopper.client().put(f"/api/users/{shopper.id}", {"email": "thief@example.com"}).status == 200
    (path,) = verification_paths(tenant)
    _forgot(api, shopper.email)
    (token,) = reset_tokens(tenant)
    assert _reset(api, token).status == 200
    assert api.get(path).headers["Location"].endswith("=invalid")
    assert tenant.value("SELECT email FROM customer") == shopper.email


def test_the_token_lies_nowhere_in_plain(api: Client, tenant: Tenant) -> None:
    _forgot(api, make_customer(tenant).email)
    (token,) = reset_tokens(tenant)
    table = json.dumps(expiring.items(), default=str)
    outbox = json.dumps(tenant.rows("SELECT payload FROM outbox"), default=str)
    assert (token in table, token in outbox) == (False, False)


def test_a_link_outlives_the_hash_key_it_was_made_under(
    api: Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopper = make_customer(tenant)
    _forgot(api, shopper.email)
    (token,) = reset_tokens(tenant)
    monkeypatch.setenv("QM_HASH_KEY", "newer test-hash-key")
    settings.cache_clear()
    try:
        assert (_reset(api, token[:-1]).status, _reset(api, token).status) == (400, 200)
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_one_name_gets_five_mails_an_hour_whoever_it_is(caller: Client, tenant: Tenant, limits: Clock) -> None:
    shopper = make_customer(tenant)
    for name in (shopper.email, "nobody@example.com"):
        replies = [_forgot(caller, name) for _ in range(6)]
        assert [reply.status for reply in replies] == [200] * 5 + [429]
        assert 0 < int(replies[-1].headers["Retry-After"]) <= 3600
    assert len(reset_tokens(tenant)) == 5


@pytest.mark.parametrize(("shape", "name"), [(ResetRequested, "debug_token"), (CodeRequested, "debug_otp")])
def test_no_configuration_fills_the_debug_fields(shape: type[BaseModel], name: str) -> None:
    """The contract's `debug_...` fields have one possible value, whatever the stage."""
    assert shape.model_json_schema()["properties"][name]["type"] == "null"
    with pytest.raises(ValidationError):
        shape.model_validate({"message": "", "email_sent": True, "sms_sent": True, name: "123456"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"identifier": ""},
        {"identifier": "   "},
        {"identifier": ["a"]},
        {"identifier": "x" * 256},
        {"identifier": "a", "more": 1},
    ],
)
def test_wrong_bodies(body: dict[str, Any], api: Client, tenant: Tenant) -> None:
    reply = api.post("/api/customer/forgot-password", body)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert tenant.value("SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize("token", ["", "x", "x" * 256, "\u00e9" * 43, "../..", "a#b", 7, None])
def test_wrong_tokens(token: Any, api: Client, tenant: Tenant) -> None:
    make_customer(tenant)
    assert api.post("/api/auth/reset-password", {"token": token, "password": NEW}).status == 400
