"""Use cases of the stock ledger. Everything that moves, holds or allocates stock ends in `post`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.stock import rules, store
from chalicelib.stock.errors import Inconsistent, OutOfStock
from chalicelib.stock.lots import store as lots
from chalicelib.stock.lots.store import Lot
from chalicelib.stock.rules import AllocationChange, Books, FreeStock, HoldChange, Move, Want


def post(
    uow: UnitOfWork,
    *,
    moves: Iterable[Move] = (),
    holds: Iterable[HoldChange] = (),
    allocations: Iterable[AllocationChange] = (),
) -> None:
    """Posts moves, holds and allocations together: all of them or none, in two statements for any number of lines.

    Locks every row it changes in key order. Raises OutOfStock when more would be held than there is, Allocated when a
    bin lacks the units or they are set aside for a pick, Inconsistent when the books would not add up.
    """
    move_list, hold_list, allocation_list = list(moves), list(holds), list(allocations)
    if not (move_list or hold_list or allocation_list):
        return
    placed, books = store.lock(uow, move_list, hold_list, allocation_list)
    if len(placed) != len(move_list):
        raise Inconsistent("a move names a place that does not exist")
    changes = rules.changes_of(placed, hold_list, allocation_list)
    rules.check(books, changes)
    store.apply(uow, placed, books, changes)


@dataclass(frozen=True)
class Held:
    """A decision about holds: at which warehouse, and how much of each want, in the order of the wants."""

    warehouse_id: int
    quantities: tuple[int, ...]
    books: Books
    """The availability that was read and stays locked until the transaction ends."""


def choose(
    uow: UnitOfWork, wants: Sequence[Want], *, warehouse_id: int | None = None, all_or_nothing: bool = True
) -> Held:
    """Locks availability and decides which warehouse holds an order: the first, by preference, that has all of it.

    Nothing is held yet: the caller writes order and lines, then calls `hold_chosen` in the same transaction.
    `warehouse_id`: only there. Raises OutOfStock, line by line; without `all_or_nothing` only when the stock is known
    nowhere, and the preferred warehouse holds what there is.
    """
    books, warehouse_ids = store.lock_availability(uow, sorted({w.variant_id for w in wants}), warehouse_id)
    chosen, short = rules.choose_warehouse(wants, warehouse_ids, books)
    if chosen is not None:
        return Held(chosen, tuple(want.quantity for want in wants), books)
    first = warehouse_id or (warehouse_ids[0] if warehouse_ids else None)
    if all_or_nothing or first is None:
        raise OutOfStock(short)
    there = {want.variant_id: books.free(want.variant_id, first) for want in wants}
    return Held(first, tuple(quantity for _, quantity in rules.split_holds(wants, there)), books)


def hold_chosen(uow: UnitOfWork, wants: Sequence[Want], held: Held) -> None:
    """Writes the holds that `choose` decided on; wants now name order lines that are new and hold nothing. One statement."""
    changes = rules.changes_of(
        [],
        [
            HoldChange(want.order_line_id, want.variant_id, held.warehouse_id, quantity)
            for want, quantity in zip(wants, held.quantities, strict=True)
            if quantity > 0
        ],
        [],
    )
    if changes.holds:
        rules.check(held.books, changes)
        store.apply(uow, [], held.books, changes)


def hold(uow: UnitOfWork, wants: Sequence[Want], *, warehouse_id: int) -> None:
    """Holds stock of one warehouse for order lines that exist, up to what each wants: what it holds already counts.

    Raises OutOfStock with every short line.
    """
    books, warehouse_ids, missing = _still_missing(uow, wants, warehouse_id)
    chosen, short = rules.choose_warehouse(missing, warehouse_ids, books) if missing else (warehouse_id, [])
    if chosen is None:
        raise OutOfStock(short)
    hold_chosen(uow, missing, Held(chosen, tuple(want.quantity for want in missing), books))


def top_up(uow: UnitOfWork, wants: Sequence[Want], *, warehouse_id: int) -> dict[int, int]:
    """Holds for order lines what there is at a warehouse, first come first served, up to what each wants.

    What a line holds already counts. The units that were added, by order line; lines that got nothing are left out. Three
    statements for any number of lines; may be repeated.
    """
    books, _, missing = _still_missing(uow, wants, warehouse_id)
    free = {want.variant_id: books.free(want.variant_id, warehouse_id) for want in missing}
    given = rules.split_holds(missing, free)
    hold_chosen(uow, missing, Held(warehouse_id, tuple(quantity for _, quantity in given), books))
    return {want.order_line_id: quantity for want, quantity in given if quantity}


def _still_missing(uow: UnitOfWork, wants: Sequence[Want], warehouse_id: int) -> tuple[Books, list[int], list[Want]]:
    """Locks availability; the books with what order lines hold, the warehouses that know the stock, and what lines lack."""
    books, warehouse_ids = store.lock_availability(uow, sorted({w.variant_id for w in wants}), warehouse_id)
    # Read after the lock, under which nobody else changes what is held of these variants here.
    there = store.list_holds(uow, [want.order_line_id for want in wants])
    books.holds.update({(h.order_line_id, h.warehouse_id): h.quantity for h in there})
    missing = [
        replace(want, quantity=more)
        for want in wants
        if (more := want.quantity - books.holds.get((want.order_line_id, warehouse_id), 0)) > 0
    ]
    return books, warehouse_ids, missing


def ensure_lots(uow: UnitOfWork, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Lot]:
    """Lots by (variant, number), made where they are missing; one statement for any number, none for none.

    They stay locked until the transaction ends: lots come before availability in the order of locks.
    """
    wanted = list(keys)
    return {(lot.variant_id, lot.number): lot for lot in lots.ensure_lots(uow, wanted)} if wanted else {}


def release(uow: UnitOfWork, order_line_ids: Sequence[int]) -> None:
    """Gives back whatever is held for order lines; nothing held is fine."""
    held = store.list_holds(uow, list(order_line_ids))
    post(uow, holds=[HoldChange(h.order_line_id, h.variant_id, h.warehouse_id, -h.quantity) for h in held])


def held_for(uow: UnitOfWork, order_line_ids: Sequence[int]) -> list[HoldChange]:
    """What is held for order lines, as positive changes."""
    return store.list_holds(uow, list(order_line_ids))


def free_stock(uow: UnitOfWork, warehouse_id: int, variant_ids: Sequence[int]) -> list[FreeStock]:
    """Where units of these variants may be picked: locked in key order, first expired first out, then pick sequence.

    Lots that are quarantined, recalled or expired are skipped, and so are bins whose stock is not available.
    """
    return store.free_stock(uow, warehouse_id, sorted(set(variant_ids)))


@dataclass(frozen=True)
class BooksCheck:
    """What a check of the stock books found; all three wrongs must be 0."""

    moves: int
    units_moved: int
    wrong_levels: int
    wrong_availability: int

    @property
    def is_whole(self) -> bool:
        """True when every level and every availability equals the replay of the ledger and the holds."""
        return self.wrong_levels == 0 and self.wrong_availability == 0


def check_books(uow: UnitOfWork) -> BooksCheck:
    """Replays the whole ledger of the organization against its projections. For checks, not for requests."""
    totals = uow.row(store.SUM_MOVES) or {"moves": 0, "units": 0}
    return BooksCheck(
        totals["moves"], totals["units"], uow.value(store.CHECK_LEVELS), uow.value(store.CHECK_AVAILABILITY)
    )
