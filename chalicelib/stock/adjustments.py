"""Corrections of stock by hand, and what happens when reality has less than was promised."""

from collections.abc import Sequence

from chalicelib.kernel.ids import uuid7
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.stock import service, store
from chalicelib.stock.errors import Allocated
from chalicelib.stock.facts import Adjusted
from chalicelib.stock.rules import FreeStock, HoldChange, Move
from chalicelib.stock.shapes import Adjust, AdjustmentView


def adjust(uow: UnitOfWork, wanted: Adjust) -> AdjustmentView:
    """Posts an adjustment. Found units go to the location's default bin; missing ones leave the bins that have them free.

    Raises NotFound for a variant or location of nobody or somebody else, Allocated when too few units are free to go.
    """
    variant_id, sku, default_account_id = store.find_variant(uow, wanted.variant_id, wanted.sku, wanted.location_id)
    document = f"adjustment:{uuid7(int(uow.now.timestamp() * 1000))}"
    if wanted.quantity > 0:
        move = Move(
            variant_id, wanted.quantity, "adjustment", default_account_id, wanted.reason, document, note=wanted.note
        )
        broken: list[HoldChange] = []
        service.post(uow, moves=[move])
    else:
        broken = _take_away(uow, variant_id, -wanted.quantity, wanted, document)
    on_hand, available = store.level_at(uow, variant_id, wanted.location_id)
    uow.audit(
        "stock.adjusted", "variant", variant_id, after={**wanted.model_dump(), "on_hand": on_hand, "document": document}
    )
    uow.tell(
        Adjusted(
            variant_id=variant_id,
            location_id=wanted.location_id,
            quantity=wanted.quantity,
            reason=wanted.reason,
            on_hand=on_hand,
            available=available,
        )
    )
    return AdjustmentView(
        variant_id=variant_id,
        sku=sku,
        location_id=wanted.location_id,
        quantity=wanted.quantity,
        reason=wanted.reason,
        on_hand=on_hand,
        available=available,
        released_order_ids=store.orders_of_lines(uow, [h.order_line_id for h in broken]) if broken else [],
        created_at=uow.now,
    )


def _take_away(uow: UnitOfWork, variant_id: int, quantity: int, wanted: Adjust, document: str) -> list[HoldChange]:
    free = service.free_stock(uow, wanted.location_id, [variant_id])
    if sum(f.free for f in free) < quantity:
        on_hand, _ = store.level_at(uow, variant_id, wanted.location_id)
        raise Allocated(on_hand=on_hand, allocated=on_hand - sum(f.free for f in free), asked=quantity)
    return service.post_breaking(uow, _moves(free, quantity, wanted, document))


def _moves(free: Sequence[FreeStock], quantity: int, wanted: Adjust, document: str) -> list[Move]:
    """Takes units where they are free; the last to expire stays for the customer, so the first goes."""
    moves = []
    for level in free:
        taken = min(quantity, level.free)
        if taken:
            quantity -= taken
            moves.append(
                Move(
                    level.variant_id,
                    taken,
                    level.account_id,
                    "adjustment",
                    wanted.reason,
                    document,
                    level.lot_id,
                    note=wanted.note,
                )
            )
    return moves
