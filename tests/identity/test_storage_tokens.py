"""The storage app: short access tokens, refresh tokens that are used once."""

from collections import Counter
from typing import Any

import pytest

from chalicelib.kernel import dynamo
from chalicelib.kernel.settings import settings
from tests.client import Client
from tests.factories.identity import PASSWORD, Staff, make_api_key, make_staff
from tests.tenant import Clock, Tenant
from tests.threads import together

REFUSED = (401, {"detail": "Refresh token is not valid"})


def _sign_in(api: Client, user: Staff) -> dict[str, Any]:
    reply = api.post("/api/v2/auth/login", {"email": user.email, "password": user.password, "locale": None})
    assert reply.status == 200, reply.json
    pair: dict[str, Any] = reply.json
    return pair


def _refresh(api: Client, token: str) -> tuple[int, Any]:
    reply = api.post("/api/v2/auth/refresh_token", {"refresh_token": token})
    return reply.status, reply.json


def _is_in(api: Client, access_token: str) -> bool:
    return api.as_bearer(access_token).get("/api/v2/auth/authenticate").status == 200


def test_signing_in(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant, storage_role="Admin")
    reply = api.post("/api/v2/auth/login", {"email": user.email.upper(), "password": PASSWORD})
    assert (reply.status, reply.statements) == (200, 5)
    assert sorted(reply.json) == ["access_token", "refresh_token", "token_type"]
    who = api.as_bearer(reply.json["access_token"]).get("/api/v2/auth/authenticate")
    assert (who.status, who.statements) == (200, 4)
    expected = {"id": user.id, "email": user.email, "username": user.username, "role": "Admin"}
    assert who.json == {"user": expected, "settings": {}}


def test_an_api_key_is_authenticated_under_its_name(api: Client, tenant: Tenant) -> None:
    key = make_api_key(tenant, "storage", storage_role="Super Admin")
    who = api.as_bearer(key).get("/api/v2/auth/authenticate")
    assert (who.status, who.statements) == (200, 3)
    assert who.json["user"] | {"id": 0} == {"id": 0, "email": None, "username": "test", "role": "Super Admin"}
    assert api.as_bearer(make_api_key(tenant, "voice")).get("/api/v2/auth/authenticate").status == 403


@pytest.mark.parametrize(
    ("_case", "fields"), [("no storage role", {"wms_role": "ADMIN"}), ("wrong password", {"password": "another one 1"})]
)
def test_refused_sign_ins(_case: str, fields: dict[str, str], api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant, **fields)
    reply = api.post("/api/v2/auth/login", {"email": user.email, "password": PASSWORD})
    assert (reply.status, reply.json) == (401, {"detail": "Invalid username or password (4 attempts remaining)"})


def test_who_must_choose_a_password_first_gets_no_session(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant, must_change_password=True)
    reply = api.post("/api/v2/auth/login", {"email": user.email, "password": PASSWORD})
    assert (reply.status, reply.json) == (403, {"detail": "password_change_required"})
    assert tenant.value("SELECT count(*) FROM session") == 0


def test_an_access_token_lasts_fifteen_minutes_and_a_family_thirty_days(
    api: Client, tenant: Tenant, clock: Clock
) -> None:
    pair = _sign_in(api, make_staff(tenant))
    clock.advance(seconds=899)
    assert _is_in(api, pair["access_token"])
    clock.advance(seconds=2)
    assert not _is_in(api, pair["access_token"])
    clock.advance(seconds=29 * 86400)
    status, later = _refresh(api, pair["refresh_token"])
    assert (status, _is_in(api, later["access_token"])) == (200, True)
    clock.advance(seconds=86400)
    assert _refresh(api, later["refresh_token"]) == REFUSED


def test_a_family_outlives_the_hash_key_it_began_under(
    api: Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _sign_in(api, make_staff(tenant))
    monkeypatch.setenv("QM_HASH_KEY", "newer test-hash-key")
    settings.cache_clear()
    try:
        status, second = _refresh(api, first["refresh_token"])
        assert (status, _is_in(api, second["access_token"])) == (200, True)
        assert _refresh(api, first["refresh_token"]) == REFUSED  # used twice, under whichever key
        assert _refresh(api, second["refresh_token"]) == REFUSED
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_a_refresh_token_is_used_once_and_a_second_use_ends_the_family(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant)
    first, other = _sign_in(api, user), _sign_in(api, user)
    reply = api.post("/api/v2/auth/refresh_token", {"refresh_token": first["refresh_token"]})
    assert (reply.status, reply.statements) == (200, 4)
    second = reply.json
    assert second["refresh_token"] != first["refresh_token"]
    assert _is_in(api, second["access_token"])
    assert _refresh(api, first["refresh_token"]) == REFUSED
    assert _refresh(api, second["refresh_token"]) == REFUSED
    assert not _is_in(api, second["access_token"])
    assert _is_in(api, other["access_token"])
    assert _refresh(api, other["refresh_token"])[0] == 200


def test_of_twenty_uses_at_once_one_succeeds(api: Client, tenant: Tenant) -> None:
    pair = _sign_in(api, make_staff(tenant))
    answers = together(20, lambda _: _refresh(api, pair["refresh_token"]))
    assert Counter(status for status, _ in answers) == {200: 1, 401: 19}
    won = next(reply for status, reply in answers if status == 200)
    assert not _is_in(api, won["access_token"])
    assert tenant.value("SELECT count(*) FROM session WHERE revoked_at IS NOT NULL") == 1


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "qmr_",
        "qmr_.x",
        "qmr_00000000-0000-7000-8000-000000000000.x",
        "qmr_{00000000-0000-7000-8000-000000000000}.x",
        "00000000-0000-7000-8000-000000000000.x",
        "é" * 255,
    ],
)
def test_what_is_no_refresh_token(token: str, api: Client, tenant: Tenant) -> None:
    assert _refresh(api, token) == REFUSED


def test_a_tampered_token_ends_the_family_it_names(api: Client, tenant: Tenant) -> None:
    """Whoever knows the session but not the secret holds an old token, or a guess: both are reasons to sign in anew."""
    pair = _sign_in(api, make_staff(tenant))
    assert _refresh(api, pair["refresh_token"][:-1] + "!") == REFUSED
    assert _refresh(api, pair["refresh_token"]) == REFUSED


def test_another_organization_cannot_use_it(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    pair = _sign_in(api, make_staff(tenant))
    assert _refresh(Client(other_tenant.host), pair["refresh_token"]) == REFUSED
    assert _refresh(api, pair["refresh_token"])[0] == 200


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE staff SET is_active = false RETURNING id",
        "UPDATE staff SET storage_role = NULL RETURNING id",
        "UPDATE staff SET password_changed_at = now() + interval '1 second' RETURNING id",
        "UPDATE session SET revoked_at = now() RETURNING id",
    ],
)
def test_a_family_ends_with_its_user(change: str, api: Client, tenant: Tenant) -> None:
    pair = _sign_in(api, make_staff(tenant))
    tenant.rows(change)
    assert _refresh(api, pair["refresh_token"]) == REFUSED


def test_an_emptied_table_signs_out_and_revives_nothing(api: Client, tenant: Tenant) -> None:
    pair = _sign_in(api, make_staff(tenant))
    session_id = tenant.value("SELECT id FROM session")
    dynamo.delete(f"refresh#{session_id}", "family")
    assert _refresh(api, pair["refresh_token"]) == REFUSED
    assert _is_in(api, pair["access_token"])


def test_only_hashes_are_kept(api: Client, tenant: Tenant) -> None:
    pair = _sign_in(api, make_staff(tenant))
    session_id = tenant.value("SELECT id FROM session")
    item = dynamo.get(f"refresh#{session_id}", "family")
    assert item is not None
    secret = pair["refresh_token"].split(".")[1]
    assert all(secret not in value for value in item.values())


def test_the_password_policy_is_public(api: Client, tenant: Tenant) -> None:
    policy = api.get("/api/v2/auth/password_policy").json
    assert (policy["min_length"], policy["require_digit"], policy["require_special"]) == (8, True, False)
    assert policy["require_lowercase"] is policy["require_uppercase"] is False
