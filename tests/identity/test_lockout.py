"""Five wrong passwords lock, per account and per address, whoever asks and however many at once."""

import time
from collections import Counter
from dataclasses import replace
from itertools import count

import pytest

from chalicelib.kernel import dynamo, throttle
from tests.client import Client
from tests.factories.customers import make_customer
from tests.factories.identity import PASSWORD, make_staff, make_warehouse_user
from tests.tenant import Clock, Tenant
from tests.threads import together

_addresses = (f"198.51.100.{number}" for number in count(1))
LOGIN = "/api/auth/login"
LOCKED = {"error": "Account locked. Try again later."}


def _from_elsewhere(api: Client) -> Client:
    return replace(api, address=next(_addresses))


def _body(name: str, password: str = "a wrong guess 1") -> dict[str, str]:
    return {"username": name, "password": password}


@pytest.mark.parametrize("_case", ["a user", "nobody"])
def test_the_fifth_wrong_password_locks(_case: str, api: Client, tenant: Tenant, clock: Clock) -> None:
    name = make_staff(tenant).username if _case == "a user" else "nobody"
    replies = [_from_elsewhere(api).post(LOGIN, _body(name)) for _ in range(6)]
    assert [r.status for r in replies] == [401, 401, 401, 401, 429, 429]
    assert replies[0].json == {"error": "Invalid username or password (4 attempts remaining)"}
    assert replies[3].json == {"error": "Invalid username or password (1 attempt remaining)"}
    assert (replies[4].json, replies[5].json) == (LOCKED, LOCKED)
    assert replies[4].headers["Retry-After"] == "900"
    assert 890 <= int(replies[5].headers["Retry-After"]) <= 900


def test_a_locked_account_refuses_the_right_password_for_fifteen_minutes_from_the_last_try(
    api: Client, tenant: Tenant, clock: Clock
) -> None:
    user = make_staff(tenant)
    for _ in range(4):
        _from_elsewhere(api).post(LOGIN, _body(user.username))
    clock.advance(seconds=600)
    assert _from_elsewhere(api).post(LOGIN, _body(user.username)).status == 429
    clock.advance(seconds=880)
    assert _from_elsewhere(api).post(LOGIN, _body(user.username, PASSWORD)).status == 429
    clock.advance(seconds=30)
    assert _from_elsewhere(api).post(LOGIN, _body(user.username, PASSWORD)).status == 200


def test_an_address_is_locked_whatever_names_it_tries(api: Client, tenant: Tenant) -> None:
    user, here = make_staff(tenant), _from_elsewhere(api)
    statuses = [here.post(LOGIN, _body(f"name{number}")).status for number in range(5)]
    assert statuses == [401, 401, 401, 401, 429]
    assert here.post(LOGIN, _body(user.username, PASSWORD)).status == 429
    assert _from_elsewhere(api).post(LOGIN, _body(user.username, PASSWORD)).status == 200


def test_a_header_does_not_change_the_address(api: Client, tenant: Tenant) -> None:
    here = _from_elsewhere(api)
    headers = [{"x_forwarded_for": f"192.0.2.{number}", "x_real_ip": f"192.0.2.{number}"} for number in range(6)]
    statuses = [here.post(LOGIN, _body(f"name{number}"), **h).status for number, h in enumerate(headers)]
    assert statuses == [401, 401, 401, 401, 429, 429]


def test_a_right_password_clears_the_account_but_not_the_address(api: Client, tenant: Tenant) -> None:
    user, here = make_staff(tenant), _from_elsewhere(api)
    for _ in range(2):
        for _ in range(2):
            assert here.post(LOGIN, _body(user.username)).status == 401
        assert here.post(LOGIN, _body(user.username, PASSWORD)).status == 200
    assert here.post(LOGIN, _body(user.username)).status == 429
    assert _from_elsewhere(api).post(LOGIN, _body(user.username)).status == 401


def test_all_names_of_an_account_count_together(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant)
    names = [user.username, user.email, user.username.upper(), f" {user.email} ", user.username]
    doors = [LOGIN, "/api/staff/login", LOGIN, "/api/staff/login", "/api/v2/auth/login"]
    statuses = []
    for name, door in zip(names, doors, strict=True):
        body = {"email": name, "password": "guess"} if "v2" in door else _body(name)
        statuses.append(_from_elsewhere(api).post(door, body).status)
    assert statuses == [401, 401, 401, 401, 429]


def test_locks_of_staff_customers_and_organizations_are_apart(
    api: Client, tenant: Tenant, other_tenant: Tenant
) -> None:
    user = make_staff(tenant, username="ada")
    shopper = make_customer(tenant, username="ada")
    make_staff(other_tenant, username="ada")
    for _ in range(5):
        api.post(LOGIN, _body(user.username))
    assert api.post(LOGIN, _body("ada", PASSWORD)).status == 429
    assert api.post("/api/login", _body("ada", shopper.password)).status == 200
    assert Client(other_tenant.host).post(LOGIN, _body("ada", PASSWORD)).status == 200


def test_of_twenty_guesses_at_once_five_are_looked_at(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant)
    clients = [_from_elsewhere(api) for _ in range(20)]
    replies = together(20, lambda number: clients[number].post(LOGIN, _body(user.username)))
    assert Counter(r.status for r in replies) == {401: 4, 429: 16}
    assert _from_elsewhere(api).post(LOGIN, _body(user.username, PASSWORD)).status == 429


def test_of_twenty_guesses_at_once_from_one_address_five_are_looked_at(api: Client, tenant: Tenant) -> None:
    here = _from_elsewhere(api)
    replies = together(20, lambda number: here.post(LOGIN, _body(f"name{number}")))
    assert Counter(r.status for r in replies) == {401: 4, 429: 16}


def test_a_shift_that_signs_in_all_at_once_gets_in(api: Client, tenant: Tenant) -> None:
    users, here = [make_warehouse_user(tenant, "pick") for _ in range(12)], _from_elsewhere(api)
    replies = together(12, lambda number: here.post(LOGIN, _body(users[number].username, PASSWORD)))
    assert [r.status for r in replies] == [200] * 12
    again = together(12, lambda _: here.post(LOGIN, _body(users[0].username, PASSWORD)))
    assert [r.status for r in again] == [200] * 12


def test_tries_whose_process_died_count_for_half_a_minute(
    api: Client, tenant: Tenant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "PLACE_WAIT_S", 0.05)
    user, here = make_staff(tenant), _from_elsewhere(api)
    assert here.post(LOGIN, _body(user.username)).status == 401
    for _ in range(4):
        throttle.Lockout(f"staff/{tenant.id}", f"id/{user.id}", here.address).attempt()
    busy = here.post(LOGIN, _body(user.username, PASSWORD))
    assert (busy.status, busy.headers["Retry-After"]) == (429, "1")
    clock.advance(seconds=31)
    statuses = [here.post(LOGIN, _body(user.username)).status for _ in range(4)]
    assert statuses == [401, 401, 401, 429], "the one real failure still counts"


def test_who_cannot_be_counted_is_not_let_in(api: Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.kernel.settings import settings

    user = make_staff(tenant)
    monkeypatch.setenv("QM_TABLE_NAME", "gone")
    settings.cache_clear()
    try:
        reply = api.post(LOGIN, _body(user.username, PASSWORD))
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")


def test_an_unknown_name_takes_as_long_as_a_wrong_password(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of hashes, which is what time comes from; the times themselves would be noise."""
    from argon2 import PasswordHasher

    hashed: list[str] = []
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, password_hash: str, password: str) -> bool:
        hashed.append(password_hash)
        return bool(verify(self, password_hash, password))

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    user, api = make_staff(tenant), Client(tenant.host)
    for name in (user.username, "stranger"):
        hashed.clear()
        assert _from_elsewhere(api).post(LOGIN, _body(name)).status == 401
        assert len(hashed) == 1
        assert hashed[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_the_counters_expire_with_their_window(api: Client, tenant: Tenant) -> None:
    here = _from_elsewhere(api)
    here.post(LOGIN, _body("nobody"))
    item = dynamo.client().get_item(
        TableName="quartermaster",
        Key={"pk": {"S": f"lockout#staff/{tenant.id}#address#{here.address}"}, "sk": {"S": "tries"}},
    )["Item"]
    assert (item["hits"]["N"], item["failures"]["N"]) == ("1", "1")
    assert 0 < int(item["ttl"]["N"]) - time.time() <= 900
