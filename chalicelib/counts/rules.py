"""What a count comes to, and who may decide about it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from chalicelib.kernel.errors import BadRequest
from chalicelib.kernel.states import Machine

CountStatus = Literal["PENDING", "COMPLETED", "VARIANCE"]
AdjustmentStatus = Literal["PENDING", "APPROVED", "REJECTED"]
Action = Literal["approve", "reject"]

COUNT: Machine[CountStatus, Literal["agree", "differ"]] = Machine(
    "count", {("PENDING", "agree"): "COMPLETED", ("PENDING", "differ"): "VARIANCE"}
)
ADJUSTMENT: Machine[AdjustmentStatus, Action] = Machine(
    "adjustment", {("PENDING", "approve"): "APPROVED", ("PENDING", "reject"): "REJECTED"}
)

COUNT_REASON = "cycle_count_adjustment"
"""The ledger's word for units that a count found or missed."""


class Given(Protocol):
    """What a counter says of one line."""

    @property
    def line_id(self) -> int | None:
        """None for what was not expected."""
        ...

    @property
    def item_id(self) -> int | None:
        """Of what was not expected."""
        ...

    @property
    def lot_number(self) -> str | None:
        """Of what was not expected, where it has one."""
        ...

    @property
    def counted_quantity(self) -> int:
        """Units that lie there."""
        ...


@dataclass(frozen=True)
class BookedLine:
    """A line to be counted, or an item that the counter found besides, with what the books say of it now."""

    line_id: int | None
    """None: it was not expected."""
    place: int | None
    """Of what was not expected: its place among the lines that were handed in."""
    variant_id: int
    lot_id: int | None
    sku: str
    booked: int
    last_move_id: int | None

    @property
    def key(self) -> tuple[int, int | None]:
        """What a bin's level is known by."""
        return self.variant_id, self.lot_id


@dataclass(frozen=True)
class CountedLine:
    """What lies there against what the books say."""

    booked_line: BookedLine
    counted: int

    @property
    def variance(self) -> int:
        """Units that are there and not in the books; negative for missing ones."""
        return self.counted - self.booked_line.booked


def match(booked: Iterable[BookedLine], given: Sequence[Given]) -> list[CountedLine]:
    """Puts what was counted beside the books: every line once, and what was found besides.

    Something found besides that is a line of the count, because it came into the bin in the meantime, counts as that line.
    Raises BadRequest for lines that are unknown, given twice or not given, and for items that are not what the line says.
    """
    lines = {line.line_id: line for line in booked if line.line_id is not None}
    by_key = {line.key: line for line in lines.values()}
    found = {line.place: line for line in booked if line.line_id is None}
    counted: dict[tuple[int, int | None], CountedLine] = {}
    for place, each in enumerate(given):
        line = found.get(place) if each.line_id is None else lines.get(each.line_id)
        if line is None:
            raise BadRequest(_unknown(each))
        if each.line_id is not None and each.item_id not in (None, line.variant_id):
            raise BadRequest(f"Count line {each.line_id} is of item {line.variant_id}, not of item {each.item_id}")
        if line.key in counted:
            raise BadRequest(f"Duplicate count line: {line.sku}")
        counted[line.key] = CountedLine(by_key.get(line.key, line), each.counted_quantity)
    missing = [line_id for line_id, line in lines.items() if line.key not in counted]
    if missing:
        raise BadRequest(f"Lines not counted: {', '.join(map(str, sorted(missing)))}")
    return list(counted.values())


def _unknown(given: Given) -> str:
    if given.line_id is not None:
        return f"Count line not found: {given.line_id}"
    lot = f", lot {given.lot_number}" if given.lot_number else ""
    return f"Item not found: {given.item_id}{lot}"


def status_of(status: CountStatus, counted: Iterable[CountedLine]) -> CountStatus:
    """The status of a count that is handed in. Raises BadRequest when it was already."""
    event: Literal["agree", "differ"] = "differ" if any(line.variance for line in counted) else "agree"
    if not COUNT.allows(status, event):
        raise BadRequest("Count already submitted")
    return COUNT.next(status, event)


def is_own(actor: str, counters: Iterable[str | None]) -> bool:
    """Whether somebody would decide about a count of their own."""
    return actor in counters
