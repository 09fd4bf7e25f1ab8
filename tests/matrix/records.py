"""One record of every kind that a request can name, in an organization of its own; and names of nothing."""

from typing import Any

from tests.factories.floor import make_floor, place
from tests.factories.orders import make_order
from tests.factories.places import make_zone
from tests.factories.robots import make_storage
from tests.factories.stock import make_shelf
from tests.matrix.samples import Values
from tests.tenant import Tenant

NO_RECORD = {
    "key": "a setting of the contract, the same for everybody",
    "asset": "a file of the package, the same for everybody",
    "token": "a secret that names its own account",
}
"""Path variables that name no record of an organization."""


def make_records(tenant: Tenant) -> dict[str, Any]:
    """Path variable or field -> what it says of a record of this tenant's.

    Orders: ``order_id`` waits to be picked, ``batch_id`` picks another one, ``so_id`` and ``barcode`` are of a picked one.
    """
    shelf, floor, storage = make_shelf(tenant, free=500), make_floor(tenant), make_storage(tenant)
    waiting, picking, picked = (place(tenant, (shelf, 2), barcode=f"SO-{tenant.id}-{n}") for n in range(3))
    floor.pick_all(picked)
    batch_id = floor.wave(picking).json["batch_id"]
    loaded = storage.load(5)
    assert storage.ask((loaded, 1)).status == 200
    return {
        "product_id": shelf.product_id,
        "variant_id": shelf.variant_id,
        "sku": shelf.sku,
        "scanned_barcode": shelf.barcode,
        "sku_id": loaded.sku,
        "warehouse_id": tenant.warehouse_id,
        "location_id": tenant.warehouse_id,
        "zone_id": make_zone(tenant),
        "bin_id": shelf.bin_id,
        "order_id": waiting.id,
        "so_id": picked.id,
        "so_ids": [waiting.id],
        "so_identifiers": [waiting.number],
        "so_barcode": f"SO-{tenant.id}-0",
        "order_number": make_order(tenant, (shelf.product_id, 1))["order_number"],
        "barcode": f"SO-{tenant.id}-2",
        "batch_id": batch_id,
        "pick_task_id": floor.tasks(batch_id)[0]["pick_task_id"],
        "call_id": f"call-{tenant.id}",
        "job_id": storage.jobs()[0]["id"],
    }


def unknown(records: Values) -> dict[str, Any]:
    """The same names with values of the same form that nobody has."""
    return {name: _unknown(value) for name, value in records.items()}


def _unknown(value: Any) -> Any:
    if isinstance(value, list):
        return [_unknown(each) for each in value]
    if isinstance(value, int):
        return 2_147_000_000
    return "".join(_other(sign) for sign in value)


def _other(sign: str) -> str:
    """Digits and letters of an id's text are replaced by ones that ids hardly consist of alone."""
    if sign.isdigit():
        return "7"
    return ("a" if sign.islower() else "A") if sign.isalpha() else sign
