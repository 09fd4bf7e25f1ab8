"""What comes in: items become products that were unknown, orders become orders of ours, each once."""

from collections.abc import Sequence
from typing import Any

from chalicelib import catalogue, orders
from chalicelib.connectors import rules, store
from chalicelib.connectors.shops.base import BadRecord, ShopItem, ShopOrder
from chalicelib.connectors.store import Run, SeenItem
from chalicelib.kernel import ids
from chalicelib.kernel.errors import Invalid
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


def take_orders(uow: UnitOfWork, run: Run, records: Sequence[Any]) -> tuple[int, int]:
    """Imports those of a page that were not before; how many, and how many could not be. Nine statements for any number.

    They are orders as the warehouse enters them: they hold what there is, are back-ordered for the rest, nobody waits for
    their payment, and their prices are the catalogue's. Scanners know them by the shop's number as long as no other order
    has it. Who ordered is not our customer: no mail goes out.
    """
    nameless = sum(1 for record in records if not record.external_id)
    named = {record.external_id: record for record in records if record.external_id}
    codes = {key: record.number for key, record in named.items() if isinstance(record, ShopOrder)}
    claimed = store.claim_orders(uow, run, list(named), codes) if named else []
    failed: dict[int, str] = {}
    drafts: dict[int, orders.Draft] = {}
    scanned: set[str] = set()
    for claim in claimed:
        record = named[claim.external_id]
        if isinstance(record, BadRecord):
            failed[claim.id] = record.reason
            continue
        is_free = record.number and not claim.is_code_taken and record.number not in scanned
        drafts[claim.id] = _draft(run, record, record.number if is_free else None)
        scanned.add(record.number)
    placed = _place(uow, drafts, failed)
    store.settle_orders(uow, placed, {claim_id: rules.message(reason) for claim_id, reason in failed.items()})
    return len(placed), len(failed) + nameless


def _draft(run: Run, order: ShopOrder, barcode: str | None) -> orders.Draft:
    address = (order.delivery.get(f"delivery_{name}") for name in ("company", "address", "city", "state", "zip"))
    return orders.Draft(
        number=ids.order_number(),
        warehouse_id=run.warehouse_id,
        lines=tuple(orders.DraftLine(line.quantity, sku=line.sku) for line in order.lines),
        barcode=barcode,
        delivery_name=order.delivery.get("delivery_name", ""),
        delivery_address=", ".join(part for part in address if part),
        special_notes=order.notes or None,
    )


def _place(uow: UnitOfWork, drafts: dict[int, orders.Draft], failed: dict[int, str]) -> dict[int, int]:
    """Places what can be placed; the order of each. Why the others cannot be is added to `failed`."""
    wrong = orders.check_drafts(uow, list(drafts.values())) if drafts else []
    good = {}
    for (claim_id, draft), sentences in zip(drafts.items(), wrong, strict=True):
        if sentences:
            failed[claim_id] = "; ".join(sentences[:10])
        else:
            good[claim_id] = draft
    return _placed(uow, good, failed)


def _placed(uow: UnitOfWork, drafts: dict[int, orders.Draft], failed: dict[int, str]) -> dict[int, int]:
    """All at once; one by one where one of them costs more than an order can: then nothing has been written yet."""
    if not drafts:
        return {}
    try:
        made = orders.place_drafts(uow, list(drafts.values()))
    except Invalid as refusal:
        if len(drafts) == 1:
            failed[next(iter(drafts))] = "; ".join(part["msg"] for part in refusal.details)
            return {}
        return {
            key: order_id
            for claim_id, draft in drafts.items()
            for key, order_id in _placed(uow, {claim_id: draft}, failed).items()
        }
    return {claim_id: done.order_id for claim_id, done in zip(drafts, made, strict=True)}
