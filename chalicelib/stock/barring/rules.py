"""Which holds go when stock stops to count as available. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.stock.rules import AvailabilityKey, YoungHold


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
class Counted:
    """What lies on accounts, and the holds that may not fit when it goes: per variant the youngest first."""

    stock: list[Affected] = field(default_factory=list)
    holds: list[YoungHold] = field(default_factory=list)


@dataclass(frozen=True)
class PlaceUse:
    """What lies on accounts, and whether anything ever did."""

    on_hand: int
    had_stock: bool


def overheld(stock: Iterable[Affected]) -> dict[AvailabilityKey, int]:
    """How many units more than would still count are held, where that is so."""
    missing = {(s.variant_id, s.warehouse_id): (s.held or 0) - (s.on_hand or 0) + s.units for s in stock}
    return {key: units for key, units in missing.items() if units > 0}
