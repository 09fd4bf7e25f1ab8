"""What other contexts call to make warehouses, zones and bins."""

from collections import Counter

import pytest

from chalicelib import places
from chalicelib.kernel.errors import NotFound
from tests.factories.places import make_bins, make_warehouse, make_zone
from tests.tenant import Tenant


def accounts(tenant: Tenant, warehouse_id: int | None) -> list[tuple[str, bool, bool]]:
    rows = tenant.rows(
        "SELECT kind, is_inside, is_available FROM account WHERE warehouse_id IS NOT DISTINCT FROM %(w)s ORDER BY kind",
        w=warehouse_id,
    )
    return [(row["kind"], row["is_inside"], row["is_available"]) for row in rows]


def test_a_warehouse_has_its_accounts_and_its_hidden_bin(tenant: Tenant) -> None:
    made = make_warehouse(tenant, code="NORTH", name="North", preference=7)
    assert accounts(tenant, made.id) == [
        ("bin", True, True),
        ("missing", True, False),
        ("outbound", True, False),
    ]
    row = tenant.rows("SELECT code, barcode, kind, zone_id FROM bin WHERE id = %(id)s", id=made.default_bin_id)[0]
    assert row == {"code": "DEFAULT", "barcode": "NORTH-DEFAULT", "kind": "Default", "zone_id": None}


def test_the_outside_accounts_exist_once(tenant: Tenant) -> None:
    make_warehouse(tenant)
    with tenant.uow() as uow:
        places.ensure_outside_accounts(uow)
    assert accounts(tenant, None) == [
        ("adjustment", False, False),
        ("customer", False, False),
        ("in_transit", True, False),
        ("production", False, False),
        ("supplier", False, False),
        ("waste", False, False),
    ]


def test_a_warehouse_code_is_taken_once_in_an_organization(tenant: Tenant, other_tenant: Tenant) -> None:
    make_warehouse(tenant, code="NORTH")
    make_warehouse(other_tenant, code="NORTH")
    with pytest.raises(places.CodeTaken):
        make_warehouse(tenant, code="NORTH")


def test_bins_come_back_in_the_order_given_each_with_an_account_of_its_own(tenant: Tenant) -> None:
    storage, quality, damage = make_zone(tenant), make_zone(tenant, kind="QUALITY"), make_zone(tenant, kind="DAMAGE")
    second = make_warehouse(tenant)
    zones = [storage, quality, damage, None]
    wanted = [
        places.NewBin(warehouse_id=tenant.warehouse_id, zone_id=zones[n % 4], code=f"B-{99 - n}", pick_sequence=n)
        for n in range(40)
    ] + [places.NewBin(warehouse_id=second.id, code="B-99", barcode="LABEL-1", kind="Staging")]
    made = make_bins(tenant, *wanted)
    assert [(b.code, b.zone_id, b.warehouse_id, b.kind) for b in made] == [
        (w.code, w.zone_id, w.warehouse_id, w.kind) for w in wanted
    ]
    assert (made[0].barcode, made[-1].barcode) == ("W1-B-99", "LABEL-1")
    assert len({b.account_id for b in made}) == 41
    rows = tenant.rows("SELECT id, kind, warehouse_id, is_available FROM account")
    by_id = {row["id"]: row for row in rows}
    assert [by_id[b.account_id]["warehouse_id"] for b in made] == [b.warehouse_id for b in made]
    assert [by_id[b.account_id]["is_available"] for b in made] == [w.zone_id not in (quality, damage) for w in wanted]


def test_any_number_of_bins_is_one_statement(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        before = uow.statements
        places.create_bins(uow, [places.NewBin(warehouse_id=tenant.warehouse_id, code=f"C{n}") for n in range(200)])
        assert uow.statements - before == 1


def test_five_thousand_bins_are_as_few_statements_with_all_their_audit_entries(tenant: Tenant) -> None:
    zone_id = make_zone(tenant)
    wanted = [
        places.NewBin(warehouse_id=tenant.warehouse_id, zone_id=zone_id, code=f"C{n}", row_num=f"{n:04d}")
        for n in range(5000)
    ]
    with tenant.uow() as uow:
        before = uow.statements
        assert places.check_bins(uow, wanted) == []
        made = places.create_bins(uow, wanted)
        uow.flush()
        assert uow.statements - before == 3
    assert [b.code for b in made] == [w.code for w in wanted]
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE entity = 'bin'") == 5000
    with tenant.uow() as uow:
        before = uow.statements
        taken = places.check_bins(uow, wanted)
        assert uow.statements - before == 1
    assert Counter(problem.obstacle for problem in taken) == {"code_taken": 5000, "barcode_taken": 5000}


def test_every_line_learns_what_is_in_its_way(tenant: Tenant, other_tenant: Tenant) -> None:
    zone_id, closed = make_zone(tenant), make_zone(tenant)
    elsewhere = make_zone(tenant, warehouse_id=make_warehouse(tenant).id)
    tenant.rows("UPDATE zone SET is_active = false WHERE id = %(id)s RETURNING id", id=closed)
    here, foreign = tenant.warehouse_id, make_zone(other_tenant)
    make_bins(tenant, places.NewBin(warehouse_id=here, code="TAKEN", barcode="LABEL"))
    wanted = [
        places.NewBin(warehouse_id=here, zone_id=zone_id, code="GOOD"),
        places.NewBin(warehouse_id=here, code="TAKEN", barcode="LABEL"),
        places.NewBin(warehouse_id=here, code="GOOD", barcode="OTHER"),
        places.NewBin(warehouse_id=here, code="NEW", barcode="OTHER"),
        places.NewBin(warehouse_id=other_tenant.warehouse_id, code="A", barcode="A"),
        places.NewBin(warehouse_id=here, zone_id=foreign, code="B"),
        places.NewBin(warehouse_id=here, zone_id=elsewhere, code="C"),
        places.NewBin(warehouse_id=here, zone_id=closed, code="D"),
    ]
    with tenant.uow() as uow:
        problems = places.check_bins(uow, wanted)
    assert [(p.line, p.field, p.obstacle, p.value) for p in problems] == [
        (1, "code", "code_taken", "TAKEN"),
        (1, "barcode", "barcode_taken", "LABEL"),
        (2, "code", "code_taken", "GOOD"),
        (3, "barcode", "barcode_taken", "OTHER"),
        (4, "warehouse_id", "warehouse_unknown", str(other_tenant.warehouse_id)),
        (5, "zone_id", "zone_unknown", str(foreign)),
        (6, "zone_id", "zone_elsewhere", str(elsewhere)),
        (7, "zone_id", "zone_closed", str(closed)),
    ]


@pytest.mark.parametrize(
    ("_case", "change", "refusal"),
    [
        ("code taken", {"code": "A-1"}, places.CodeTaken),
        ("barcode taken", {"barcode": "W1-A-1"}, places.CodeTaken),
        ("no such warehouse", {"warehouse_id": 2**31 - 1}, NotFound),
        ("no such zone", {"zone_id": 2**31 - 1}, NotFound),
        ("a zone of another warehouse", {"zone_id": "elsewhere"}, NotFound),
        ("another organization's warehouse", {"warehouse_id": "foreign"}, NotFound),
    ],
)
def test_what_is_refused_changes_nothing(
    tenant: Tenant, other_tenant: Tenant, _case: str, change: dict[str, object], refusal: type
) -> None:
    make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="A-1"))
    known = {
        "elsewhere": make_zone(tenant, warehouse_id=make_warehouse(tenant).id),
        "foreign": other_tenant.warehouse_id,
    }
    fields = {name: known.get(value, value) if isinstance(value, str) else value for name, value in change.items()}
    before = tenant.rows("SELECT (SELECT count(*) FROM bin) AS bins, (SELECT count(*) FROM account) AS accounts")
    good = places.NewBin(warehouse_id=tenant.warehouse_id, code="A-2")
    bad = places.NewBin(**{"warehouse_id": tenant.warehouse_id, "code": "A-3", **fields})  # type: ignore[arg-type]  # wrong values are what is tested
    with pytest.raises(refusal):
        make_bins(tenant, good, bad)
    assert (
        tenant.rows("SELECT (SELECT count(*) FROM bin) AS bins, (SELECT count(*) FROM account) AS accounts") == before
    )


def test_zones(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant.uow() as uow:
        places.create_zone(uow, warehouse_id=tenant.warehouse_id, code="A")
    with pytest.raises(places.CodeTaken), tenant.uow() as uow:
        places.create_zone(uow, warehouse_id=tenant.warehouse_id, code="A")
    with pytest.raises(NotFound), tenant.uow() as uow:
        places.create_zone(uow, warehouse_id=other_tenant.warehouse_id, code="B")


def test_orders_are_served_from_preferred_warehouses_first(tenant: Tenant) -> None:
    late, early = make_warehouse(tenant, preference=200), make_warehouse(tenant, preference=1)
    closed = make_warehouse(tenant, preference=2)
    tenant.rows("UPDATE warehouse SET is_active = false WHERE id = %(id)s RETURNING id", id=closed.id)
    with tenant.uow() as uow:
        assert places.warehouse_ids(uow) == [early.id, tenant.warehouse_id, late.id]
