"""What a posting does to levels and availability: pure arithmetic, checked before anything is written."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from chalicelib.stock.errors import Allocated, Inconsistent, OutOfStock, ShortLine

Place = int | Literal["outbound", "missing", "supplier", "customer", "adjustment", "production", "waste", "in_transit"]
"""An account: its id, or the word for the organization's only one (of a warehouse for outbound and missing)."""
WAREHOUSE_PLACES = ("outbound", "missing")


@dataclass(frozen=True)
class Move:
    """`quantity` units of a variant (and lot) from one place to another."""

    variant_id: int
    quantity: int
    from_place: Place
    to_place: Place
    reason: str
    document: str
    lot_id: int | None = None
    warehouse_id: int | None = None
    """Whose outbound or missing account is meant."""
    note: str = ""


@dataclass(frozen=True)
class HoldChange:
    """Units held (positive) or no longer held (negative) for an order line at a warehouse."""

    order_line_id: int
    variant_id: int
    warehouse_id: int
    quantity: int


@dataclass(frozen=True)
class AllocationChange:
    """Units of a level set aside for a pick (positive) or given free (negative)."""

    variant_id: int
    account_id: int
    lot_id: int | None
    quantity: int


@dataclass(frozen=True)
class Want:
    """What an order line needs."""

    order_line_id: int
    variant_id: int
    sku: str
    quantity: int


@dataclass(frozen=True)
class Claim:
    """Units that an order line should hold at a warehouse in all, as far as there are any."""

    order_line_id: int
    variant_id: int
    warehouse_id: int
    quantity: int


@dataclass(frozen=True)
class FreeStock:
    """A level a pick may be taken from; `free` is on hand less allocated."""

    variant_id: int
    account_id: int
    bin_id: int
    bin_code: str
    bin_kind: str
    pick_sequence: int
    lot_id: int | None
    lot_number: str | None
    expires_on: date | None
    free: int


@dataclass(frozen=True)
class Level:
    """What lies of a variant and lot in a bin."""

    account_id: int
    lot_id: int | None
    lot_number: str | None
    expires_on: date | None
    on_hand: int
    allocated: int

    @property
    def free(self) -> int:
        """Units that no pick has set aside."""
        return self.on_hand - self.allocated


@dataclass(frozen=True)
class BinStock:
    """What lies of a variant in some bins: bin by bin, first expired first, units without a lot last."""

    variant_id: int
    sku: str
    levels: tuple[Level, ...]

    def within(self, account_id: int) -> list[Level]:
        """The levels of one bin."""
        return [level for level in self.levels if level.account_id == account_id]


@dataclass(frozen=True)
class YoungHold:
    """A hold, of which `breakable` units are not allocated to a pick yet."""

    order_line_id: int
    variant_id: int
    warehouse_id: int
    quantity: int
    breakable: int


LevelKey = tuple[int, int, int | None]
"""(variant, account, lot)"""
AvailabilityKey = tuple[int, int]
"""(variant, warehouse)"""
HoldKey = tuple[int, int]
"""(order line, warehouse)"""


@dataclass(frozen=True)
class PlacedMove:
    """A move whose places are found: inside accounts have levels, available ones count at their warehouse."""

    move: Move
    from_id: int
    to_id: int
    from_is_inside: bool
    to_is_inside: bool
    from_warehouse_id: int | None
    """Where the source counts as available stock; None where it does not."""
    to_warehouse_id: int | None
    to_is_open: bool = True
    """False for the account of a closed bin, into which nothing goes."""


@dataclass
class Books:
    """The locked rows that a posting touches, as they are; a missing row is all zeros."""

    levels: dict[LevelKey, tuple[int, int]] = field(default_factory=dict)
    """(on hand, allocated)"""
    availability: dict[AvailabilityKey, tuple[int, int]] = field(default_factory=dict)
    """(on hand, held)"""
    holds: dict[HoldKey, int] = field(default_factory=dict)

    def free(self, variant_id: int, warehouse_id: int) -> int:
        """Units that can still be held; 0 where nothing ever lay."""
        on_hand, held = self.availability.get((variant_id, warehouse_id), (0, 0))
        return on_hand - held


@dataclass(frozen=True)
class Changes:
    """What to add to each row."""

    levels: Mapping[LevelKey, tuple[int, int]]
    availability: Mapping[AvailabilityKey, tuple[int, int]]
    holds: Mapping[HoldKey, tuple[int, int]]
    """(variant, change)"""


def changes_of(
    placed: Iterable[PlacedMove], holds: Iterable[HoldChange], allocations: Iterable[AllocationChange]
) -> Changes:
    """Adds up a posting per row."""
    on_hand: dict[LevelKey, int] = defaultdict(int)
    allocated: dict[LevelKey, int] = defaultdict(int)
    counted: dict[AvailabilityKey, int] = defaultdict(int)
    held: dict[AvailabilityKey, int] = defaultdict(int)
    by_line: dict[HoldKey, tuple[int, int]] = {}
    for p in placed:
        variant, lot, quantity = p.move.variant_id, p.move.lot_id, p.move.quantity
        if p.from_is_inside:
            on_hand[variant, p.from_id, lot] -= quantity
        if p.to_is_inside:
            on_hand[variant, p.to_id, lot] += quantity
        if p.from_warehouse_id is not None:
            counted[variant, p.from_warehouse_id] -= quantity
        if p.to_warehouse_id is not None:
            counted[variant, p.to_warehouse_id] += quantity
    for a in allocations:
        allocated[a.variant_id, a.account_id, a.lot_id] += a.quantity
    for h in holds:
        held[h.variant_id, h.warehouse_id] += h.quantity
        _, before = by_line.get((h.order_line_id, h.warehouse_id), (0, 0))
        by_line[h.order_line_id, h.warehouse_id] = (h.variant_id, before + h.quantity)
    return Changes(
        levels={k: (on_hand[k], allocated[k]) for k in {**on_hand, **allocated}},
        availability={k: (counted[k], held[k]) for k in {**counted, **held}},
        holds=by_line,
    )


def freed(changes: Changes) -> dict[int, list[int]]:
    """Warehouse -> variants of which more can be held there than before."""
    found: dict[int, list[int]] = defaultdict(list)
    for (variant_id, warehouse_id), (on_hand, held) in sorted(changes.availability.items()):
        if on_hand > held:
            found[warehouse_id].append(variant_id)
    return found


def check(books: Books, changes: Changes) -> None:
    """Raises OutOfStock when more would be held than there is, Allocated when a pick's stock would be taken away,
    Inconsistent when a number would not add up."""
    check_levels(books, changes)
    short = [
        ShortLine(variant_id=variant, warehouse_id=warehouse, available=books.free(variant, warehouse))
        for (variant, warehouse), change in changes.availability.items()
        if not _fits(books, (variant, warehouse), change)
    ]
    if short:
        raise OutOfStock(short=short)
    for hold_key, (_, change) in changes.holds.items():
        if books.holds.get(hold_key, 0) + change < 0:
            raise Inconsistent(f"hold {hold_key} would be negative")


def check_levels(books: Books, changes: Changes) -> None:
    """Raises Allocated when a level lacks the units or a pick's would be taken away, Inconsistent below nothing allocated."""
    for key, (on_hand, allocated) in changes.levels.items():
        before = books.levels.get(key, (0, 0))
        after = (before[0] + on_hand, before[1] + allocated)
        if after[1] < 0:
            raise Inconsistent(f"level {key}: allocated would be {after[1]}")
        if after[0] < after[1]:
            raise Allocated(on_hand=before[0], allocated=before[1], asked=-on_hand or allocated, level=key)


def _fits(books: Books, key: AvailabilityKey, change: tuple[int, int]) -> bool:
    on_hand, held = books.availability.get(key, (0, 0))
    after_on_hand, after_held = on_hand + change[0], held + change[1]
    if after_held < 0 or after_on_hand < 0:
        raise Inconsistent(f"availability {key}: {after_held} held of {after_on_hand}")
    return after_held <= after_on_hand


def overheld(books: Books, changes: Changes) -> dict[AvailabilityKey, int]:
    """How many units more than would be left are held, where that is so."""
    missing = {}
    for key, (on_hand, held) in changes.availability.items():
        before = books.availability.get(key, (0, 0))
        lacking = before[1] + held - before[0] - on_hand
        if lacking > 0:
            missing[key] = lacking
    return missing


def break_holds(missing: Mapping[AvailabilityKey, int], holds: Iterable[YoungHold]) -> list[HoldChange]:
    """The hold changes that make room: holds lose in the order given, and nothing that is allocated to a pick."""
    left = dict(missing)
    broken = []
    for hold in holds:
        key = (hold.variant_id, hold.warehouse_id)
        released = min(left.get(key, 0), hold.breakable)
        if released > 0:
            broken.append(HoldChange(hold.order_line_id, *key, -released))
            left[key] -= released
    return broken


def choose_warehouse(
    wants: Sequence[Want], warehouse_ids: Sequence[int], books: Books
) -> tuple[int | None, list[ShortLine]]:
    """The first warehouse that has everything, or None and what is short at the one that lacks the least.

    Lines of one variant are added up before they are compared.
    """
    needed: dict[int, int] = defaultdict(int)
    for want in wants:
        needed[want.variant_id] += want.quantity
    sku = {want.variant_id: want.sku for want in wants}
    best: list[ShortLine] | None = None
    for warehouse_id in warehouse_ids:
        short = [
            ShortLine(
                variant_id=v, warehouse_id=warehouse_id, available=books.free(v, warehouse_id), sku=sku[v], asked=n
            )
            for v, n in needed.items()
            if books.free(v, warehouse_id) < n
        ]
        if not short:
            return warehouse_id, []
        if best is None or len(short) < len(best):
            best = short
    return None, best or [
        ShortLine(variant_id=v, warehouse_id=0, available=0, sku=sku[v], asked=n) for v, n in needed.items()
    ]


def split_holds(wants: Sequence[Want], free: Mapping[int, int]) -> list[tuple[Want, int]]:
    """What can be held of each want, first come first served, when less than all is allowed."""
    left = dict(free)
    result = []
    for want in wants:
        quantity = min(want.quantity, max(0, left.get(want.variant_id, 0)))
        left[want.variant_id] = left.get(want.variant_id, 0) - quantity
        result.append((want, quantity))
    return result


def grants(books: Books, claims: Sequence[Claim]) -> list[HoldChange]:
    """What each claim can hold in addition to what its line holds, in their order; those that get nothing are left out."""
    left: dict[AvailabilityKey, int] = {}
    result = []
    for claim in claims:
        key = (claim.variant_id, claim.warehouse_id)
        missing = claim.quantity - books.holds.get((claim.order_line_id, claim.warehouse_id), 0)
        given = min(missing, left.setdefault(key, books.free(*key)))
        if given > 0:
            left[key] -= given
            result.append(HoldChange(claim.order_line_id, *key, given))
    return result


def after(books: Books, changes: Changes) -> Books:
    """The books once changes that were checked are written. A row that was new is known from then on."""
    levels = {k: _sum(books.levels.get(k), d) for k, d in changes.levels.items()}
    availability = {k: _sum(books.availability.get(k), d) for k, d in changes.availability.items()}
    holds = {k: books.holds.get(k, 0) + d for k, (_, d) in changes.holds.items()}
    return Books({**books.levels, **levels}, {**books.availability, **availability}, {**books.holds, **holds})


def _sum(before: tuple[int, int] | None, change: tuple[int, int]) -> tuple[int, int]:
    first, second = before or (0, 0)
    return first + change[0], second + change[1]
