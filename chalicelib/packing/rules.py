"""Packing: which lines a scan counts for, and what an order weighs. Pure."""

from collections.abc import Sequence

from chalicelib.orders import Line


def to_verify(line: Line) -> int:
    """Picked units that were not verified yet."""
    return line.picked - line.packed


def spread(lines: Sequence[Line], quantity: int) -> dict[int, int]:
    """Counts verified units for lines of one item, in their order; the rest when they have too few is left out."""
    given = {}
    for line in lines:
        taken = min(quantity, to_verify(line))
        if taken > 0:
            given[line.id] = taken
            quantity -= taken
    return given
