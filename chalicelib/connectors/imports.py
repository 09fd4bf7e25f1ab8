"""What comes in: items become products that were unknown, orders become orders of ours, each once."""

from collections.abc import Sequence
from typing import Any

from chalicelib import catalogue, orders, stock
from chalicelib.connectors import rules, store
from chalicelib.connectors.shops.base import BadRecord, ShopItem, ShopOrder
from chalicelib.connectors.store import Run, SeenItem
from chalicelib.kernel.errors import Invalid, Refusal
from chalicelib.kernel.uow import UnitOfWork


def take_items(uow: UnitOfWork, run: Run, records: Sequence[Any]) -> int:
    """Imports a page of items; how many could not be. At most four statements, however many there are.

    A SKU that is known here, upper and lower case being the same, is left as it is and only remembered; a new one becomes a
    product. Barcodes that lead to another product already are left out.
    """
    items = [record for record in records if isinstance(record, ShopItem)]
    bad = [record for record in records if isinstance(record, BadRecord)]
    matched = store.match_items(uow, run, items) if items else []
    wanted: dict[str, catalogue.NewProduct] = {}
    taken: set[str] = set()
    for item, match in zip(items, matched, strict=True):
        if match.variant_id is None and item.sku.upper() not in wanted:
            taken.update(match.taken)
            wanted[item.sku.upper()] = _product(item, taken)
            taken.update(item.barcodes)
    made = catalogue.create_products(uow, list(wanted.values())) if wanted else []
    ids = {sku: product.variant_id for sku, product in zip(wanted, made, strict=True)}
    seen = [
        SeenItem(item.external_id, match.variant_id or ids[item.sku.upper()])
        for item, match in zip(items, matched, strict=True)
    ]
    seen += [SeenItem(record.external_id, None, record.reason) for record in bad if record.external_id]
    if seen:
        store.put_items(uow, run, seen)
    return len(bad)


def _product(item: ShopItem, taken: set[str]) -> catalogue.NewProduct:
    return catalogue.NewProduct(
        sku=item.sku,
        name=item.name,
        unit_price_minor=item.price_minor,
        weight_g=item.weight_g,
        barcodes=tuple(code for code in item.barcodes if code not in taken),
    )


def new_orders(uow: UnitOfWork, run: Run, records: Sequence[Any]) -> list[Any]:
    """Those of a page that have not been imported; one statement."""
    known = store.known_orders(uow, run, [record.external_id for record in records]) if records else set()
    return [record for record in records if record.external_id not in known]


def take_order(uow: UnitOfWork, run: Run, order: ShopOrder | BadRecord) -> bool:
    """Imports an order unless that was done before; whether it is here now. Why not stands in its record.

    It is confirmed, for the shop has sold it, holds what there is at the warehouse, and is flagged short for the rest. Its
    prices are the catalogue's. Who ordered is not our customer: no mail goes out.
    """
    if not order.external_id:
        return False
    claimed = store.claim_order(uow, run, order.external_id, getattr(order, "number", ""))
    if claimed is None:
        return True
    if isinstance(order, BadRecord):
        store.settle_order(uow, claimed.id, None, rules.message(order.reason))
        return False
    barcode = None if claimed.is_code_taken or not order.number else order.number
    try:
        placed = _place(uow, run, order, barcode)
    except Refusal as refusal:
        store.settle_order(uow, claimed.id, None, rules.message(_reason(refusal, order)))
        return False
    store.settle_order(uow, claimed.id, placed.id, None)
    return True


def _place(uow: UnitOfWork, run: Run, order: ShopOrder, barcode: str | None) -> orders.Order:
    new = orders.NewOrder(
        channel="wms",
        payment_method="net30",
        customer_id=None,
        delivery=order.delivery,
        barcode=barcode,
        warehouse_id=run.warehouse_id,
        special_notes=order.notes or None,
    )
    asked = [orders.Asked(catalogue.Item(quantity=line.quantity, sku=line.sku)) for line in order.lines]
    placed = orders.place_unheld(uow, new, asked)
    wants = [stock.Want(line.id, line.variant_id, line.sku, line.quantity) for line in placed.lines]
    held = stock.choose(uow, wants, warehouse_id=run.warehouse_id, all_or_nothing=False)
    stock.hold_chosen(uow, wants, held)
    orders.advance(uow, [placed], "confirm")
    short = [want.order_line_id for want, units in zip(wants, held.quantities, strict=True) if units < want.quantity]
    if short:
        orders.flag_short(uow, short, document=f"connector:{run.connector}")
    uow.publish(orders.OrderPlaced(order_id=placed.id).message())
    return placed


def _reason(refusal: Refusal, order: ShopOrder) -> str:
    """A refusal in a sentence that names what is wrong."""
    if not isinstance(refusal, Invalid):
        return refusal.message
    lines = [part["loc"][1] for part in refusal.details if part["type"] == "unknown_product" and len(part["loc"]) > 1]
    skus = [order.lines[line].sku for line in lines if isinstance(line, int)]
    return f"Unknown SKU: {', '.join(skus[:10])}" if skus else "; ".join(part["msg"] for part in refusal.details[:5])
