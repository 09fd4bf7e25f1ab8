"""API keys, as administrators of the shop make, revoke, check and remove them."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, get_args

import pytest

from chalicelib import identity
from chalicelib.identity.keys import rules
from chalicelib.identity.keys import store as keys_store
from chalicelib.kernel import ids
from chalicelib.kernel.access import Access
from chalicelib.kernel.settings import settings
from infra.tools import declarations
from tests.client import Client
from tests.factories.identity import make_api_key, make_staff
from tests.tenant import Clock, Tenant
from tests.threads import together

KEYS = "/api/admin/keys"
NEW: dict[str, Any] = {"name": "Shop front", "prefix": "shop"}
CATALOGUE = "/api/v1/products"


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    """An administrator of the shop and of nothing else."""
    return make_staff(tenant, commerce_role="admin", username="boss").client("commerce")


def create(admin: Client, **fields: Any) -> dict[str, Any]:
    reply = admin.post(KEYS, {**NEW, **fields})
    assert reply.status == 200, reply.json
    made: dict[str, Any] = reply.json
    return made


def status_of(tenant: Tenant, raw_key: str) -> int:
    """What a request with the key is answered."""
    return Client(tenant.host).as_key(raw_key).get(CATALOGUE).status


def entries(tenant: Tenant, action: str) -> list[dict[str, Any]]:
    sql = """
        SELECT entity_id, before, after FROM audit_entry WHERE entity = 'api_key' AND action = %(action)s ORDER BY id
    """
    return tenant.rows(sql, action=action)


# Making.


def test_a_key_is_made_shown_once_and_opens(tenant: Tenant, admin: Client) -> None:
    reply = admin.post(KEYS, {**NEW, "description": "For the shop's server"})
    assert (reply.status, reply.statements) == (200, 5)
    made = reply.json
    raw_key = made["raw_key"]
    assert made == {
        "id": made["id"],
        "name": "Shop front",
        "prefix": "shop",
        "key_preview": raw_key[:13] + "********",
        "description": "For the shop's server",
        "scopes": ["inventory:read", "catalogue:write"],
        "storage_role": None,
        "is_active": True,
        "created_at": made["created_at"],
        "created_by": "boss",
        "expires_at": None,
        "revoked_at": None,
        "revoked_by": None,
        "revoked_reason": None,
        "last_used_at": None,
        "use_count": 0,
        "raw_key": raw_key,
        "warning": "Keep this key now: it is not stored and will not be shown again",
    }
    assert raw_key.startswith("qmk_shop_")
    assert len(raw_key) == len("qmk_shop_") + 43
    assert status_of(tenant, raw_key) == 200

    listed = admin.get(KEYS)
    assert (listed.status, listed.statements) == (200, 4)
    assert listed.json["keys"] == [{k: v for k, v in made.items() if k not in ("raw_key", "warning")}]
    kept = tenant.rows("SELECT k::text AS row FROM api_key k")[0]["row"] + str(entries(tenant, "create"))
    assert raw_key not in kept
    assert raw_key[13:] not in kept
    assert entries(tenant, "create")[0]["after"]["scopes"] == ["inventory:read", "catalogue:write"]


def test_a_repeated_request_makes_another_key(admin: Client) -> None:
    """The answer holds a secret, so it is not kept for a repetition."""
    first, second = (admin.post(KEYS, NEW, idempotency_key="4f9f0d4e-3a52-4b3a-9f5e-1f0a3f3f7a01") for _ in range(2))
    assert first.json["raw_key"] != second.json["raw_key"]


@pytest.mark.parametrize(
    ("prefix", "start"),
    [
        ("voice_", "qmk_voice_"),
        ("rd-live", "qmk_rd-live_"),
        ("9", "qmk_9_"),
        ("qmk", "qmk_qmk_"),
        ("a" * 32, f"qmk_{'a' * 32}_"),
    ],
)
def test_what_a_key_says_of_itself(prefix: str, start: str, tenant: Tenant, admin: Client) -> None:
    made = create(admin, prefix=prefix)
    assert made["raw_key"].startswith(start)
    assert made["key_preview"] == made["raw_key"][: len(start) + 4] + "********"
    assert status_of(tenant, made["raw_key"]) == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "a" * 256},
        {"prefix": ""},
        {"prefix": "_shop"},
        {"prefix": "shop front"},
        {"prefix": "shop\n"},
        {"prefix": "a" * 33},
        {"prefix": "käse"},
        {"scopes": []},
        {"scopes": ["inventory:delete"]},
        {"scopes": "inventory:read"},
        {"scopes": None},
        {"expires_at": "2020-01-01"},
        {"expires_at": "3000-01-01"},
        {"expires_at": "9999-12-31"},
        {"expires_at": "2030-02-30"},
        {"expires_at": "2030-01-01T00:00:00Z"},
        {"expires_at": 1893456000},
        {"description": "a" * 4001},
        {"storage_role": "Admin"},
        {"storage_role": "Boss", "scopes": ["storage"]},
        {"is_active": True},
    ],
)
def test_what_cannot_be_made(wrong: dict[str, Any], admin: Client) -> None:
    reply = admin.post(KEYS, {**NEW, **wrong})
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert admin.get(KEYS).json["keys"] == []


def test_the_list_is_bounded(tenant: Tenant, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_store, "KEYS_MAX", 2)
    assert [admin.post(KEYS, NEW).status for _ in range(3)] == [200, 200, 409]


# Scopes.


@pytest.mark.parametrize(
    ("own", "wanted", "status", "given"),
    [
        (None, None, 403, None),
        (None, "User", 403, None),
        ("User", None, 200, "User"),
        ("User", "Admin", 403, None),
        ("Admin", "Admin", 200, "Admin"),
        ("Admin", "Super Admin", 403, None),
        ("Super Admin", "Super Admin", 200, "Super Admin"),
    ],
)
def test_nobody_gives_a_storage_role_above_their_own(
    own: str | None, wanted: str | None, status: int, given: str | None, tenant: Tenant
) -> None:
    admin = make_staff(tenant, commerce_role="admin", storage_role=own).client("commerce")
    reply = admin.post(KEYS, {**NEW, "scopes": ["storage"], "storage_role": wanted})
    assert (reply.status, reply.json.get("storage_role")) == (status, given)


@pytest.mark.parametrize("role", ["manager", "sales_rep", "staff"])
def test_only_administrators_have_to_do_with_keys(role: str, tenant: Tenant) -> None:
    client = make_staff(tenant, commerce_role=role).client("commerce")
    assert [client.get(KEYS).status, client.post(KEYS, NEW).status] == [403, 403]


def test_a_key_may_do_what_it_was_given(tenant: Tenant, admin: Client) -> None:
    made = create(admin, scopes=["events:read", "events:read"])
    assert made["scopes"] == ["events:read"]
    assert status_of(tenant, made["raw_key"]) == 403
    assert Client(tenant.host).as_key(made["raw_key"]).get("/api/v1/events").status == 200


def test_every_scope_that_an_endpoint_wants_exists() -> None:
    allowed: list[Access] = [endpoint.allow for endpoint in declarations()]
    wanted = {
        permit.removeprefix("key:") for access in allowed for permit in access.permits if permit.startswith("key:")
    }
    assert wanted <= set(get_args(identity.Scope))
    assert set(rules.DEFAULT_SCOPES) <= set(get_args(identity.Scope))


# The last day.


def test_a_key_holds_to_the_end_of_its_last_day(tenant: Tenant, admin: Client, clock: Clock) -> None:
    today = datetime.now().astimezone().date() + timedelta(days=2)
    made = create(admin, expires_at=today.isoformat())
    assert made["expires_at"] == today.isoformat()
    (row,) = tenant.rows("SELECT expires_at FROM api_key")
    assert row["expires_at"].date() == today + timedelta(days=1)
    left_s = (row["expires_at"] - datetime.now().astimezone()).total_seconds()
    clock.advance(seconds=left_s - 30)
    assert status_of(tenant, made["raw_key"]) == 200
    clock.advance(seconds=60)
    assert status_of(tenant, made["raw_key"]) == 401
    boss = make_staff(tenant, commerce_role="admin").client("commerce")
    answer = boss.post(f"{KEYS}/verify", {"raw_key": made["raw_key"]}).json
    assert (answer["valid"], answer["reason"], answer["key"]["is_active"]) == (False, "expired", True)


@pytest.mark.parametrize(
    ("day", "time_zone", "until"),
    [
        ("2026-03-01", "UTC", "2026-03-02T00:00:00+00:00"),
        ("2026-03-01", "America/Chicago", "2026-03-02T06:00:00+00:00"),
        ("2026-03-08", "America/Chicago", "2026-03-09T05:00:00+00:00"),
        ("2026-03-01", "Pacific/Auckland", "2026-03-01T11:00:00+00:00"),
        ("2026-02-28", "America/Chicago", "2026-03-01T06:00:00+00:00"),
    ],
)
def test_days_end_where_the_organization_is(day: str, time_zone: str, until: str) -> None:
    """It is half past one at night on March 1 in UTC: still the evening before in Chicago."""
    last, now = date.fromisoformat(day), datetime.fromisoformat("2026-03-01T01:30:00+00:00")
    found = rules.holds_until(last, time_zone, now)
    assert found == datetime.fromisoformat(until)
    assert rules.last_day_of(found, time_zone) == last


# Revoking and activating.


def test_a_revoked_key_opens_nothing_until_it_is_activated(tenant: Tenant, admin: Client) -> None:
    made = create(admin)
    revoked = admin.post(f"{KEYS}/{made['id']}/revoke")
    assert (revoked.status, revoked.json["success"], revoked.statements) == (200, True, 6)
    key = revoked.json["key"]
    assert (key["is_active"], key["revoked_by"], key["revoked_reason"]) == (False, "boss", "other")
    assert key["revoked_at"] is not None
    assert status_of(tenant, made["raw_key"]) == 401
    activated = admin.post(f"{KEYS}/{made['id']}/activate").json["key"]
    assert (activated["is_active"], activated["revoked_at"], activated["revoked_by"], activated["revoked_reason"]) == (
        True,
        None,
        None,
        None,
    )
    assert status_of(tenant, made["raw_key"]) == 200
    assert [entry["after"] for entry in entries(tenant, "revoke")] == [{"name": "Shop front", "reason": "other"}]
    assert [entry["before"] for entry in entries(tenant, "activate")] == [{"name": "Shop front", "reason": "other"}]


@pytest.mark.parametrize(
    ("reasons", "kept"),
    [
        (["rotated", "unused"], "rotated"),
        (["rotated", "compromised"], "compromised"),
        (["compromised", "unused"], "compromised"),
    ],
)
def test_the_first_reason_stays_unless_it_was_compromised(
    reasons: list[str], kept: str, tenant: Tenant, admin: Client
) -> None:
    made = create(admin)
    for reason in reasons:
        reply = admin.post(f"{KEYS}/{made['id']}/revoke", {"reason": reason})
    assert reply.json["key"]["revoked_reason"] == kept
    assert admin.post(f"{KEYS}/{made['id']}/activate").status == (409 if kept == "compromised" else 200)


def test_a_compromised_key_never_comes_back(tenant: Tenant, admin: Client) -> None:
    made = create(admin)
    first = admin.post(f"{KEYS}/{made['id']}/revoke", {"reason": "compromised"}).json
    refused = admin.post(f"{KEYS}/{made['id']}/activate")
    assert (refused.status, refused.json) == (
        409,
        {"error": "This key was compromised and stays revoked; create another one"},
    )
    assert admin.get(KEYS).json["keys"] == [first["key"]]
    assert status_of(tenant, made["raw_key"]) == 401


def test_both_may_be_repeated(tenant: Tenant, admin: Client) -> None:
    made = create(admin)
    first, second = (admin.post(f"{KEYS}/{made['id']}/revoke").json for _ in range(2))
    assert first == second
    first, second = (admin.post(f"{KEYS}/{made['id']}/activate").json for _ in range(2))
    assert first == second
    assert (len(entries(tenant, "revoke")), len(entries(tenant, "activate"))) == (1, 1)


def test_a_reason_that_is_none(admin: Client) -> None:
    made = create(admin)
    assert admin.post(f"{KEYS}/{made['id']}/revoke", {"reason": "because"}).status == 400


def test_compromised_and_activated_at_once(tenant: Tenant, admin: Client) -> None:
    """Whoever comes first: in the end it is revoked for good."""
    for _ in range(5):
        made = create(admin)
        admin.post(f"{KEYS}/{made['id']}/revoke", {"reason": "rotated"})

        def call(number: int, key_id: int = made["id"]) -> int:
            if number % 2:
                return admin.post(f"{KEYS}/{key_id}/activate").status
            return admin.post(f"{KEYS}/{key_id}/revoke", {"reason": "compromised"}).status

        statuses = together(6, call)
        assert set(statuses[::2]) == {200}
        assert set(statuses[1::2]) <= {200, 409}
        assert status_of(tenant, made["raw_key"]) == 401


# Removing.


def test_a_removed_key_stays_in_the_audit_log(tenant: Tenant, admin: Client) -> None:
    made = create(admin)
    assert admin.post(f"{KEYS}/verify", {"raw_key": made["raw_key"]}).json["valid"] is True
    reply = admin.delete(f"{KEYS}/{made['id']}")
    assert (reply.status, reply.json, reply.statements) == (200, {"success": True}, 6)
    assert status_of(tenant, made["raw_key"]) == 401
    assert admin.get(KEYS).json["keys"] == []
    (entry,) = entries(tenant, "delete")
    assert (entry["entity_id"], entry["before"]["name"], entry["before"]["use_count"]) == (
        str(made["id"]),
        "Shop front",
        1,
    )
    assert entry["before"]["last_used_at"] is not None
    assert admin.delete(f"{KEYS}/{made['id']}").status == 404


# Checking.


def test_a_good_key_is_verified_which_counts_as_a_use(tenant: Tenant, admin: Client) -> None:
    made = create(admin)
    reply = admin.post(f"{KEYS}/verify", {"raw_key": made["raw_key"]})
    assert (reply.status, reply.statements) == (200, 6)
    answer = reply.json
    assert (answer["valid"], answer["reason"]) == (True, None)
    assert (answer["key"]["id"], answer["key"]["use_count"]) == (made["id"], 1)
    assert answer["key"]["last_used_at"] is not None
    assert made["raw_key"].encode() not in reply.body
    (entry,) = entries(tenant, "verify")
    assert (entry["entity_id"], entry["after"]) == (str(made["id"]), {"reason": None})


@pytest.mark.parametrize("raw_key", ["qmk_unknown", "x", "ü" * 1000, "a\tb"])
def test_an_unknown_key_is_answered_and_audited(raw_key: str, tenant: Tenant, admin: Client) -> None:
    reply = admin.post(f"{KEYS}/verify", {"raw_key": raw_key})
    assert (reply.status, reply.json) == (200, {"valid": False, "reason": "unknown", "key": None})
    (entry,) = entries(tenant, "verify")
    assert (entry["entity_id"], entry["after"]) == ("unknown", {"reason": "unknown"})


def test_a_revoked_key_is_no_use(admin: Client) -> None:
    made = create(admin)
    admin.post(f"{KEYS}/{made['id']}/revoke")
    answer = admin.post(f"{KEYS}/verify", {"raw_key": made["raw_key"]}).json
    assert (answer["valid"], answer["reason"], answer["key"]["use_count"]) == (False, "revoked", 0)


def test_a_key_under_an_earlier_hash_key_is_known(
    tenant: Tenant, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw_key = make_api_key(tenant)
    both = ids.keyed_hashes
    monkeypatch.setattr(ids, "keyed_hashes", lambda purpose, secret: [b"a newer one", *both(purpose, secret)])
    assert admin.post(f"{KEYS}/verify", {"raw_key": raw_key}).json["valid"] is True


def test_trying_keys_is_slow(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QM_LIMITS", "on")
    settings.cache_clear()
    try:
        guesser = replace(admin, address="198.51.100.83")
        statuses = [guesser.post(f"{KEYS}/verify", {"raw_key": f"qmk_{n}"}).status for n in range(61)]
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert statuses[:10] == [200] * 10
    assert set(statuses) == {200, 429}  # thirty a minute, and the minute may turn once meanwhile


# Other organizations.


def test_keys_of_others_are_not_there(tenant: Tenant, other_tenant: Tenant, admin: Client) -> None:
    theirs = create(make_staff(other_tenant, commerce_role="admin").client("commerce"))
    path = f"{KEYS}/{theirs['id']}"
    replies = [admin.delete(path), admin.post(f"{path}/revoke"), admin.post(f"{path}/activate")]
    assert [reply.status for reply in replies] == [404, 404, 404]
    assert admin.get(KEYS).json["keys"] == []
    assert admin.post(f"{KEYS}/verify", {"raw_key": theirs["raw_key"]}).json["reason"] == "unknown"
    assert status_of(other_tenant, theirs["raw_key"]) == 200
