"""What orders do when others announce something."""

from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.orders import backorders, service
from chalicelib.stock.events import HoldsBroken, StockArrived


@consumer(HoldsBroken)
def flag_broken_orders(job: Job[HoldsBroken]) -> Outside[None, None] | None:
    """Flags orders that lost their hold because reality has less than was promised. May be repeated.

    Stock that came meanwhile goes to whoever waits for it.
    """
    service.flag_short(job.uow, job.event.order_line_ids, document=job.event.document)
    backorders.refill(job.uow, job.event.order_line_ids)
    return None


@consumer(StockArrived)
def fill_back_orders(job: Job[StockArrived]) -> Outside[None, None] | None:
    """Gives orders that wait for stock what has arrived of it. May be repeated."""
    backorders.fill_backorders(job.uow, job.event.variant_ids, job.event.warehouse_id)
    return None
