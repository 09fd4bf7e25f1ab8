"""Which orders a buyer may look up, and how much of a name a stranger reads."""

from chalicelib.orders.rules import Order

BUYERS_CHANNELS = ("shop", "staff", "sales", "voice", "subscription")
"""Orders with a buyer of ours, and numbers that nobody can guess. Those of the warehouse and of integrators bear the numbers
of other systems."""


def has_buyer(order: Order) -> bool:
    """Whether the order can be looked up by its number, or by its telephone number, at all."""
    return order.channel in BUYERS_CHANNELS


def initials(name: str) -> str:
    """``A. R.`` for ``Ana Reyes``; the first and the last word alone, so that the length of a name does not show."""
    words = name.split()
    return " ".join(f"{word[0].upper()}." for word in (words[:1] + words[1:][-1:]))
