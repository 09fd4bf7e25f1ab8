"""Passwords and keys change while the API serves: through TLS, a role and the front door."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib import identity
from chalicelib.kernel import credentials, database, deployment, roles, vault
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.settings import settings
from tests.client import Client, Reply
from tests.deployed.conftest import Surroundings
from tests.tenant import Clock, create_tenant
from tests.threads import together

HOST = "rotation.test"
LEVELS = "/api/v1/inventory_levels"
LOGIN = {"username": "admin", "password": "Walnut-Pallet-Harbor-42"}


@pytest.fixture
def platform(deployed: Surroundings) -> Iterator[Surroundings]:
    """A deployed platform; its one organization is made at the first use and kept."""
    deployment.prepare({})
    with database.connect(credentials.of("owner")) as connection, connection.transaction():
        if connection.execute("SELECT FROM organization WHERE host = %s", [HOST]).fetchone() is None:
            identity.bootstrap_organization(
                connection,
                name="Rotation",
                host=HOST,
                is_default=False,
                username=LOGIN["username"],
                password=LOGIN["password"],
            )
    deployed.asked.clear()
    yield deployed
    deployed.change_password(roles.APPLICATION, "application")


def sign_in() -> Reply:
    return Client(HOST).post("/api/auth/login", LOGIN)


def me(reply: Reply) -> Reply:
    return Client(HOST).as_bearer(reply.json["token"]).get("/api/auth/me")


def in_new_process() -> None:
    """As a function's environment begins: no connection, nothing read."""
    vault.forget()
    database.discard()


# The database's password.


def test_one_connection_asks_once_for_its_password(platform: Surroundings) -> None:
    assert [sign_in().status for _ in range(5)] == [200] * 5
    assert platform.times_asked("application") == 0  # a connection was there
    database.discard()
    assert (sign_in().status, platform.times_asked("application")) == (200, 0)  # the password is known
    in_new_process()
    assert (sign_in().status, platform.times_asked("application")) == (200, 1)


def test_a_rotated_password_is_read_again_at_the_first_refusal(platform: Surroundings) -> None:
    assert sign_in().status == 200
    platform.put("application", {"username": roles.APPLICATION, "password": "rotated"})
    platform.change_password(roles.APPLICATION, "rotated")
    assert sign_in().status == 200  # the connection that is open goes on
    asked = platform.times_asked("application")
    database.discard()
    assert (sign_in().status, platform.times_asked("application")) == (200, asked + 1)


def test_threads_that_are_refused_together_read_once(platform: Surroundings) -> None:
    assert sign_in().status == 200
    platform.put("application", {"username": roles.APPLICATION, "password": "rotated"})
    platform.change_password(roles.APPLICATION, "rotated")
    asked = platform.times_asked("application")
    assert together(6, lambda _: sign_in().status) == [200] * 6
    assert platform.times_asked("application") == asked + 1


def test_wrong_twice_is_a_503_an_alarm_and_no_hammering(
    platform: Surroundings, clock: Clock, metrics: Callable[[], list[str]]
) -> None:
    """The database has the new password and Secrets Manager the old one still: the middle of a rotation."""
    in_new_process()
    platform.change_password(roles.APPLICATION, "rotated")
    metrics()
    refused = sign_in()
    assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
    assert refused.json == {"error": "Temporarily unavailable; please try again"}
    assert (metrics(), platform.times_asked("application")) == (["DatabaseRefused"], 2)
    assert [sign_in().status for _ in range(10)] == [503] * 10
    assert (metrics(), platform.times_asked("application")) == (["DatabaseRefused"] * 10, 2)
    platform.put("application", {"username": roles.APPLICATION, "password": "rotated"})
    clock.advance(seconds=vault.RENEW_AFTER_S + 1)
    assert (sign_in().status, platform.times_asked("application")) == (200, 3)


def test_without_secrets_manager_the_known_password_goes_on(
    platform: Surroundings, clock: Clock, metrics: Callable[[], list[str]]
) -> None:
    assert sign_in().status == 200
    platform.remove("application")
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    database.discard()
    metrics()
    assert (sign_in().status, metrics()) == (200, ["SecretUnreadable"])


def test_a_password_that_was_never_read_is_a_503(platform: Surroundings, metrics: Callable[[], list[str]]) -> None:
    in_new_process()
    platform.remove("application")
    metrics()
    unavailable = sign_in()
    assert (unavailable.status, unavailable.headers["Retry-After"], metrics()) == (503, "10", ["SecretUnreadable"])


# The server must prove who it is.


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("signed by nobody we know", {"QM_DATABASE_CA_FILE": ""}),
        ("for another name", {"QM_DATABASE_HOST": "127.0.0.1"}),
    ],
)
def test_a_server_with_a_wrong_certificate_gets_no_password(
    platform: Surroundings,
    monkeypatch: pytest.MonkeyPatch,
    metrics: Callable[[], list[str]],
    _case: str,
    change: dict[str, str],
) -> None:
    in_new_process()
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    metrics()
    with pytest.raises(Unavailable) as unavailable:
        database.connection()
    assert "certificate" in str(unavailable.value.__cause__)
    assert (metrics(), platform.times_asked("application")) == ([], 1)  # nothing was refused, so nothing is read again


def test_a_server_without_tls_gets_no_password(platform: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    in_new_process()
    monkeypatch.setenv("QM_DATABASE_PORT", str(platform.cluster.port))
    settings.cache_clear()
    with pytest.raises(Unavailable) as unavailable:
        database.connection()
    assert "server does not support SSL" in str(unavailable.value.__cause__)


def test_an_authority_that_is_not_there_is_no_reason_to_believe(
    platform: Surroundings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_new_process()
    monkeypatch.setenv("QM_DATABASE_CA_FILE", str(tmp_path / "none.pem"))
    settings.cache_clear()
    with pytest.raises(Unavailable) as unavailable:
        database.connection()
    assert "none.pem" in str(unavailable.value.__cause__)


# Keys.


def test_who_signed_in_before_a_rotation_stays_signed_in(platform: Surroundings, clock: Clock) -> None:
    before = sign_in()
    platform.put("platform", {"jwt_keys": f"k2:{'2' * 32} k1:{'1' * 32}", "hash_key": "second first"})
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    after = sign_in()
    assert [me(reply).status for reply in (before, after)] == [200, 200]
    platform.put("platform", {"jwt_keys": f"k2:{'2' * 32}", "hash_key": "second first"})
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    assert [me(reply).status for reply in (before, after)] == [401, 200]


def test_an_api_key_outlives_the_hash_key_that_it_was_made_under(platform: Surroundings, clock: Clock) -> None:
    tenant = create_tenant(credentials.of("owner"), "rotated-keys")
    with tenant.uow() as uow:
        old = identity.create_api_key(uow, "Before", ["inventory:read"])
    platform.put("platform", {"jwt_keys": f"k1:{'1' * 32}", "hash_key": "second first"})
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    with tenant.uow() as uow:
        new = identity.create_api_key(uow, "After", ["inventory:read"])
    caller = Client(tenant.host)
    keys = [old, new, "qmk_unknown"]
    assert [caller.as_key(key).get(LEVELS).status for key in keys] == [200, 200, 401]
    assert caller.as_key(old).get(LEVELS).statements == caller.as_key(new).get(LEVELS).statements
    platform.put("platform", {"jwt_keys": f"k1:{'1' * 32}", "hash_key": "second"})
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    assert [caller.as_key(key).get(LEVELS).status for key in keys] == [401, 200, 401]
