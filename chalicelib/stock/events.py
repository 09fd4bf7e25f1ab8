"""What stock announces."""

from chalicelib.kernel.outbox import Event


class HoldsBroken(Event, topic="stock.holds_broken", queue="work"):
    """Reality had less than was promised: these order lines lost (part of) their hold."""

    order_line_ids: list[int]
    document: str
