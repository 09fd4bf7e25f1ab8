"""What integrators hear about purchase orders (kernel/facts.py)."""

from chalicelib.kernel.facts import Fact


class Created(Fact, type="purchase_order.created", of="purchase_order_id"):
    """Goods were ordered from a vendor."""

    purchase_order_id: int
    warehouse_id: int


class StatusChanged(Fact, type="purchase_order.status_changed", of="purchase_order_id"):
    """Goods arrived or were taken back, or the order was closed or reopened: OPEN, PARTIAL, RECEIVED or CLOSED since."""

    purchase_order_id: int
    warehouse_id: int
    status: str
