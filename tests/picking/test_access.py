"""Who may do what on the floor: functions are enforced, warehouses are walls."""

from typing import Any

import pytest

from tests.client import Client
from tests.factories.floor import make_floor
from tests.factories.identity import make_staff
from tests.tenant import Tenant

ENDPOINTS: list[tuple[str, str, str, dict[str, Any] | None]] = [
    ("pick", "POST", "/api/picking/wave-validate", {"so_barcode": "x", "warehouse_id": 1}),
    ("pick", "POST", "/api/picking/wave-create", {"so_ids": [1], "warehouse_id": 1}),
    ("pick", "POST", "/api/picking/create-batch", {"so_identifiers": ["x"], "warehouse_id": 1}),
    ("pick", "GET", "/api/picking/active-batch", None),
    ("pick", "GET", "/api/picking/batch/999999", None),
    ("pick", "GET", "/api/picking/batch/999999/next", None),
    ("pick", "POST", "/api/picking/confirm", {"pick_task_id": 999999, "scanned_barcode": "x", "quantity_picked": 1}),
    ("pick", "POST", "/api/picking/short", {"pick_task_id": 999999}),
    ("pick", "POST", "/api/picking/complete-batch", {"batch_id": 999999}),
    ("pick", "POST", "/api/picking/cancel-batch", {"batch_id": 999999}),
    ("pack", "GET", "/api/packing/order/x", None),
    ("pack", "POST", "/api/packing/verify", {"so_id": 999999, "scanned_barcode": "x"}),
    ("pack", "POST", "/api/packing/complete", {"so_id": 999999}),
    ("ship", "GET", "/api/shipping/order/x", None),
    ("ship", "POST", "/api/shipping/fulfill", {"so_id": 999999, "tracking_number": "x", "carrier": "x"}),
]
FUNCTIONS = ("pick", "pack", "ship", "receive", "putaway", "count", "transfer")


@pytest.mark.parametrize(("function", "method", "path", "body"), ENDPOINTS, ids=[e[2] for e in ENDPOINTS])
def test_access(function: str, method: str, path: str, body: dict[str, Any] | None, tenant: Tenant) -> None:
    without = make_floor(tenant, *[f for f in FUNCTIONS if f != function]).client
    with_it = make_floor(tenant, function).client
    administrator = make_staff(tenant, wms_role="ADMIN", warehouse_ids=[]).client()
    nobody, shop_staff = Client(tenant.host), make_staff(tenant, commerce_role="admin").client("commerce")
    if body is not None and "warehouse_id" in body:
        body = {**body, "warehouse_id": tenant.warehouse_id}
    statuses = [c.call(method, path, body, {}).status for c in (nobody, shop_staff, without, with_it, administrator)]
    assert statuses[:3] == [401, 401, 403]
    assert statuses[3] == statuses[4]
    assert statuses[3] in (200, 400, 404)


@pytest.mark.parametrize(
    ("path", "body"),
    [(e[2], e[3]) for e in ENDPOINTS if e[3] and "warehouse_id" in e[3]],
    ids=["validate", "wave", "batch"],
)
def test_another_warehouse_that_is_named_is_forbidden(path: str, body: dict[str, Any], tenant: Tenant) -> None:
    floor = make_floor(tenant)
    reply = floor.client.post(path, {**body, "warehouse_id": tenant.warehouse_id + 1000})
    assert (reply.status, reply.json["error"]) == (403, "Access denied for this warehouse")


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("/api/picking/confirm", {}, ["pick_task_id", "scanned_barcode", "quantity_picked"]),
        ("/api/picking/wave-create", {"so_ids": [], "warehouse_id": 0}, ["so_ids", "warehouse_id"]),
        ("/api/picking/wave-create", {"so_ids": ["1"], "warehouse_id": 1, "x": 1}, ["so_ids", "x"]),
        ("/api/picking/short", {"pick_task_id": 1, "quantity_available": -1}, ["quantity_available"]),
        ("/api/packing/verify", {"so_id": 1, "scanned_barcode": "x", "quantity": 1.5}, ["quantity"]),
    ],
)
def test_all_wrong_fields_are_named_at_once(path: str, body: dict[str, Any], wrong: list[str], tenant: Tenant) -> None:
    reply = make_floor(tenant).client.post(path, body)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [detail["loc"][0] for detail in reply.json["details"]] == wrong
