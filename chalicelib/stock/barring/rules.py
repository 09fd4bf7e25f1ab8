"""Which holds go when stock stops to count as available. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chalicelib.stock.rules import HoldChange


@dataclass(frozen=True)
class Affected:
    """A variant at a warehouse of which units are about to count or not to count."""

    variant_id: int
    warehouse_id: int
    units: int
    allocated: int
    on_hand: int | None
    """Of all available stock there; None where there never was any."""
    held: int | None


@dataclass(frozen=True)
class Breakable:
    """A hold in question: `allocated` of its units are set aside for picks."""

    order_line_id: int
    variant_id: int
    warehouse_id: int
    quantity: int
    allocated: int


@dataclass(frozen=True)
class Counted:
    """What lies on accounts, and the holds that may not fit when it goes: per variant the youngest first."""

    stock: list[Affected] = field(default_factory=list)
    holds: list[Breakable] = field(default_factory=list)


@dataclass(frozen=True)
class PlaceUse:
    """What lies on accounts, and whether anything ever did."""

    on_hand: int
    had_stock: bool


def break_holds(stock: Iterable[Affected], holds: Sequence[Breakable]) -> tuple[list[HoldChange], int]:
    """The hold changes after which what is held fits again, the youngest first; and how many units found no hold to break.

    What is allocated to a pick has its units elsewhere and is left alone.
    """
    missing = {
        (s.variant_id, s.warehouse_id): (s.held or 0) - (s.on_hand or 0) + s.units
        for s in stock
        if (s.held or 0) > (s.on_hand or 0) - s.units
    }
    broken = []
    for hold in holds:
        key = (hold.variant_id, hold.warehouse_id)
        released = min(missing.get(key, 0), hold.quantity - hold.allocated)
        if released > 0:
            broken.append(HoldChange(hold.order_line_id, hold.variant_id, hold.warehouse_id, -released))
            missing[key] -= released
    return broken, sum(missing.values())
