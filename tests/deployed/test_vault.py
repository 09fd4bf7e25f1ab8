"""Secrets while a process runs: read once, noticed when they change, kept when they cannot be read, never hammered."""

from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import ids, tokens, vault
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.settings import settings
from tests.deployed.conftest import Surroundings
from tests.tenant import Clock
from tests.threads import together

OLD, NEW = f"k1:{'1' * 32}", f"k2:{'2' * 32}"
WMS = frozenset({"wms"})


def token() -> str:
    now = business_clock.now()
    return tokens.issue(
        audience="wms",
        kind="staff",
        principal_id=7,
        organization_id=3,
        session_id="0192f0c1-2345-7000-8000-000000000000",
        issued_at=now,
        expires_at=now + timedelta(hours=8),
    )


def kid_of(text: str) -> str:
    return str(jwt.get_unverified_header(text)["kid"])


def test_a_secret_is_asked_for_once(deployed: Surroundings) -> None:
    assert {vault.secrets().hash_key.get_secret_value() for _ in range(100)} == {"first"}
    assert deployed.asked == [deployed.names["platform"]]


def test_the_environment_is_no_second_source(deployed: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QM_HASH_KEY", "from the environment")
    settings.cache_clear()
    assert vault.secrets().hash_key.get_secret_value() == "first"


def test_locally_nobody_is_asked(aws: None, deployed: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QM_SECRET_ID")
    monkeypatch.setenv("QM_HASH_KEY", "from the environment")
    settings.cache_clear()
    assert (vault.secrets().hash_key.get_secret_value(), deployed.asked) == ("from the environment", [])


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_deployed_stage_without_a_secret_says_so(
    deployed: Surroundings, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setenv("QM_STAGE", stage)
    monkeypatch.setenv("QM_OUTBOUND_ALLOWED", "")
    monkeypatch.delenv("QM_SECRET_ID")
    settings.cache_clear()
    with pytest.raises(RuntimeError, match="QM_SECRET_ID is not set"):
        vault.secrets()


# Keys change while the process runs.


def test_after_a_rotation_new_tokens_have_the_new_key_and_old_ones_still_count(
    deployed: Surroundings, clock: Clock
) -> None:
    before = token()
    deployed.put("platform", {"jwt_keys": f"{NEW} {OLD}", "hash_key": "first"})
    assert kid_of(token()) == "k1"  # nobody has looked yet
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    after = token()
    assert (kid_of(before), kid_of(after)) == ("k1", "k2")
    assert [tokens.read(text, WMS).principal_id for text in (before, after)] == [7, 7]
    deployed.put("platform", {"jwt_keys": NEW, "hash_key": "first"})
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    assert tokens.read(after, WMS).principal_id == 7
    with pytest.raises(tokens.BadToken):
        tokens.read(before, WMS)


def test_a_token_of_a_process_that_knew_the_new_key_earlier_counts_at_once(deployed: Surroundings) -> None:
    mine = token()
    vault.forget()  # another process, which starts after the rotation
    deployed.put("platform", {"jwt_keys": f"{NEW} {OLD}", "hash_key": "first"})
    theirs = token()
    vault.forget()
    deployed.put("platform", {"jwt_keys": OLD, "hash_key": "first"})
    assert kid_of(token()) == "k1"  # back in this one, which read the secret before
    deployed.put("platform", {"jwt_keys": f"{NEW} {OLD}", "hash_key": "first"})
    assert (kid_of(theirs), tokens.read(theirs, WMS).principal_id) == ("k2", 7)
    assert tokens.read(mine, WMS).principal_id == 7


def test_invented_key_ids_do_not_hammer_secrets_manager(deployed: Surroundings, clock: Clock) -> None:
    forged = [jwt.encode({"sub": "7"}, "x" * 32, headers={"kid": f"invented-{n}"}) for n in range(50)]
    for text in forged:
        with pytest.raises(tokens.BadToken):
            tokens.read(text, WMS)
    assert deployed.times_asked("platform") == 2  # the first reading, and one again
    clock.advance(seconds=vault.RENEW_AFTER_S + 1)
    with pytest.raises(tokens.BadToken):
        tokens.read(forged[0], WMS)
    assert deployed.times_asked("platform") == 3


def test_hashes_are_made_with_the_new_key_and_found_under_all(deployed: Surroundings, clock: Clock) -> None:
    old = ids.keyed_hash("api_key", "qmk_abc")
    deployed.put("platform", {"jwt_keys": OLD, "hash_key": "second first"})
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    new = ids.keyed_hash("api_key", "qmk_abc")
    assert new != old
    assert ids.keyed_hashes("api_key", "qmk_abc") == [new, old]


@pytest.mark.parametrize("keys", ["", "k1", "k1:", ":secret", f"{OLD} stray"])
def test_keys_that_are_no_keys_fail_loudly_and_are_no_bad_token(deployed: Surroundings, keys: str) -> None:
    text = token()
    vault.forget()
    deployed.put("platform", {"jwt_keys": keys})
    with pytest.raises(RuntimeError, match="jwt_keys is not set"):
        tokens.read(text, WMS)


# Secrets Manager fails.


def test_what_cannot_be_read_again_stays_in_use(
    deployed: Surroundings, clock: Clock, metrics: Callable[[], list[str]]
) -> None:
    text = token()
    deployed.remove("platform")
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    assert [tokens.read(text, WMS).principal_id for _ in range(20)] == [7] * 20
    assert (metrics(), deployed.times_asked("platform")) == (["SecretUnreadable"], 2)
    clock.advance(seconds=vault.RETRY_AFTER_S + 1)
    assert tokens.read(text, WMS).principal_id == 7
    assert (metrics(), deployed.times_asked("platform")) == (["SecretUnreadable"], 3)


def test_what_was_never_read_is_a_503_that_does_not_hammer(
    deployed: Surroundings, metrics: Callable[[], list[str]]
) -> None:
    deployed.remove("platform")
    for _ in range(20):
        with pytest.raises(Unavailable) as unavailable:
            vault.secrets()
        assert unavailable.value.headers == {"Retry-After": "10"}
    assert (metrics(), deployed.times_asked("platform")) == (["SecretUnreadable"], 1)


@pytest.mark.parametrize(
    ("_case", "document", "error"),
    [
        ("no JSON", "sup3r:s3cret", "JSONDecodeError"),
        ("a list", ["sup3r:s3cret"], "ValidationError"),
        ("a text", '"sup3r:s3cret"', "ValidationError"),
        ("a field of another type", {"jwt_keys": ["sup3r:s3cret"]}, "ValidationError"),
    ],
)
def test_what_is_no_secret_of_ours_is_not_taken_and_not_logged(
    deployed: Surroundings,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    _case: str,
    document: object,
    error: str,
) -> None:
    text = token()
    deployed.put("platform", document)
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    assert tokens.read(text, WMS).principal_id == 7
    (record,) = caplog.records
    assert (record.getMessage(), record.__dict__["error"]) == ("secret cannot be read", error)
    assert "s3cret" not in str(vars(record))


def test_many_threads_ask_once(deployed: Surroundings, clock: Clock) -> None:
    assert together(8, lambda _: vault.secrets().hash_key.get_secret_value()) == ["first"] * 8
    clock.advance(seconds=vault.MAX_AGE_S + 1)
    assert together(8, lambda _: vault.secrets().hash_key.get_secret_value()) == ["first"] * 8
    assert deployed.times_asked("platform") == 2
