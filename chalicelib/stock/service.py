"""Use cases of the stock ledger. Everything that moves, holds or allocates stock ends in `post`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.stock import rules, store
from chalicelib.stock.errors import BinClosed, Inconsistent, OutOfStock
from chalicelib.stock.events import HoldsBroken, StockArrived
from chalicelib.stock.lots import store as lots
from chalicelib.stock.lots.store import Lot
from chalicelib.stock.rules import (
    AllocationChange,
    BinStock,
    Books,
    Changes,
    FreeStock,
    HoldChange,
    Move,
    PlacedMove,
    Want,
)


def post(
    uow: UnitOfWork,
    *,
    moves: Iterable[Move] = (),
    holds: Iterable[HoldChange] = (),
    allocations: Iterable[AllocationChange] = (),
) -> list[int]:
    """Posts moves, holds and allocations together: all of them or none, in two statements for any number of lines.

    Locks every row it changes in key order. The ids of the moves, in the order given. Raises OutOfStock when more would
    be held than there is, Allocated when a bin lacks the units or they are set aside for a pick, BinClosed when units
    would go into a closed bin, Inconsistent when the books would not add up.
    """
    move_list, hold_list, allocation_list = list(moves), list(holds), list(allocations)
    if not (move_list or hold_list or allocation_list):
        return []
    placed, books = _lock(uow, move_list, hold_list, allocation_list)
    changes = rules.changes_of(placed, hold_list, allocation_list)
    rules.check(books, changes)
    return write(uow, placed, books, changes)


def _lock(
    uow: UnitOfWork, moves: list[Move], holds: list[HoldChange], allocations: list[AllocationChange]
) -> tuple[list[PlacedMove], Books]:
    placed, books = store.lock(uow, moves, holds, allocations)
    if len(placed) != len(moves):
        raise Inconsistent("a move names a place that does not exist")
    if not all(p.to_is_open for p in placed):
        raise BinClosed
    return placed, books


def write(uow: UnitOfWork, placed: list[PlacedMove], books: Books, changes: Changes) -> list[int]:
    """Writes a posting whose rows are locked and checked, and tells orders that wait where there is more stock now.

    The ids of its moves, in their order. One statement.
    """
    freed = rules.freed(changes)
    move_ids, awaited = store.apply(uow, placed, books, changes, sorted(freed))
    for warehouse_id in awaited:
        uow.publish(StockArrived(variant_ids=freed[warehouse_id], warehouse_id=warehouse_id).message())
    return move_ids


@dataclass(frozen=True)
class Moved:
    """What a posting did that may break holds: the ids of its moves, in the order given, and what was broken."""

    move_ids: list[int]
    broken: list[HoldChange]


def move_breaking(uow: UnitOfWork, moves: Iterable[Move]) -> Moved:
    """Posts moves of any number of variants and warehouses, although orders may hold what they take away.

    Where fewer units would be left than are held, holds give way, the youngest first, and HoldsBroken is published under
    the first move's document: their orders are flagged. What is allocated to a pick stays, and so does its hold: raises
    Allocated when a bin has too few units besides, BinClosed. Two statements, three where holds break.
    """
    move_list = list(moves)
    if not move_list:
        return Moved([], [])
    placed, books = _lock(uow, move_list, [], [])
    changes = rules.changes_of(placed, [], [])
    rules.check_levels(books, changes)
    broken: list[HoldChange] = []
    missing = rules.overheld(books, changes)
    if missing:
        holds = store.list_youngest_holds(uow, missing)
        books.holds.update({(h.order_line_id, h.warehouse_id): h.quantity for h in holds})
        broken = rules.break_holds(missing, holds)
        changes = rules.changes_of(placed, broken, [])
    rules.check(books, changes)
    move_ids = write(uow, placed, books, changes)
    if broken:
        event = HoldsBroken(order_line_ids=[h.order_line_id for h in broken], document=move_list[0].document)
        uow.publish(event.message())
    return Moved(move_ids, broken)


def post_breaking(uow: UnitOfWork, moves: Iterable[Move]) -> list[HoldChange]:
    """As `move_breaking`, for who only wants to know which holds gave way."""
    return move_breaking(uow, moves).broken


def lock_levels(uow: UnitOfWork, variant_id: int, account_ids: Sequence[int]) -> BinStock | None:
    """What lies of a variant in bins, to be moved in this transaction; None for a variant that is not there.

    Locks in the order in which every posting does: availability at the bins' warehouses, then the levels; so name all
    bins that the moves will touch. One statement.
    """
    return store.lock_levels(uow, variant_id, account_ids)


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
        write(uow, [], held.books, changes)


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
    found = store.list_holds(uow, list(order_line_ids))
    if not found:
        return
    # Some of it may have been broken meanwhile: what counts is what is held once it is locked.
    _, books = store.lock(uow, [], found, [])
    held = ((h, books.holds.get((h.order_line_id, h.warehouse_id), 0)) for h in found)
    changes = rules.changes_of(
        [],
        [HoldChange(h.order_line_id, h.variant_id, h.warehouse_id, -quantity) for h, quantity in held if quantity],
        [],
    )
    rules.check(books, changes)
    write(uow, [], books, changes)


def held_for(uow: UnitOfWork, order_line_ids: Sequence[int]) -> list[HoldChange]:
    """What is held for order lines, as positive changes."""
    return store.list_holds(uow, list(order_line_ids))


def free_stock(uow: UnitOfWork, warehouse_id: int, variant_ids: Sequence[int]) -> list[FreeStock]:
    """Where units of these variants may be picked: locked in key order, first expired first out, then pick sequence.

    Their availability at the warehouse is locked as well, before the levels: holds that are read afterwards stay as they are.

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
