"""What orders announce. Published in the transaction that did it, worked on after its commit."""

from chalicelib.kernel.outbox import Event


class OrderPlaced(Event, topic="orders.placed", queue="messages"):
    """An order was taken and its stock is held."""

    order_id: int


class OrderShipped(Event, topic="orders.shipped", queue="messages"):
    """An order left the building."""

    order_id: int


class OrderCancelled(Event, topic="orders.cancelled", queue="messages"):
    """An order was cancelled and its stock given back; `reason` is customer, staff, expired, integrator or voice."""

    order_id: int
    reason: str
