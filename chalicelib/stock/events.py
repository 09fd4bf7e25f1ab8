"""What stock announces."""

from chalicelib.kernel.outbox import Event


class HoldsBroken(Event, topic="stock.holds_broken", queue="work"):
    """Reality had less than was promised: these order lines lost (part of) their hold."""

    order_line_ids: list[int]
    document: str


class StockArrived(Event, topic="stock.arrived", queue="work"):
    """More of these variants can be held at a warehouse than before, and open orders there wait for stock."""

    variant_ids: list[int]
    warehouse_id: int
