"""Parcels leave."""

from datetime import date

import pytest
from psycopg.types.json import Jsonb

from tests.factories.floor import check_floor, make_floor, make_lot, place, put, units_in
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant


def ship_without_packing(tenant: Tenant) -> None:
    settings = Jsonb({"require_packing_before_shipping": "false"})
    tenant.as_owner("UPDATE organization SET settings = %(s)s WHERE id = %(id)s", s=settings, id=tenant.id)


def test_a_packed_order_leaves_with_its_stock(tenant: Tenant) -> None:
    floor, bolts, nuts = make_floor(tenant), make_shelf(tenant, free=10), make_shelf(tenant, free=10)
    order = place(tenant, (bolts, 2), (nuts, 3))
    floor.pick_all(order)
    floor.verify(order, bolts.barcode, 2)
    floor.verify(order, nuts.barcode, 3)
    floor.pack(order)
    shown = floor.client.get(f"/api/shipping/order/{order.number}")
    assert (shown.status, shown.statements) == (200, 4)
    assert (shown.json["sales_order"]["status"], shown.json["total_items"], shown.json["total_lines"]) == (
        "PACKED",
        5,
        2,
    )
    reply = floor.fulfil(order, ship_method="GROUND")
    assert (reply.status, reply.statements) == (200, 10)
    assert reply.json == {
        "message": "Shipment fulfilled",
        "fulfillment_id": tenant.value("SELECT id FROM shipment WHERE order_id = %(o)s", o=order.id),
        "so_number": order.number,
        "tracking_number": "1Z999AA10123456784",
        "carrier": "UPS",
        "ship_method": "GROUND",
        "lines_shipped": 2,
        "total_quantity": 5,
    }
    now = floor.now(order)
    assert (now.state, now.tracking_number, now.carrier) == ("shipped", "1Z999AA10123456784", "UPS")
    assert [line.shipped for line in now.lines] == [2, 3]
    assert [units_in(tenant, s, "customer") for s in (bolts, nuts)] == [2, 3]
    assert [units_in(tenant, s, "outbound") for s in (bolts, nuts)] == [0, 0]
    assert tenant.value("SELECT count(*) FROM outbox WHERE topic = 'orders.shipped' AND queue = 'messages'") == 1
    check_books(tenant)
    check_floor(tenant)


def test_statements_do_not_grow_with_lines(tenant: Tenant) -> None:
    floor, shelves = make_floor(tenant), [make_shelf(tenant) for _ in range(12)]
    order = place(tenant, *[(shelf, 1) for shelf in shelves])
    floor.pick_all(order)
    for shelf in shelves:
        floor.verify(order, shelf.barcode)
    assert floor.pack(order).statements == 7
    assert floor.fulfil(order).statements == 10


def test_lots_that_were_picked_are_the_lots_that_leave(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=0)
    soon, late = (make_lot(tenant, shelf, expires_on=day) for day in (date(2099, 1, 1), date(2099, 9, 1)))
    for lot_id in (soon, late):
        put(tenant, shelf, 3, account_id=shelf.account_id, lot_id=lot_id)
    order = place(tenant, (shelf, 4))
    floor.pick_all(order)
    floor.verify(order, shelf.barcode, 4)
    floor.pack(order)
    assert (floor.fulfil(order).json["lines_shipped"], floor.now(order).lines[0].shipped) == (1, 4)
    lines = tenant.rows("SELECT lot_id, quantity FROM shipment_line ORDER BY lot_id")
    assert [(row["lot_id"], row["quantity"]) for row in lines] == [(soon, 3), (late, 1)]
    check_books(tenant)


def test_an_order_must_be_packed_first(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    order = place(tenant, (shelf, 1))
    before = [floor.client.get(f"/api/shipping/order/{order.number}"), floor.fulfil(order)]
    assert [(r.status, r.json["error"]) for r in before] == [
        (400, "Order must be packed before shipping. Current status: OPEN")
    ] * 2
    floor.pick_all(order)
    picked = floor.fulfil(order)
    assert (picked.status, picked.json["error"]) == (
        400,
        "Order must be packed before shipping. Current status: PICKED",
    )
    assert (units_in(tenant, shelf, "outbound"), tenant.value("SELECT count(*) FROM shipment")) == (1, 0)


def test_packing_may_be_left_out_by_setting(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    ship_without_packing(tenant)
    order = place(tenant, (shelf, 2))
    early = floor.fulfil(order)
    assert (early.status, early.json["error"]) == (400, "Order is not ready for shipping. Current status: OPEN")
    floor.pick_all(order)
    assert floor.client.get(f"/api/shipping/order/{order.number}").status == 200
    assert floor.fulfil(order).status == 200
    line = floor.now(order).lines[0]
    assert (floor.state(order), line.packed, line.shipped) == ("shipped", 2, 2)
    check_books(tenant)


def test_a_parcel_leaves_once(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    ship_without_packing(tenant)
    order = place(tenant, (shelf, 2))
    floor.pick_all(order)
    assert floor.fulfil(order).status == 200
    again = floor.fulfil(order, tracking_number="another")
    assert (again.status, again.json["error"]) == (400, "Order is not ready for shipping. Current status: SHIPPED")
    assert (units_in(tenant, shelf, "customer"), floor.now(order).tracking_number) == (2, "1Z999AA10123456784")


def test_one_idempotency_key_is_one_parcel(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    ship_without_packing(tenant)
    order = place(tenant, (shelf, 2))
    floor.pick_all(order)
    body = {"so_id": order.id, "tracking_number": "T1", "carrier": "UPS"}
    first, second = (floor.client.post("/api/shipping/fulfill", body, idempotency_key="parcel-1") for _ in range(2))
    assert (first.status, second.status, second.json) == (200, 200, first.json)
    assert second.headers["Idempotent-Replay"] == "true"
    assert units_in(tenant, shelf, "customer") == 2


@pytest.mark.parametrize(
    ("_case", "changes", "loc"),
    [
        ("a tracking number of 256 signs", {"tracking_number": "1" * 256}, "tracking_number"),
        ("no tracking number", {"tracking_number": ""}, "tracking_number"),
        ("a carrier of 101 signs", {"carrier": "U" * 101}, "carrier"),
        ("an unknown field", {"weight": 3}, "weight"),
    ],
)
def test_parcels_that_are_no_parcels(_case: str, changes: dict[str, object], loc: str, tenant: Tenant) -> None:
    floor = make_floor(tenant)
    body = {"so_id": 1, "tracking_number": "1" * 255, "carrier": "U" * 100, **changes}
    reply = floor.client.post("/api/shipping/fulfill", body)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [detail["loc"] for detail in reply.json["details"]] == [[loc]]


def test_orders_that_are_unknown_or_elsewhere_are_not_there(tenant: Tenant) -> None:
    floor, shelf, elsewhere = make_floor(tenant), make_shelf(tenant), make_floor(tenant, warehouse_ids=[])
    order = place(tenant, (shelf, 1))
    floor.pick_all(order)
    refused = [
        floor.client.get("/api/shipping/order/none"),
        elsewhere.client.get(f"/api/shipping/order/{order.number}"),
        elsewhere.fulfil(order),
    ]
    assert [(r.status, r.json["error"]) for r in refused] == [(404, "Order not found")] * 3
