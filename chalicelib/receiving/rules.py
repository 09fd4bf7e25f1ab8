"""Receiving: which lines of an order goods count for, and what is to be said about them. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.kernel.errors import BadRequest
from chalicelib.purchasing import OrderLine
from chalicelib.stock import Lot


class Arrival(Protocol):
    """Units of an item that came."""

    @property
    def item_id(self) -> int:
        """The item."""

    @property
    def quantity(self) -> int:
        """How many."""


@dataclass(frozen=True)
class Portion:
    """Units of the n-th arrival that count for one line."""

    n: int
    line: OrderLine
    quantity: int


def spread(
    lines: Sequence[OrderLine], arrivals: Sequence[Arrival], *, may_exceed: bool, order_number: str
) -> tuple[list[Portion], list[str]]:
    """Shares arrivals out to the lines of their items, which are filled in their order, and what to warn of.

    What is more than ordered counts for the last line of its item. Raises BadRequest for an item that is on no line, and
    for more than is outstanding of an item unless the order `may_exceed`.
    """
    by_item: dict[int, list[OrderLine]] = defaultdict(list)
    for line in lines:
        by_item[line.variant_id].append(line)
    for arrival in arrivals:
        if arrival.item_id not in by_item:
            raise BadRequest(f"Item {arrival.item_id} is not on purchase order {order_number}")
    warnings = [
        _excess_of(by_item[item], came) for item, came in _added_up(arrivals).items() if came > _open(by_item[item])
    ]
    if warnings and not may_exceed:
        raise BadRequest(f"{warnings[0]}. Over-receiving is not allowed")
    left = {line.id: max(0, line.quantity - line.received) for line in lines}
    portions = [
        p for n, arrival in enumerate(arrivals) for p in _portions(n, arrival.quantity, by_item[arrival.item_id], left)
    ]
    return portions, warnings


def _added_up(arrivals: Iterable[Arrival]) -> dict[int, int]:
    came: dict[int, int] = defaultdict(int)
    for arrival in arrivals:
        came[arrival.item_id] += arrival.quantity
    return came


def _open(lines: Iterable[OrderLine]) -> int:
    return sum(max(0, line.quantity - line.received) for line in lines)


def _excess_of(lines: Sequence[OrderLine], came: int) -> str:
    return f"More than ordered of {lines[0].sku}: {came} received but only {_open(lines)} remaining"


def _portions(n: int, quantity: int, lines: Sequence[OrderLine], left: dict[int, int]) -> Iterable[Portion]:
    """Changes what is `left` of each line. The last line takes whatever the others do not."""
    for line in lines:
        taken = quantity if line is lines[-1] else min(quantity, left[line.id])
        if taken:
            left[line.id] = max(0, left[line.id] - taken)
            quantity -= taken
            yield Portion(n, line, taken)


def lot_warnings(
    portions: Iterable[Portion], lot_numbers: Sequence[str | None], lots: Mapping[tuple[int, str], Lot]
) -> list[str]:
    """What to warn of about lots: none named for an item that is tracked by them, one whose stock is not available."""
    said: dict[str, None] = {}
    for portion in portions:
        number = lot_numbers[portion.n]
        if number is None:
            if portion.line.is_lot_tracked:
                said[f"{portion.line.sku} is tracked by lots, but no lot number was given"] = None
        elif not (lot := lots[portion.line.variant_id, number]).is_available or lot.status != "active":
            state = _STATES.get(lot.status, "not available")
            said[f"Lot {number} of {portion.line.sku} is {state}: its units cannot be sold"] = None
    return list(said)


_STATES = {"quarantine": "in quarantine", "recalled": "recalled"}
