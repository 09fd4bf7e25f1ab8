"""What integrators hear about orders (kernel/facts.py). Ids and states; whose an order is, they ask as somebody who may."""

from chalicelib.kernel.facts import Fact


class Placed(Fact, type="order.placed", of="order_id"):
    """An order was taken through any channel. Back-ordered or not yet held units do not show here."""

    order_id: int
    channel: str
    status: str
    warehouse_id: int


class Changed(Fact, type="order.changed", of="order_id"):
    """The order's lines, warehouse or header are others than before."""

    order_id: int
    warehouse_id: int


class Reserved(Fact, type="order.reserved", of="order_id"):
    """All of the order's units are held at one location."""

    order_id: int
    warehouse_id: int


class Confirmed(Fact, type="order.confirmed", of="order_id"):
    """The order was paid or approved and keeps its stock."""

    order_id: int
    warehouse_id: int


class PickingStarted(Fact, type="order.picking_started", of="order_id"):
    """The order is part of a wave."""

    order_id: int
    warehouse_id: int


class PickingStopped(Fact, type="order.picking_stopped", of="order_id"):
    """The wave was given up, or had nothing for the order, which is open again."""

    order_id: int
    warehouse_id: int


class Picked(Fact, type="order.picked", of="order_id"):
    """What the order gets has left its bins."""

    order_id: int
    warehouse_id: int


class Packed(Fact, type="order.packed", of="order_id"):
    """The parcel is closed."""

    order_id: int
    warehouse_id: int


class Shipped(Fact, type="order.shipped", of="order_id"):
    """The order left the building."""

    order_id: int
    warehouse_id: int


class Delivered(Fact, type="order.delivered", of="order_id"):
    """The order has arrived."""

    order_id: int
    warehouse_id: int


class Cancelled(Fact, type="order.cancelled", of="order_id"):
    """The order was cancelled and its stock given back; `reason` is customer, staff, expired, integrator or voice."""

    order_id: int
    reason: str


class Revived(Fact, type="order.revived", of="order_id"):
    """The order had expired unpaid; its payment came after all, its stock is held again, and the order stands."""

    order_id: int
    warehouse_id: int


class Short(Fact, type="order.short", of="order_id"):
    """The order will not be delivered in full: units were missing when they were picked, or were lost before."""

    order_id: int
