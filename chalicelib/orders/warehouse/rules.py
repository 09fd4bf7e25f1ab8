"""What the warehouse calls the states of orders and lines. Pure."""

from typing import Literal

from chalicelib.orders.rules import State

Status = Literal["OPEN", "ALLOCATED", "PICKING", "PICKED", "PACKED", "SHIPPED", "CANCELLED"]

STATES: dict[Status, tuple[State, ...]] = {
    "OPEN": ("pending", "confirmed"),
    # Older panels ask for it. Stock is held from the moment an order is placed, so no order waits for that here.
    "ALLOCATED": (),
    "PICKING": ("picking",),
    "PICKED": ("picked",),
    "PACKED": ("packed",),
    "SHIPPED": ("shipped", "delivered"),
    "CANCELLED": ("cancelled",),
}
"""The states that a word means."""


def line_status(*, ordered: int, picked: int, packed: int, shipped: int, short: int) -> str:
    """How far a line is: PENDING, PARTIAL, PICKED, PACKED, SHIPPED, or SHORT when nothing of it will come."""
    wanted = ordered - short
    if wanted == 0:
        return "SHORT"
    for word, done in (("SHIPPED", shipped), ("PACKED", packed), ("PICKED", picked)):
        if done >= wanted:
            return word
    return "PARTIAL" if picked else "PENDING"
