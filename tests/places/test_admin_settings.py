"""Settings of the floor in the admin panel."""

from typing import Any

import pytest

from chalicelib import places
from tests.client import Client
from tests.factories.identity import make_staff
from tests.factories.places import make_bins, make_warehouse
from tests.tenant import Tenant
from tests.threads import together

PATH = "/api/admin/settings"


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return make_staff(tenant).client()


def values(admin: Client) -> dict[str, str]:
    return {setting["key"]: setting["value"] for setting in admin.get(PATH).json["settings"]}


def test_what_nobody_has_set(admin: Client) -> None:
    reply = admin.get(PATH)
    assert (reply.status, reply.statements) == (200, 3)
    assert [tuple(s.values()) for s in reply.json["settings"]] == [
        (1, "require_packing_before_shipping", "true", None),
        (2, "count_show_expected", "true", None),
        (3, "allow_over_receiving", "false", None),
        (4, "default_receiving_bin", "", None),
        (5, "require_count_approval_separation", "false", None),
    ]


def test_what_is_set_counts_at_once(tenant: Tenant, admin: Client) -> None:
    reply = admin.put(PATH, {"settings": {"count_show_expected": False, "allow_over_receipt": "True"}})
    assert (reply.status, reply.json["message"], reply.statements) == (200, "Settings updated", 5)
    assert reply.json["settings"] == admin.get(PATH).json["settings"]
    assert (values(admin)["count_show_expected"], values(admin)["allow_over_receiving"]) == ("false", "true")
    new, old = (admin.get(f"{PATH}/{key}").json for key in ("allow_over_receiving", "allow_over_receipt"))
    assert (new["value"], new["key"], old["key"]) == ("true", "allow_over_receiving", "allow_over_receipt")
    assert {**old, "key": ""} == {**new, "key": ""}
    assert new["updated_at"].endswith("Z")
    entries = tenant.rows("SELECT entity_id, before, after FROM audit_entry WHERE entity = 'setting' ORDER BY id")
    assert [(e["entity_id"], e["before"]["value"], e["after"]["value"]) for e in entries] == [
        ("count_show_expected", "true", "false"),
        ("allow_over_receiving", "false", "true"),
    ]
    admin.put(PATH, {"settings": {"count_show_expected": "false"}})
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE entity = 'setting'") == 2


def test_nothing_set_changes_nothing(tenant: Tenant, admin: Client) -> None:
    assert admin.put(PATH, {"settings": {}}).status == 200
    assert tenant.value("SELECT settings FROM organization WHERE id = %(id)s", id=tenant.id) == {}


@pytest.mark.parametrize(
    ("_case", "settings", "wrong"),
    [
        ("unknown", {"colour": "red"}, ["colour"]),
        ("no boolean", {"count_show_expected": "perhaps"}, ["count_show_expected"]),
        ("null", {"count_show_expected": None}, ["count_show_expected"]),
        ("a number", {"allow_over_receiving": 2}, ["allow_over_receiving"]),
        ("no bin", {"default_receiving_bin": "NOWHERE"}, ["default_receiving_bin"]),
        ("a huge id", {"default_receiving_bin": 10**30}, ["default_receiving_bin"]),
        ("a shelf", {"default_receiving_bin": "SHELF"}, ["default_receiving_bin"]),
        ("a closed bin", {"default_receiving_bin": "CLOSED"}, ["default_receiving_bin"]),
        ("several bins", {"default_receiving_bin": "TWICE"}, ["default_receiving_bin"]),
        (
            "all at once",
            {"colour": 1, "count_show_expected": "", "allow_over_receipt": True},
            ["colour", "count_show_expected"],
        ),
        ("both names", {"allow_over_receipt": True, "allow_over_receiving": False}, ["allow_over_receiving"]),
    ],
)
def test_wrong_settings_are_named_and_change_nothing(
    tenant: Tenant, admin: Client, _case: str, settings: dict[str, Any], wrong: list[str]
) -> None:
    other = make_warehouse(tenant)
    make_bins(
        tenant,
        places.NewBin(warehouse_id=tenant.warehouse_id, code="SHELF"),
        places.NewBin(warehouse_id=tenant.warehouse_id, code="CLOSED", kind="Staging"),
        places.NewBin(warehouse_id=tenant.warehouse_id, code="TWICE", kind="Staging"),
        places.NewBin(warehouse_id=other.id, code="TWICE", kind="Staging"),
    )
    tenant.rows("UPDATE bin SET is_active = false WHERE code = 'CLOSED' RETURNING id")
    reply = admin.put(PATH, {"settings": settings})
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [d["loc"] for d in reply.json["details"]] == [["settings", key] for key in wrong]
    assert tenant.value("SELECT settings FROM organization WHERE id = %(id)s", id=tenant.id) == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"settings": None},
        {"settings": []},
        {"settings": {}, "more": 1},
        [],
        {"settings": {"count_show_expected": [1]}},
    ],
)
def test_wrong_bodies(admin: Client, body: Any) -> None:
    assert admin.put(PATH, body).status == 400


def test_the_receiving_bin_is_named_by_id_barcode_or_code(tenant: Tenant, admin: Client) -> None:
    first, second = make_bins(
        tenant,
        places.NewBin(warehouse_id=tenant.warehouse_id, code="IN-1", barcode="LABEL", kind="Staging"),
        places.NewBin(warehouse_id=tenant.warehouse_id, code="IN-2", kind="PickableStaging"),
    )
    for said, meant in [
        (first.id, first),
        (str(second.id), second),
        ("LABEL", first),
        ("IN-2", second),
        (None, None),
        ("IN-1", first),
        ("", None),
    ]:
        assert admin.put(PATH, {"settings": {"default_receiving_bin": said}}).status == 200
        expected = str(meant.id) if meant else ""
        assert admin.get(f"{PATH}/default_receiving_bin").json["value"] == expected


def test_an_unknown_setting_is_not_there(admin: Client) -> None:
    for key in ("colour", "setting_times", "x" * 100):
        reply = admin.get(f"{PATH}/{key}")
        assert reply.status == 404


def test_other_settings_of_the_organization_stay(tenant: Tenant, admin: Client) -> None:
    tenant.as_owner('UPDATE organization SET settings = \'{"storage": {"a": 1}}\' WHERE id = %(id)s', id=tenant.id)
    admin.put(PATH, {"settings": {"count_show_expected": False}})
    kept = tenant.value("SELECT settings FROM organization WHERE id = %(id)s", id=tenant.id)
    assert (kept["storage"], kept["count_show_expected"]) == ({"a": 1}, "false")


def test_of_many_who_set_different_ones_all_win(tenant: Tenant, admin: Client) -> None:
    switches = [key for key, value in values(admin).items() if value in ("true", "false")]
    before = values(admin)
    flipped = {key: "false" if before[key] == "true" else "true" for key in switches}
    replies = together(40, lambda n: admin.put(PATH, {"settings": {switches[n % 4]: flipped[switches[n % 4]]}}))
    assert {reply.status for reply in replies} == {200}
    assert values(admin) == {**before, **flipped}
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE entity = 'setting'") == 4
