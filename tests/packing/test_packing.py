"""The packing table."""

import pytest

from tests.factories.floor import make_floor, place
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant


def test_an_order_is_shown_verified_and_packed(tenant: Tenant) -> None:
    floor, bolts, nuts = make_floor(tenant), make_shelf(tenant), make_shelf(tenant)
    tenant.as_owner("UPDATE variant SET weight_g = 454 WHERE id = %(v)s", v=bolts.variant_id)
    order = place(tenant, (bolts, 2), (nuts, 1), barcode="SO-9")
    floor.pick_all(order)
    shown = floor.client.get("/api/packing/order/SO-9")
    assert (shown.status, shown.statements) == (200, 4)
    assert shown.json["sales_order"] == {
        "so_id": order.id,
        "so_number": order.number,
        "so_barcode": "SO-9",
        "customer_name": "Ana Reyes",
        "status": "PICKED",
        "ship_method": None,
        "ship_address": "12 Harbor Street, Chicago",
        "warehouse_id": tenant.warehouse_id,
    }
    assert [
        (li["sku"], li["quantity_picked"], li["quantity_packed"], li["pack_verified"]) for li in shown.json["lines"]
    ] == [
        (bolts.sku, 2, 0, False),
        (nuts.sku, 1, 0, False),
    ]
    assert [shown.json[k] for k in ("calculated_weight_lbs", "total_items", "items_verified")] == [2.0, 3, 0]
    first = floor.verify(order, bolts.barcode)
    assert (first.status, first.statements) == (200, 6)
    assert first.json == {
        "message": "Item verified",
        "item": {"sku": bolts.sku, "item_name": order.lines[0].name, "quantity_verified": 1, "line_complete": False},
        "order_progress": {"total_lines": 2, "lines_verified": 0, "all_verified": False},
    }
    early = floor.pack(order)
    assert (early.status, early.json["error"]) == (400, "Cannot complete packing - 2 items not yet verified")
    assert floor.verify(order, bolts.sku).json["item"]["line_complete"]
    assert floor.verify(order, nuts.barcode).json["order_progress"]["all_verified"]
    packed = floor.pack(order)
    assert (packed.status, packed.statements) == (200, 7)
    assert packed.json == {
        "message": "Order packed successfully",
        "so_number": order.number,
        "status": "PACKED",
        "total_items": 3,
        "calculated_weight_lbs": 2.0,
    }
    assert floor.state(order) == "packed"
    check_books(tenant)


def test_scans_that_do_not_fit_change_nothing(tenant: Tenant) -> None:
    floor, shelf, foreign = make_floor(tenant), make_shelf(tenant), make_shelf(tenant)
    order = place(tenant, (shelf, 2))
    floor.pick_all(order)
    refused = [
        floor.verify(order, "no such code"),
        floor.verify(order, foreign.barcode),
        floor.verify(order, shelf.barcode, 3),
        floor.verify(order, shelf.barcode, 0),
    ]
    assert [(r.status, r.json["error"]) for r in refused] == [
        (404, "Item not found"),
        (400, "Item not found on this order"),
        (400, "Over-pack: only 2 items remaining to verify"),
        (400, "validation_error"),
    ]
    assert floor.now(order).lines[0].packed == 0
    floor.verify(order, shelf.barcode, 2)
    again = floor.verify(order, shelf.barcode)
    assert (again.status, again.json["error"]) == (400, "Item already fully verified on this order")


def test_units_of_one_item_on_two_lines_are_verified_together(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    order = place(tenant, (shelf, 1), (shelf, 2))
    floor.pick_all(order)
    assert floor.verify(order, shelf.barcode, 3).json["order_progress"]["all_verified"]
    assert [line.packed for line in floor.now(order).lines] == [1, 2]


@pytest.mark.parametrize("path", ["show", "verify", "complete"])
def test_only_picked_orders_are_packed(path: str, tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    order = place(tenant, (shelf, 1))
    reply = {
        "show": lambda: floor.client.get(f"/api/packing/order/{order.number}"),
        "verify": lambda: floor.verify(order, shelf.barcode),
        "complete": lambda: floor.pack(order),
    }[path]()
    assert (reply.status, reply.json["error"]) == (400, "Order is not ready for packing. Current status: OPEN")
    assert floor.state(order) == order.state


def test_orders_that_are_unknown_or_elsewhere_are_not_there(tenant: Tenant) -> None:
    floor, shelf, elsewhere = make_floor(tenant), make_shelf(tenant), make_floor(tenant, warehouse_ids=[])
    order = place(tenant, (shelf, 1))
    floor.pick_all(order)
    refused = [
        floor.client.get("/api/packing/order/none"),
        elsewhere.client.get(f"/api/packing/order/{order.number}"),
        elsewhere.verify(order, shelf.barcode),
        elsewhere.pack(order),
    ]
    assert [(r.status, r.json["error"]) for r in refused] == [(404, "Order not found")] * 4
    assert floor.now(order).lines[0].packed == 0
