"""Use cases of receiving.

Locks are taken in one order: purchase orders, lots, stock. Whoever works on one purchase order waits for whoever was first.
"""

from collections.abc import Iterable, Mapping, Sequence

from chalicelib import places, purchasing, stock
from chalicelib.kernel.errors import BadRequest, Conflict, NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.purchasing import NewReceipt, PurchaseOrder, Receipt
from chalicelib.receiving import facts, rules, store
from chalicelib.receiving.rules import Portion
from chalicelib.receiving.shapes import CancelReceipts, Expected, ReceiptsCancelled, Receive, Received, ReceivedItem
from chalicelib.receiving.store import DockBin


class ReceiptGone(Conflict):
    """Units of a receipt are no longer where they were put, or are set aside for a pick. Nothing was taken back."""

    code = "receipt_gone"
    sentence = "A receipt cannot be cancelled any more"


def look_up(uow: UnitOfWork, code: str) -> Expected:
    """A purchase order by its barcode, else its number. Raises NotFound, BadRequest when it is closed."""
    order = purchasing.find_by_code(uow, code)
    if order.status == "CLOSED":
        raise BadRequest("Purchase order is closed")
    return Expected.of(order)


def receive(uow: UnitOfWork, wanted: Receive) -> Received:
    """Takes goods in for a purchase order: receipts, its lines and status, and the stock, together or not at all.

    Nine statements for any number of items, ten where lots are named. Raises NotFound for an order or bin of nobody or
    elsewhere, Forbidden for a foreign warehouse that is named, BadRequest when the order takes nothing in, for an item
    that it does not have, for more than is outstanding unless the organization allows that, and for bins that are closed,
    in another warehouse or robots' boxes.
    """
    order = _lock(uow, wanted)
    lines, bins = store.read_dock(uow, order.id, [item.bin_id for item in wanted.items])
    for item in wanted.items:
        _check_bin(uow, bins.get(item.bin_id), item.bin_id, order)
    settings = places.floor_settings(uow.organization.settings)
    portions, warnings = rules.spread(
        lines, wanted.items, may_exceed=settings.allow_over_receiving, order_number=order.number
    )
    lot_numbers = [item.lot_number or None for item in wanted.items]
    lots = stock.ensure_lots(uow, [(p.line.variant_id, number) for p in portions if (number := lot_numbers[p.n])])
    new = [_new_receipt(p, wanted.items[p.n], bins, lots) for p in portions]
    receipt_ids, status = purchasing.record_receipts(uow, order, new)
    _put(uow, [_move_in(receipt_id, r) for receipt_id, r in zip(receipt_ids, new, strict=True)])
    uow.audit(
        "purchase_order.received",
        "purchase_order",
        order.id,
        before={"status": order.status},
        after={"status": status, "receipt_ids": receipt_ids, "units": sum(p.quantity for p in portions)},
    )
    purchasing.tell_status(uow, order, status)
    for receipt_id, receipt in zip(receipt_ids, new, strict=True):
        said = {"variant_id": receipt.variant_id, "quantity": receipt.quantity, "warehouse_id": order.warehouse_id}
        uow.tell(facts.Recorded(receipt_id=receipt_id, purchase_order_id=order.id, **said))
    return Received(
        message="Receipt submitted successfully",
        receipt_ids=receipt_ids,
        po_status=status,
        warnings=warnings + rules.lot_warnings(portions, lot_numbers, lots),
    )


def _lock(uow: UnitOfWork, wanted: Receive) -> PurchaseOrder:
    if wanted.warehouse_id is not None:
        uow.actor.check_warehouse(wanted.warehouse_id)
    order = purchasing.lock_order(uow, wanted.po_id)
    if order is None or not uow.actor.sees_warehouse(order.warehouse_id):
        raise NotFound("Purchase order not found")
    if wanted.warehouse_id not in (None, order.warehouse_id):
        raise BadRequest("Purchase order is for another warehouse")
    if order.status not in purchasing.RECEIVABLE:
        raise BadRequest(f"Purchase order status is {order.status}, cannot receive")
    return order


def _check_bin(uow: UnitOfWork, found: DockBin | None, bin_id: int, order: PurchaseOrder) -> None:
    if found is None or not uow.actor.sees_warehouse(found.warehouse_id):
        raise NotFound(f"Bin {bin_id} not found")
    if found.warehouse_id != order.warehouse_id:
        raise BadRequest(f"Bin {found.code} does not belong to the purchase order's warehouse")
    if not found.is_active:
        raise BadRequest(f"Bin {found.code} is not active")
    if found.kind == "RobotBox":
        raise BadRequest(f"Bin {found.code} is a robot's box, which robots fill")


def _new_receipt(
    portion: Portion,
    item: ReceivedItem,
    bins: Mapping[int, DockBin],
    lots: Mapping[tuple[int, str], stock.Lot],
) -> NewReceipt:
    lot = lots[portion.line.variant_id, item.lot_number] if item.lot_number else None
    return NewReceipt(
        line_id=portion.line.id,
        variant_id=portion.line.variant_id,
        lot_id=None if lot is None else lot.id,
        account_id=bins[item.bin_id].account_id,
        quantity=portion.quantity,
        serial_number=item.serial_number or None,
        note=item.notes or None,
    )


def _move_in(receipt_id: int, receipt: NewReceipt) -> stock.Move:
    return stock.Move(
        receipt.variant_id,
        receipt.quantity,
        "supplier",
        receipt.account_id,
        "purchase_received",
        f"receipt:{receipt_id}",
        receipt.lot_id,
    )


def _put(uow: UnitOfWork, moves: Sequence[stock.Move]) -> None:
    try:
        stock.post(uow, moves=moves)
    except stock.BinClosed:
        raise BadRequest("A bin was closed just now") from None


def cancel(uow: UnitOfWork, wanted: CancelReceipts) -> ReceiptsCancelled:
    """Takes receipts back: their units leave their bins for the supplier, the orders' lines and statuses follow.

    Receipts that are unknown, elsewhere or cancelled already are left out; so repeating it changes nothing. A closed order
    stays closed. Where orders hold more than is left, the youngest lose their hold and are flagged short. Nine statements
    for any number of receipts, ten where holds break. Raises Forbidden for a foreign warehouse that is named, ReceiptGone,
    with nothing changed, when units have left their bin or are set aside for a pick.
    """
    if wanted.warehouse_id is not None:
        uow.actor.check_warehouse(wanted.warehouse_id)
    if not wanted.receipt_ids:
        return ReceiptsCancelled(message="Nothing to cancel", reversed=0)
    orders = {order.id: order for order in purchasing.lock_orders_of_receipts(uow, wanted.receipt_ids)}
    receipts = (
        [r for r in purchasing.list_receipts(uow, wanted.receipt_ids) if _is_meant(uow, r, wanted)] if orders else []
    )
    if receipts:
        statuses = purchasing.cancel_receipts(uow, receipts)
        _take_back(uow, receipts)
        for order in orders.values():
            _audit_cancelled(uow, order, receipts, statuses)
    return ReceiptsCancelled(message=f"Cancelled {len(receipts)} receipt(s)", reversed=len(receipts))


def _is_meant(uow: UnitOfWork, receipt: Receipt, wanted: CancelReceipts) -> bool:
    return uow.actor.sees_warehouse(receipt.warehouse_id) and wanted.warehouse_id in (None, receipt.warehouse_id)


def _take_back(uow: UnitOfWork, receipts: Sequence[Receipt]) -> None:
    moves = [
        stock.Move(r.variant_id, r.quantity, r.account_id, "supplier", "receipt_cancelled", r.document, r.lot_id)
        for r in receipts
    ]
    try:
        stock.post_breaking(uow, moves)
    except stock.Allocated as refusal:
        gone = [r for r in receipts if (r.variant_id, r.account_id, r.lot_id) == refusal.level]
        raise ReceiptGone(
            f"{_named(gone)} cannot be cancelled: units of {gone[0].sku} have left bin {gone[0].bin_code}"
            " or are set aside for a pick"
        ) from None


def _named(receipts: Sequence[Receipt]) -> str:
    ids = ", ".join(str(receipt.id) for receipt in receipts)
    return f"Receipt {ids}" if len(receipts) == 1 else f"Receipts {ids}"


def _audit_cancelled(
    uow: UnitOfWork, order: PurchaseOrder, receipts: Iterable[Receipt], statuses: Mapping[int, purchasing.Status]
) -> None:
    ours = [r for r in receipts if r.purchase_order_id == order.id]
    if ours:
        uow.audit(
            "purchase_order.receipts_cancelled",
            "purchase_order",
            order.id,
            before={"status": order.status, "receipt_ids": [r.id for r in ours]},
            after={"status": statuses.get(order.id, order.status), "units": sum(r.quantity for r in ours)},
        )
        purchasing.tell_status(uow, order, statuses.get(order.id, order.status))
    for each in ours:
        said = {"variant_id": each.variant_id, "quantity": each.quantity, "warehouse_id": each.warehouse_id}
        uow.tell(facts.Cancelled(receipt_id=each.id, purchase_order_id=order.id, **said))
