"""Which units a transfer takes, and between which bins it may go. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.kernel.errors import BadRequest
from chalicelib.stock import Level

ROBOT_BOX = "RobotBox"


@dataclass(frozen=True)
class Bin:
    """A bin as somebody who carries units needs to know it."""

    id: int
    account_id: int
    warehouse_id: int
    code: str
    kind: str
    zone_kind: str | None
    is_open: bool
    """Bin and warehouse are in use."""
    is_in_reach: bool
    """Whether people can take from it: False for a robot box on its way or in the storage."""


@dataclass(frozen=True)
class Taken:
    """Units of one level."""

    level: Level
    quantity: int


def check_ends(source: Bin, target: Bin) -> None:
    """Raises BadRequest where no hand may take from the source or put into the target.

    A closed bin may be emptied but not filled. What goes into a robot box the robots decide, who know its room.
    """
    if not target.is_open:
        raise BadRequest(f"Bin {target.code} is closed")
    if not source.is_in_reach:
        raise BadRequest(f"Bin {source.code} is a robot box that is not at a balcony")
    if target.kind == ROBOT_BOX:
        raise BadRequest(f"Bin {target.code} is a robot box; a storage request fills it")


def take(levels: Sequence[Level], quantity: int, lot_number: str | None, bin_code: str) -> list[Taken]:
    """Units of a bin's levels, in their order (first expired first, units without a lot last); what picks set aside stays.

    `lot_number`: of that lot only. Raises BadRequest for a lot that does not lie there and for too few units.
    """
    chosen = [level for level in levels if lot_number is None or level.lot_number == lot_number]
    if lot_number is not None and not chosen:
        raise BadRequest(f"Lot {lot_number} is not in bin {bin_code}")
    free, set_aside = sum(level.free for level in chosen), sum(level.allocated for level in chosen)
    if free < quantity:
        besides = f", {set_aside} more are allocated to picks" if set_aside else ""
        raise BadRequest(f"Not enough stock in bin {bin_code}: {free} available{besides}, {quantity} asked")
    taken = []
    for level in chosen:
        units = min(level.free, quantity)
        if units > 0:
            taken.append(Taken(level, units))
            quantity -= units
    return taken
