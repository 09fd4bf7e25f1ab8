"""Adjustments: what counts propose is decided here, and administrators correct a bin directly."""

from collections.abc import Iterable, Mapping, Sequence

from chalicelib import places, stock
from chalicelib.counts import rules, store
from chalicelib.counts.errors import NothingDecided, OwnCount
from chalicelib.counts.facts import Approved
from chalicelib.counts.rules import ADJUSTMENT, COUNT_REASON
from chalicelib.counts.shapes import (
    AdjustmentPage,
    AdjustmentQuery,
    AdjustmentView,
    Decision,
    DirectAdjustment,
    DirectlyAdjusted,
    Outcome,
    PendingAdjustment,
    PendingList,
    PendingQuery,
    Reviewed,
)
from chalicelib.counts.store import Adjustment
from chalicelib.kernel.errors import BadRequest, IntegrityViolation, NotFound
from chalicelib.kernel.paging import paged, window
from chalicelib.kernel.uow import UnitOfWork

PENDING_SHOWN = 500
MOVES_SHOWN = 20
"""Behind one adjustment of the list."""


def list_pending(uow: UnitOfWork, query: PendingQuery) -> PendingList:
    """Adjustments that wait for a decision, with what stands behind each. Four statements."""
    rows = store.list_pending(uow, warehouse_id=query.warehouse_id, limit=PENDING_SHOWN, moves_max=MOVES_SHOWN)
    return PendingList(adjustments=[PendingAdjustment.of(row) for row in rows])


def list_adjustments(uow: UnitOfWork, query: AdjustmentQuery) -> AdjustmentPage:
    """A page of all adjustments, the newest first. Four statements."""
    filters = {"warehouse_id": query.warehouse_id, "status": query.status}
    total, rows = store.list_adjustments(uow, {**filters, **window(query)})
    return AdjustmentPage(adjustments=[AdjustmentView.of(row) for row in rows], **paged(query, total))


def review(uow: UnitOfWork, decisions: Sequence[Decision]) -> Reviewed:
    """Carries out decisions in one transaction, for any number of them in nine statements at most.

    What is approved moves the units that the count found or missed, now: what has moved since the count does not matter.
    Where fewer are left than orders hold, the youngest orders lose. A decision that cannot be carried out (taken already,
    or the units to take away are gone or set aside for picks) leaves its adjustment as it is and says so; the others stand.

    Raises NothingDecided when none could, NotFound for unknown adjustments, BadRequest for one that is named twice, OwnCount
    where counters may not decide for themselves.
    """
    ids = [decision.adjustment_id for decision in decisions]
    if len(set(ids)) != len(ids):
        raise BadRequest("Duplicate adjustment IDs in request")
    found = {adjustment.id: adjustment for adjustment in store.lock_adjustments(uow, ids)}
    for adjustment_id in ids:
        if adjustment_id not in found:
            raise NotFound(f"Adjustment not found: {adjustment_id}")
    _check_separation(uow, found.values())
    open_ones = [d for d in decisions if ADJUSTMENT.allows(found[d.adjustment_id].status, d.action)]
    found |= _post(uow, [found[d.adjustment_id] for d in open_ones if d.action == "approve"])
    outcomes = [_outcome(decision, found[decision.adjustment_id]) for decision in decisions]
    applied = [outcome for outcome in outcomes if outcome.is_applied]
    if not applied:
        raise NothingDecided(outcomes[0].error, results=[outcome.model_dump() for outcome in outcomes])
    _write(uow, applied, decisions, found)
    approved = sum(outcome.status == "APPROVED" for outcome in applied)
    return Reviewed(
        message="Adjustments reviewed",
        approved=approved,
        rejected=len(applied) - approved,
        refused=len(outcomes) - len(applied),
        results=outcomes,
    )


def _check_separation(uow: UnitOfWork, adjustments: Iterable[Adjustment]) -> None:
    if not places.floor_settings(uow.organization.settings).require_count_approval_separation:
        return
    for adjustment in adjustments:
        if rules.is_own(uow.actor.label, (adjustment.counted_by, adjustment.count_created_by)):
            raise OwnCount(f"Adjustment {adjustment.id} is of your own count; somebody else must decide about it")


def _post(uow: UnitOfWork, wanted: Sequence[Adjustment]) -> dict[int, Adjustment]:
    """Moves the units of those adjustments that are possible; all of them with the levels that decided about that.

    Levels were read without a lock. Where a posting then finds less, it has locked what it looked at: what is read again
    stays as it is, and what is possible by it can be posted.
    """
    seen = {adjustment.id: adjustment for adjustment in wanted}
    try:
        stock.post_breaking(uow, [_move(a) for a in seen.values() if a.is_possible])
    except stock.Allocated:
        seen = {adjustment.id: adjustment for adjustment in store.lock_adjustments(uow, seen)}
        stock.post_breaking(uow, [_move(a) for a in seen.values() if a.is_possible])
    return seen


def _move(adjustment: Adjustment) -> stock.Move:
    document = f"adjustment:{adjustment.id}"
    return _correction(
        adjustment.variant_id, adjustment.account_id, adjustment.lot_id, adjustment.quantity, COUNT_REASON, document
    )


def _correction(
    variant_id: int, account_id: int, lot_id: int | None, quantity: int, reason: str, document: str
) -> stock.Move:
    """Units that come from nowhere into a bin, or leave it for nowhere."""
    if quantity > 0:
        return stock.Move(variant_id, quantity, "adjustment", account_id, reason, document, lot_id)
    return stock.Move(variant_id, -quantity, account_id, "adjustment", reason, document, lot_id)


def _outcome(decision: Decision, adjustment: Adjustment) -> Outcome:
    error = None
    if not ADJUSTMENT.allows(adjustment.status, decision.action):
        error = f"Adjustment {adjustment.id} is already {adjustment.status}"
    elif decision.action == "approve" and not adjustment.is_possible:
        error = (
            f"Cannot take {-adjustment.quantity} of {adjustment.sku} from bin {adjustment.bin_code}: "
            f"{adjustment.on_hand} on hand, {adjustment.allocated} of them allocated to picks"
        )
    return Outcome(
        adjustment_id=adjustment.id,
        action=decision.action,
        status=adjustment.status if error else ADJUSTMENT.next(adjustment.status, decision.action),
        is_applied=error is None,
        error=error,
    )


def _write(
    uow: UnitOfWork, applied: Sequence[Outcome], decisions: Sequence[Decision], found: Mapping[int, Adjustment]
) -> None:
    notes = {decision.adjustment_id: decision.note for decision in decisions}
    store.decide(uow, [{"id": o.adjustment_id, "status": o.status, "note": notes[o.adjustment_id]} for o in applied])
    for outcome in applied:
        adjustment = found[outcome.adjustment_id]
        what = {"sku": adjustment.sku, "bin": adjustment.bin_code, "lot": adjustment.lot_number}
        uow.audit(
            f"adjustment.{outcome.status.lower()}",
            "stock_adjustment",
            adjustment.id,
            before={"status": adjustment.status},
            after={"status": outcome.status, "quantity": adjustment.quantity, **what, "note": notes[adjustment.id]},
        )
        if outcome.status == "APPROVED":
            _tell(uow, adjustment.id, adjustment.variant_id, adjustment.warehouse_id, adjustment.quantity)


def _tell(uow: UnitOfWork, adjustment_id: int, variant_id: int, warehouse_id: int, quantity: int) -> None:
    uow.tell(Approved(adjustment_id=adjustment_id, variant_id=variant_id, warehouse_id=warehouse_id, quantity=quantity))


def adjust_directly(uow: UnitOfWork, wanted: DirectAdjustment) -> DirectlyAdjusted:
    """Adds units to a bin or takes free ones away, without review; the youngest orders lose what they hold of them.

    Raises IntegrityViolation for an unknown item or bin, BadRequest for an unknown lot, a bin that is elsewhere, a closed
    bin that would get more, and when fewer units are free than are to go. Nine statements at most.
    """
    target = store.find_target(uow, wanted.item_id, wanted.bin_id, wanted.lot_number)
    if target is None:
        raise IntegrityViolation
    if wanted.warehouse_id not in (None, target.warehouse_id):
        raise BadRequest(f"Bin {target.bin_code} is in a different warehouse")
    if wanted.lot_number is not None and target.lot_id is None:
        raise BadRequest(f"Unknown lot: {wanted.lot_number}")
    if wanted.quantity > 0 and not target.is_active:
        raise BadRequest(f"Bin {target.bin_code} is not active")
    document = f"adjustment:{target.adjustment_id}"
    move = _correction(target.variant_id, target.account_id, target.lot_id, wanted.quantity, "adjustment", document)
    try:
        stock.post_breaking(uow, [move])
    except stock.Allocated as refusal:
        raise BadRequest(refusal.message) from None
    left = store.insert_direct(uow, target, quantity=wanted.quantity, reason=wanted.reason, note=wanted.notes)
    what = {"sku": target.sku, "bin": target.bin_code, "lot": wanted.lot_number, "reason": wanted.reason}
    uow.audit(
        "adjustment.direct",
        "stock_adjustment",
        target.adjustment_id,
        before={"quantity_on_hand": left - wanted.quantity},
        after={"quantity_on_hand": left, "quantity": wanted.quantity, **what},
    )
    _tell(uow, target.adjustment_id, target.variant_id, target.warehouse_id, wanted.quantity)
    return DirectlyAdjusted(
        adjustment_id=target.adjustment_id,
        item_id=target.variant_id,
        sku=target.sku,
        warehouse_id=target.warehouse_id,
        bin_id=target.bin_id,
        bin_code=target.bin_code,
        lot_number=wanted.lot_number,
        quantity_change=wanted.quantity,
        quantity_on_hand=left,
        reason=wanted.reason,
        notes=wanted.notes,
        status="APPROVED",
        created_at=uow.now,
    )
