"""What a scanned code or a typed text finds; one statement each."""

from chalicelib import catalogue
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.lookups import store
from chalicelib.lookups.shapes import BinHit, BinLookup, ItemHit, ItemLookup, OrderLookup


def look_up_item(uow: UnitOfWork, code: str) -> ItemLookup:
    """An item by UPC (a GTIN in any length), alias or SKU, with its bins in the caller's warehouses. Raises NotFound."""
    found = store.find_item(uow, catalogue.lookup_forms(code), _visible(uow.actor))
    if found is None:
        raise NotFound("Item not found")
    return ItemLookup.of(found)


def look_up_bin(uow: UnitOfWork, code: str) -> BinLookup:
    """A bin of the caller's warehouses by barcode, else by code; boxes of the robots too. Raises NotFound."""
    found = store.find_bin(uow, code, _visible(uow.actor), uow.actor.warehouse_id)
    if found is None:
        raise NotFound("Bin not found")
    return BinLookup.of(found)


def look_up_order(uow: UnitOfWork, code: str) -> OrderLookup:
    """An order of the caller's warehouses by barcode or number, with how far each line is. Raises NotFound."""
    lines = store.find_order(uow, code, _visible(uow.actor))
    if not lines:
        raise NotFound("Sales order not found")
    return OrderLookup.of(lines)


def search_items(uow: UnitOfWork, q: str) -> list[ItemHit]:
    """Items whose SKU, name or barcode contains a text, the best fifty; none for an empty text."""
    rows = store.search_items(uow, q, catalogue.lookup_forms(q)) if q else []
    return [ItemHit(**row) for row in rows]


def search_bins(uow: UnitOfWork, q: str) -> list[BinHit]:
    """Bins of the caller's warehouses whose code or barcode contains a text, the best fifty; none for an empty text."""
    rows = store.search_bins(uow, q, _visible(uow.actor)) if q else []
    return [BinHit(**row) for row in rows]


def _visible(actor: Actor) -> tuple[int, ...] | None:
    """The warehouses whose records exist for the caller; None: all."""
    return None if actor.wms_role == "ADMIN" else actor.warehouse_ids
