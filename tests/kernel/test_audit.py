"""The audit log: whatever is done to it afterwards, by whomever, is found; writers do not wait for one another."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from chalicelib.kernel import audit, schedules
from chalicelib.kernel.audit import Verification
from infra.local.postgres import Cluster
from tests.tenant import Tenant, create_tenant
from tests.threads import together

Tamper = Callable[..., None]


@pytest.fixture
def tamper(database: Cluster, tenant: Tenant) -> Tamper:
    """Statements of a superuser who switched all triggers off, as an attacker with the server in hand would be."""

    def run(sql: str, **params: Any) -> None:
        with psycopg.connect(database.superuser_url("quartermaster"), autocommit=True) as connection:
            connection.execute("SET session_replication_role = 'replica'")
            assert connection.execute(sql.encode(), {"org": tenant.id, **params}).rowcount > 0

    return run


def write(tenant: Tenant, *names: str) -> None:
    """An entry per name, each in a transaction of its own."""
    for name in names:
        with tenant.uow() as uow:
            uow.audit("note.change", "note", name, before={"number": 1}, after={"number": 2, "name": name})


def seal(tenant: Tenant) -> int:
    with tenant.uow() as uow:
        return audit.seal(uow)


def verify(tenant: Tenant) -> Verification:
    with tenant.uow() as uow:
        return audit.verify(uow)


@pytest.fixture
def sealed(tenant: Tenant) -> int:
    """How many entries are sealed; the last five are notes a to e."""
    write(tenant, "a", "b", "c", "d", "e")
    return seal(tenant)


def of(name: str) -> str:
    """The condition that finds a note's entry."""
    return f"organization_id = %(org)s AND entity = 'note' AND entity_id = '{name}'"


def test_an_untouched_log_is_whole(tenant: Tenant, sealed: int) -> None:
    assert verify(tenant) == Verification(sealed=sealed, unchained=0, broken_at=None, reason=None)
    assert verify(tenant).is_whole
    assert seal(tenant) == 0


def test_an_entry_says_who_did_what_when(tenant: Tenant) -> None:
    write(tenant, "a")
    (row,) = tenant.rows(
        "SELECT actor, action, entity, entity_id, before, after FROM audit_entry WHERE entity = 'note'"
    )
    assert row == {
        "actor": "machine:0",
        "action": "note.change",
        "entity": "note",
        "entity_id": "a",
        "before": {"number": 1},
        "after": {"number": 2, "name": "a"},
    }


def test_what_is_not_sealed_yet_is_no_fault(tenant: Tenant, sealed: int) -> None:
    write(tenant, "f")
    assert verify(tenant) == Verification(sealed=sealed, unchained=0, broken_at=None, reason=None)
    assert (seal(tenant), verify(tenant).sealed) == (1, sealed + 1)


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'staff:1'",
        "action = 'note.other'",
        "entity_id = 'z'",
        "at = at + interval '1 microsecond'",
        "before = '{\"number\": 3}'",
        "before = NULL",
        'after = \'{"name": "c", "number": 3}\'',
        "request_id = 'x'",
        "mac = decode('00', 'hex')",
    ],
)
def test_an_edited_entry_is_found(tenant: Tenant, sealed: int, tamper: Tamper, change: str) -> None:
    tamper(f"UPDATE audit_entry SET {change} WHERE {of('c')}")
    found = verify(tenant)
    assert (found.is_whole, found.broken_at, found.reason) == (False, sealed - 2, "an entry or a link was edited")


def test_a_removed_entry_is_found(tenant: Tenant, sealed: int, tamper: Tamper) -> None:
    tamper(f"DELETE FROM audit_entry WHERE {of('c')}")
    assert (verify(tenant).broken_at, verify(tenant).reason) == (sealed - 2, "an entry was removed")


def test_a_link_removed_with_its_entry_is_found(tenant: Tenant, sealed: int, tamper: Tamper) -> None:
    tamper(f"DELETE FROM audit_seal WHERE audit_id = (SELECT id FROM audit_entry WHERE {of('c')})")
    tamper(f"DELETE FROM audit_entry WHERE {of('c')}")
    assert (verify(tenant).broken_at, verify(tenant).reason) == (sealed - 2, "a link is missing")


def test_a_gap_that_was_closed_by_renumbering_is_found(tenant: Tenant, sealed: int, tamper: Tamper) -> None:
    tamper(f"DELETE FROM audit_seal WHERE audit_id = (SELECT id FROM audit_entry WHERE {of('c')})")
    tamper(f"DELETE FROM audit_entry WHERE {of('c')}")
    for number in (sealed - 1, sealed):
        tamper("UPDATE audit_seal SET number = number - 1 WHERE organization_id = %(org)s AND number = %(n)s", n=number)
    assert (verify(tenant).broken_at, verify(tenant).reason) == (sealed - 2, "an entry or a link was edited")


def test_two_entries_that_changed_places_are_found(tenant: Tenant, sealed: int, tamper: Tamper) -> None:
    tamper(
        "UPDATE audit_seal s SET hash = other.hash FROM audit_seal other WHERE s.organization_id = %(org)s"
        " AND other.organization_id = %(org)s AND s.number IN (%(a)s, %(b)s) AND other.number = %(a)s + %(b)s - s.number",
        a=sealed - 1,
        b=sealed,
    )
    assert verify(tenant).broken_at == sealed - 1


def test_a_tail_cut_off_from_the_chain_is_found(tenant: Tenant, sealed: int, tamper: Tamper) -> None:
    """Links removed, entries still there. Entries and links together show against the head that sealing logged."""
    tamper("DELETE FROM audit_seal WHERE organization_id = %(org)s AND number > %(n)s", n=sealed - 2)
    found = verify(tenant)
    assert (found.is_whole, found.sealed, found.unchained) == (False, sealed - 2, 2)


def test_sealing_tells_the_head_to_the_log(tenant: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    write(tenant, "a")
    with caplog.at_level("INFO", logger="quartermaster"):
        number = seal(tenant)
    (record,) = [r for r in caplog.records if r.message == "audit sealed"]
    head = tenant.rows("SELECT number, encode(hash, 'hex') AS hash FROM audit_seal ORDER BY number DESC LIMIT 1")
    told = vars(record)
    assert (told["organization"], told["head"], told["hash"]) == (tenant.id, head[0]["number"], head[0]["hash"])
    assert number == head[0]["number"]


SLIP_IN = """
    INSERT INTO audit_entry (organization_id, at, actor, action, entity, entity_id, before, after, request_id, mac)
    SELECT organization_id, at, 'staff:7', action, entity, 'slipped', before, after, request_id, mac
      FROM audit_entry WHERE organization_id = %(org)s AND entity_id = 'c'
"""
QUEUE_IT = """
    INSERT INTO audit_unsealed (audit_id, organization_id)
    SELECT id, organization_id FROM audit_entry WHERE organization_id = %(org)s AND entity_id = 'slipped'
"""


def test_a_row_slipped_in_is_found(tenant: Tenant, sealed: int, tamper: Tamper) -> None:
    tamper(SLIP_IN)
    found = verify(tenant)
    assert (found.is_whole, found.sealed, found.unchained) == (False, sealed, 1)


def test_a_row_slipped_in_to_be_sealed_is_found(tenant: Tenant, sealed: int, tamper: Tamper) -> None:
    tamper(SLIP_IN)
    tamper(QUEUE_IT)
    assert seal(tenant) == 1
    found = verify(tenant)
    assert (found.broken_at, found.reason) == (sealed + 1, "an entry was edited before it was sealed")


def test_an_entry_edited_before_it_was_sealed_is_found(tenant: Tenant, sealed: int, tamper: Tamper) -> None:
    write(tenant, "f")
    tamper(f"UPDATE audit_entry SET actor = 'staff:7' WHERE {of('f')}")
    seal(tenant)
    found = verify(tenant)
    assert (found.broken_at, found.reason) == (sealed + 1, "an entry was edited before it was sealed")


def test_an_entry_removed_before_it_was_sealed_is_found(tenant: Tenant, sealed: int, tamper: Tamper) -> None:
    write(tenant, "f")
    tamper(f"DELETE FROM audit_entry WHERE {of('f')}")
    seal(tenant)
    found = verify(tenant)
    assert (found.is_whole, found.sealed, found.unchained) == (False, sealed, 1)


def test_an_entry_that_was_taken_from_the_queue_is_found(tenant: Tenant, sealed: int) -> None:
    """The application itself may do this: it can forget to seal, but not unnoticed."""
    write(tenant, "f")
    with tenant.uow() as uow:
        uow.execute("DELETE FROM audit_unsealed")
    seal(tenant)
    assert (verify(tenant).is_whole, verify(tenant).unchained) == (False, 1)


def test_entries_outlive_the_hash_key_they_were_written_under(
    tenant: Tenant, sealed: int, configured: Callable[..., Any]
) -> None:
    with configured(QM_HASH_KEY="newer test-hash-key"):
        write(tenant, "f")
        seal(tenant)
        assert (verify(tenant).is_whole, verify(tenant).sealed) == (True, sealed + 1)
    assert verify(tenant).broken_at == sealed + 1  # the newer key was taken off the list


def test_another_hash_key_cannot_have_written_it(tenant: Tenant, sealed: int, configured: Callable[..., Any]) -> None:
    with configured(QM_HASH_KEY="another"):
        assert verify(tenant).reason == "an entry was edited before it was sealed"


# Many at once.


def test_writers_do_not_wait_for_one_another_nor_for_the_sealer(tenant: Tenant) -> None:
    """One transaction with an entry stays open; others write, commit and are sealed meanwhile."""

    @contextmanager
    def open_entry() -> Iterator[None]:
        with tenant.uow() as uow:
            uow.audit("note.change", "note", "late")
            uow.flush()
            yield

    seal(tenant)
    with open_entry():
        done = together(3, lambda n: write(tenant, f"early-{n}"))
        assert len(done) == 3
        assert together(1, lambda _: seal(tenant)) == [3]
    assert (seal(tenant), verify(tenant).is_whole) == (1, True)


def test_two_sealers_at_once_make_one_chain(tenant: Tenant) -> None:
    write(tenant, *(f"n{number}" for number in range(20)))
    expected = tenant.value("SELECT count(*) FROM audit_unsealed")
    sealed = together(4, lambda _: seal(tenant))
    assert sum(sealed) == expected
    assert verify(tenant) == Verification(sealed=expected, unchained=0, broken_at=None, reason=None)


def test_writers_and_sealers_all_at_once_leave_a_whole_chain(tenant: Tenant) -> None:
    def work(n: int) -> None:
        for number in range(5):
            write(tenant, f"{n}-{number}")
            if n % 2:
                seal(tenant)

    together(6, work)
    while seal(tenant):
        pass
    assert verify(tenant).is_whole
    assert (
        tenant.value("SELECT count(*) FROM audit_seal s JOIN audit_entry e ON e.id = s.audit_id WHERE entity = 'note'")
        == 30
    )


def test_every_organization_has_a_chain_of_its_own(tenant: Tenant, other_tenant: Tenant) -> None:
    for owner in (tenant, other_tenant, tenant):
        write(owner, "a")
    schedules.seal_audit({}, None)
    assert [verify(t).is_whole for t in (tenant, other_tenant)] == [True, True]
    assert [t.value("SELECT max(number) - count(*) FROM audit_seal") for t in (tenant, other_tenant)] == [0, 0]


def test_long_logs_are_sealed_and_checked_in_parts(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "SEAL_BATCH", 3)
    write(tenant, *"abcdefgh")
    rounds = 0
    while seal(tenant):
        rounds += 1
    assert rounds >= 3
    assert verify(tenant).is_whole


# Whatever is written.

numbers = st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def one_tenant(database: Cluster, aws: None) -> Tenant:
    return create_tenant(database.owner_url(), "audited")


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(texts, values, max_size=4))
@example({"amount": 1e16})
@example({"amount": 1e22})
@example({"amount": -0.0})
@example({"amount": 12.0})
@example({"amount": 1e-7})
@example({"b": 1, "a": [1.5, {"z": None}]})
def test_whatever_was_written_verifies_after_the_database_stored_it(one_tenant: Tenant, after: dict[str, Any]) -> None:
    with one_tenant.uow() as uow:
        uow.audit("note.change", "note", "x", before=None, after=after)
    with one_tenant.uow() as uow:
        audit.seal(uow)
        found = audit.verify(uow)
    assert (found.is_whole, found.reason) == (True, None), json.dumps(after)


def test_jsonb_is_what_the_canonical_text_must_survive(one_tenant: Tenant) -> None:
    """Why numbers are normalised: jsonb writes 1e16 as an integer and forgets the sign of zero."""
    with one_tenant.uow() as uow:
        stored = uow.value("SELECT (%(j)s::jsonb)::text AS text", {"j": Jsonb([1e16, -0.0, 12.0])})
    assert stored == "[10000000000000000, 0.0, 12.0]"
