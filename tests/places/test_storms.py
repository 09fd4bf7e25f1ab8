"""Many administrators and scanners at once on the real database. Nothing is made, lost or half done; nobody sees a 5xx."""

from collections import Counter

from chalicelib import places, stock
from tests.factories.floor import check_floor, make_floor, place, put
from tests.factories.identity import make_staff
from tests.factories.places import make_bins, make_warehouse, make_zone
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

CLIENTS = 50
WRONG_AVAILABILITY = """
    SELECT count(*) FROM bin b JOIN account a ON a.id = b.account_id LEFT JOIN zone z ON z.id = b.zone_id
     WHERE a.is_available <> (coalesce(z.kind, 'STORAGE') NOT IN ('QUALITY', 'DAMAGE'))
        OR a.is_open <> b.is_active OR a.warehouse_id <> b.warehouse_id
"""


def test_one_of_many_gets_the_code(tenant: Tenant) -> None:
    admin, zone_id = make_staff(tenant).client(), make_zone(tenant)
    body = {"zone_id": zone_id, "warehouse_id": tenant.warehouse_id, "bin_code": "A", "bin_type": "Pickable"}
    replies = together(CLIENTS, lambda n: admin.post("/api/admin/bins", {**body, "bin_barcode": f"L{n}"}))
    assert Counter(r.status for r in replies) == {201: 1, 400: CLIENTS - 1}
    assert {r.json["error"] for r in replies if r.status == 400} == {"Duplicate bin code: A"}
    assert tenant.value("SELECT count(*) FROM bin WHERE code = 'A'") == 1
    warehouse = {"warehouse_code": "EAST", "warehouse_name": "East"}
    replies = together(20, lambda _: admin.post("/api/admin/warehouses", warehouse))
    assert Counter(r.status for r in replies) == {201: 1, 400: 19}


def test_lists_of_bins_in_opposite_order_do_not_deadlock(tenant: Tenant) -> None:
    def work(n: int) -> int:
        bins = [places.NewBin(warehouse_id=tenant.warehouse_id, code=f"C-{k:03d}") for k in range(100)]
        try:
            return len(make_bins(tenant, *(bins if n % 2 else bins[::-1])))
        except places.CodeTaken:
            return 0

    assert Counter(together(20, work)) == {100: 1, 0: 19}
    assert tenant.value("SELECT count(*) FROM bin WHERE code LIKE 'C-%%'") == 100


def test_a_zone_that_turns_while_bins_come_go_and_are_ordered_from(tenant: Tenant) -> None:
    admin, floor = make_staff(tenant).client(), make_floor(tenant)
    turning, storage = make_zone(tenant), make_zone(tenant)
    shelves = [make_shelf(tenant, free=20) for _ in range(4)]
    for shelf in shelves:
        put(tenant, shelf, 20)

    def work(n: int) -> int:
        shelf = shelves[n % 4]
        if n % 5 == 0:
            kind = "DAMAGE" if n % 2 else "STORAGE"
            return admin.put(f"/api/admin/zones/{turning}", {"zone_type": kind}).status
        if n % 5 == 1:
            zone_id = turning if n % 2 else storage
            return admin.put(f"/api/admin/bins/{shelf.bin_id}", {"zone_id": zone_id}).status
        if n % 5 == 2:
            body = {"zone_id": turning, "warehouse_id": tenant.warehouse_id, "bin_type": "Pickable"}
            return admin.post("/api/admin/bins", {**body, "bin_code": f"N-{n}", "bin_barcode": f"N-{n}"}).status
        order = place(tenant, (shelf, 1))
        return floor.wave(order).status if n % 5 == 3 else 200

    assert set(together(CLIENTS, work)) <= {200, 201, 409}
    tenant.work_off()
    assert tenant.value(WRONG_AVAILABILITY) == 0
    check_books(tenant)
    check_floor(tenant)
    for task in tenant.rows("SELECT t.id, t.quantity, v.sku FROM pick_task t JOIN variant v ON v.id = t.variant_id"):
        assert floor.confirm(task["id"], task["sku"], task["quantity"]).status == 200
    check_books(tenant)


def test_a_bin_is_closed_or_gets_the_units(tenant: Tenant) -> None:
    admin = make_staff(tenant).client()
    for _ in range(5):
        shelf = make_shelf(tenant, free=0)

        def work(n: int, account_id: int = shelf.account_id, bin_id: int = shelf.bin_id) -> bool:
            if n == 0:
                return admin.put(f"/api/admin/bins/{bin_id}", {"is_active": False}).status == 200
            try:
                put(tenant, shelf, 1, account_id=account_id)  # noqa: B023  # called before the loop goes on
            except stock.BinClosed:
                return False
            return True

        closed, *received = together(10, work)
        assert closed is not any(received)
        assert shelf.levels()[0] == sum(received)
    assert tenant.value(WRONG_AVAILABILITY) == 0
    check_books(tenant)


def test_a_warehouse_is_deleted_once_and_whole_or_used(tenant: Tenant) -> None:
    admin = make_staff(tenant).client()
    for _ in range(5):
        warehouse = make_warehouse(tenant)
        shelf = make_shelf(tenant, free=0)
        account_id = tenant.value("SELECT account_id FROM bin WHERE id = %(id)s", id=warehouse.default_bin_id)

        def work(n: int, warehouse_id: int = warehouse.id, account_id: int = account_id) -> int:
            if n % 3 == 0:
                return admin.delete(f"/api/admin/warehouses/{warehouse_id}").status
            if n % 3 == 1:
                zone = {"warehouse_id": warehouse_id, "zone_code": f"Z{n}", "zone_name": "Z", "zone_type": "STORAGE"}
                return admin.post("/api/admin/zones", zone).status
            try:
                put(tenant, shelf, 1, account_id=account_id)  # noqa: B023  # called before the loop goes on
            except stock.Inconsistent:
                return 410
            return 201

        statuses = Counter(together(12, work))
        assert set(statuses) <= {200, 201, 404, 409, 410}
        assert statuses[200] == (0 if statuses[201] else 1)
        left = tenant.value("SELECT count(*) FROM account WHERE warehouse_id = %(id)s", id=warehouse.id)
        assert left == (3 if statuses[201] else 0)
    check_books(tenant)
