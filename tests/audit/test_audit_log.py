"""The audit log, read by administrators: filters, pages, and the chain that is walked in pieces."""

from typing import Any

import pytest

from chalicelib.kernel import audit
from tests.client import Client
from tests.factories.identity import Staff, make_staff
from tests.tenant import Tenant

LOG = "/api/admin/audit-log"


@pytest.fixture
def admin(tenant: Tenant) -> Staff:
    return make_staff(tenant, wms_role="ADMIN")


def rename(client: Client, tenant: Tenant, name: str) -> None:
    reply = client.put(f"/api/admin/warehouses/{tenant.warehouse_id}", {"warehouse_name": name})
    assert reply.status == 200, reply.json


def test_an_entry_says_who_what_before_and_after(tenant: Tenant, admin: Staff) -> None:
    client = admin.client()
    rename(client, tenant, "North")
    rename(client, tenant, "South")
    reply = client.get(f"{LOG}?user_id={admin.id}")
    entry = reply.json["audit_log"][0]
    assert (entry["entity_type"], entry["entity_id"]) == ("warehouse", str(tenant.warehouse_id))
    assert (entry["user_id"], entry["username"]) == (admin.id, admin.username)
    assert ("North" in str(entry["before"]), "South" in str(entry["after"])) == (True, True)
    assert (reply.json["total"], reply.statements) == (2, 4)


def test_pages_and_filters(tenant: Tenant, admin: Staff) -> None:
    client, other = admin.client(), make_staff(tenant, wms_role="ADMIN")
    for n in range(3):
        rename(client, tenant, f"Name {n}")
    rename(other.client(), tenant, "Other")
    action = client.get(f"{LOG}?user_id={other.id}").json["audit_log"][0]["action_type"]
    assert client.get(f"{LOG}?action_type={action}").json["total"] == 4
    assert client.get(f"{LOG}?action_type={action}&user_id={admin.id}").json["total"] == 3
    assert client.get(f"{LOG}?action_type=none").json["audit_log"] == []
    second = client.get(f"{LOG}?action_type={action}&per_page=3&page=2").json
    assert (len(second["audit_log"]), second["total"], second["pages"]) == (1, 4, 2)
    past_the_end = client.get(f"{LOG}?action_type={action}&page=9").json
    assert (past_the_end["audit_log"], past_the_end["total"]) == ([], 4)


def test_days_and_times(tenant: Tenant, admin: Staff) -> None:
    client = admin.client()
    rename(client, tenant, "Now")
    at = client.get(f"{LOG}?user_id={admin.id}").json["audit_log"][0]["created_at"]
    day = at[:10]
    for query, total in (
        (f"start_date={day}&end_date={day}", 1),
        (f"start_date={at}", 1),
        (f"end_date={at}", 0),
        ("end_date=2001-01-01", 0),
        ("start_date=2101-01-01", 0),
    ):
        assert client.get(f"{LOG}?user_id={admin.id}&{query}").json["total"] == total, query


@pytest.mark.parametrize(
    "query",
    [
        "start_date=yesterday",
        "end_date=2026-13-01",
        "start_date=5",
        "start_date=0000-00-00",
        "end_date=9999-12-31T23:59:59-14:00",
        "end_date=9999-12-31",
        "user_id=0",
        "user_id=x",
        "page=0",
        "per_page=1001",
        "action_type=",
        "colour=red",
    ],
)
def test_wrong_filters(query: str, admin: Staff) -> None:
    assert admin.client().get(f"{LOG}?{query}").status == 400


def seal(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        audit.seal(uow)


def verified(client: Client, cursor: str | None = None) -> dict[str, Any]:
    reply = client.get(f"{LOG}/verify" + (f"?cursor={cursor}" if cursor else ""))
    assert reply.status == 200, reply.json
    found: dict[str, Any] = reply.json
    return found


def test_the_chain_is_whole_and_an_edit_shows(tenant: Tenant, admin: Staff) -> None:
    client = admin.client()
    for n in range(5):
        rename(client, tenant, f"Name {n}")
    seal(tenant)
    found = verified(client)
    assert (found["is_whole"], found["broken_at"], found["unchained"], found["next_cursor"]) == (True, None, 0, None)
    tenant.as_owner("ALTER TABLE audit_entry DISABLE TRIGGER append_only")
    try:
        tenant.as_owner(
            "UPDATE audit_entry SET actor = 'staff:1' WHERE id = (SELECT max(id) FROM audit_entry WHERE organization_id = "
            "%(id)s)",
            id=tenant.id,
        )
    finally:
        tenant.as_owner("ALTER TABLE audit_entry ENABLE TRIGGER append_only")
    broken = verified(client)
    assert (broken["is_whole"], broken["broken_at"]) == (False, found["verified"])


def test_a_long_chain_is_walked_in_pieces(tenant: Tenant, admin: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    client = admin.client()
    for n in range(6):
        rename(client, tenant, f"Name {n}")
    seal(tenant)
    whole = verified(client)["verified"]
    monkeypatch.setattr(audit, "VERIFY_BATCH", 2)
    monkeypatch.setattr("chalicelib.audit.service.VERIFY_S", 0.0)
    found, cursor, calls = verified(client), None, 1
    while (cursor := found["next_cursor"]) is not None:
        found, calls = verified(client, cursor), calls + 1
    assert (found["verified"], found["is_whole"], calls) == (whole, True, whole // 2 + 1)


def test_a_cursor_is_of_one_organization_and_unchanged(tenant: Tenant, admin: Staff) -> None:
    token = audit.Checkpoint(1, b"\0" * 32).token(tenant.id)
    foreign = audit.Checkpoint(1, b"\0" * 32).token(tenant.id + 1)
    for cursor in (foreign, token.replace("1", "2", 1), "x", "1.2.3", "%C3%A9", "."):
        assert admin.client().get(f"{LOG}/verify?cursor={cursor}").status == 400, cursor


def test_a_cursor_whose_link_was_edited_meanwhile_finds_the_chain_broken(tenant: Tenant, admin: Staff) -> None:
    client = admin.client()
    rename(client, tenant, "North")
    seal(tenant)
    link = bytes(tenant.value("SELECT hash FROM audit_seal WHERE number = 1"))
    assert verified(client, audit.Checkpoint(1, link).token(tenant.id))["is_whole"]
    found = verified(client, audit.Checkpoint(1, b"\1" * 32).token(tenant.id))
    assert (found["is_whole"], found["broken_at"], found["verified"]) == (False, 1, 0)
