"""What the robots' context announces; consumed in jobs.py."""

from chalicelib.kernel.outbox import Event


class StorageWorkDue(Event, topic="robots.work_due", queue="robots"):
    """A warehouse's robots may have something to do: work was asked for, a carrier came free, a robot connected."""

    warehouse_id: int


class RobotOrderDue(Event, topic="robots.order_due", queue="robots"):
    """An order was given to a robot that has not acknowledged it yet."""

    robot_order_id: int
