"""What stock announces, and what others tell it of."""

from chalicelib.kernel.outbox import Event


class HoldsBroken(Event, topic="stock.holds_broken", queue="work"):
    """Reality had less than was promised: these order lines lost (part of) their hold."""

    order_line_ids: list[int]
    document: str


class StockArrived(Event, topic="stock.arrived", queue="work"):
    """More of these variants may be held at a warehouse than before: orders that wait for them can have it.

    Whoever brings stock in publishes it in the same transaction: goods that were received, found, moved to where they are
    sold.
    """

    variant_ids: list[int]
    warehouse_id: int
