"""One record of every kind that a request can name, in an organization of its own; and names of nothing."""

from typing import Any

from tests.factories.catalogue import begin_upload, integrator, make_category, upload_image
from tests.factories.checks import make_uploaded_check
from tests.factories.counts import make_counter
from tests.factories.credit import make_credit_request
from tests.factories.customers import make_customer
from tests.factories.feed import make_webhook_endpoint
from tests.factories.floor import make_floor, place
from tests.factories.identity import make_spare_key, make_warehouse_user
from tests.factories.imports import make_import
from tests.factories.movement import lay, make_bin, make_manager
from tests.factories.orders import make_order
from tests.factories.pictures import picture
from tests.factories.places import make_zone
from tests.factories.purchasing import make_dock, make_purchase_order
from tests.factories.robots import make_storage
from tests.factories.savings import make_savings_request
from tests.factories.stock import make_shelf
from tests.factories.vendors import buyer, make_offer, make_vendor
from tests.matrix.samples import Values
from tests.tenant import Tenant

NO_RECORD = {
    "entity_type": "a kind of record, the same for everybody",
    "key": "a setting of the contract, the same for everybody",
    "asset": "a file of the package, the same for everybody",
    "connector_name": "a part of the program, the same for everybody",
    "sync_type": "a word that the program knows",
    "image_file": "a secret that names its own picture, which everybody may see",
    "token": "a secret that names its own account",
    "phone": "a telephone number: whether it is anybody's does not show",
}
"""Path variables that name no record of an organization."""


def make_records(tenant: Tenant) -> dict[str, Any]:
    """Path variable or field -> what it says of a record of this tenant's.

    From ``from_bin_id`` to ``to_bin_id`` units of ``item_id`` are moved, which is not ``variant_id``, for it may be archived.
    Orders: ``order_id`` waits to be picked, ``batch_id`` picks another one, ``so_id`` and ``barcode`` are of a picked one.
    Counts: ``count_id`` is open, ``adjustment_id`` waits for a decision about another bin.
    """
    shelf, floor, storage = make_shelf(tenant, free=500), make_floor(tenant), make_storage(tenant)
    waiting, picking, picked = (place(tenant, (shelf, 2), barcode=f"SO-{tenant.id}-{n}") for n in range(3))
    floor.pick_all(picked)
    batch_id = floor.wave(picking).json["batch_id"]
    loaded = storage.load(5)
    staging, stored, moved = make_bin(tenant, kind="Staging"), make_bin(tenant), make_shelf(tenant, free=20)
    lay(tenant, moved, staging, 50)
    preferred = {"item_id": moved.variant_id, "bin_id": stored.id}
    preferred_bin_id = make_manager(tenant).client.post("/api/admin/preferred-bins", preferred).json["preferred_bin_id"]
    assert storage.ask((loaded, 1)).status == 200
    bought = make_purchase_order(tenant, (shelf, 100), (moved, 100), barcode=f"PO-{tenant.id}")
    receipt_ids = make_dock(tenant).receive(bought, (shelf, 1)).json["receipt_ids"]
    counter, counted, differing = make_counter(tenant), make_shelf(tenant), make_shelf(tenant)
    count_id = counter.opened(counted.bin_id)
    return {
        **_records_of_the_shop(tenant, shelf.product_id),
        "product_id": shelf.product_id,
        "variant_id": shelf.variant_id,
        "item_id": moved.variant_id,
        "bin_id": stored.id,
        "from_bin_id": staging.id,
        "to_bin_id": stored.id,
        "preferred_bin_id": preferred_bin_id,
        "sku": shelf.sku,
        "scanned_barcode": shelf.barcode,
        "sku_id": loaded.sku,
        "warehouse_id": tenant.warehouse_id,
        "location_id": tenant.warehouse_id,
        "zone_id": make_zone(tenant),
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
        "po_id": bought.id,
        "po_barcode": f"PO-{tenant.id}",
        "receipt_ids": receipt_ids,
        "job_id": storage.jobs()[0]["id"],
        "item_barcode": shelf.barcode,
        "bin_barcode": tenant.value("SELECT barcode FROM bin WHERE id = %(id)s", id=shelf.bin_id),
        **_people(tenant),
        "bin_ids": [counted.bin_id],
        "count_id": count_id,
        "count_line_id": counter.lines(count_id)[0]["count_line_id"],
        "adjustment_id": counter.propose(differing, 11),
        "endpoint_id": make_webhook_endpoint(tenant),
        "import_id": make_import(tenant),
    }


def _records_of_the_shop(tenant: Tenant, product_id: int) -> dict[str, Any]:
    """What the commerce contract names beside orders and products."""
    staff, editor = buyer(tenant), integrator(tenant, "catalogue:write")
    assert upload_image(editor, product_id, picture()).status == 200
    vendor_id = make_vendor(staff)["id"]
    return {
        "category_id": make_category(tenant),
        "request_id": make_credit_request(tenant),
        "check_order_number": make_uploaded_check(tenant),
        "vendor_id": vendor_id,
        "procurement_product_id": make_offer(staff, vendor_id)["id"],
        "key_id": make_spare_key(tenant),
        "customer_id": make_customer(tenant).id,
        "upload_id": begin_upload(editor, product_id).json["upload_id"],
        "savings_request_id": make_savings_request(tenant),
    }


def _people(tenant: Tenant) -> dict[str, Any]:
    """Who is named: a user, a customer, a key."""
    return {
        "user_id": make_warehouse_user(tenant, "pick").id,
        "customer_id": make_customer(tenant).id,
        "key_id": make_spare_key(tenant),
    }


def unknown(records: Values) -> dict[str, Any]:
    """The same names with values of the same form that nobody has; no two names have one id."""
    return {name: _unknown(value, n) for n, (name, value) in enumerate(records.items())}


def _unknown(value: Any, n: int) -> Any:
    if isinstance(value, list):
        return [_unknown(each, n) for each in value]
    if isinstance(value, int):
        return 2_147_000_000 + n
    return "".join(_other(sign) for sign in value)


def _other(sign: str) -> str:
    """Digits and letters of an id's text are replaced by ones that ids hardly consist of alone."""
    if sign.isdigit():
        return "7"
    return ("a" if sign.islower() else "A") if sign.isalpha() else sign
