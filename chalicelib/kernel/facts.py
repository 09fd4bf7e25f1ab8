"""Facts: what happened in the business, told to whoever wants to know.

    class OrderPlaced(Fact, type="order.placed", of="order_id"):
        order_id: int
        channel: str

    uow.tell(OrderPlaced(order_id=order.id, channel=order.channel))

A fact is written by the flush of the transaction that made it true, so it costs no statement of its own and is never told
of something that was rolled back. Ids of concurrent transactions do not come into being in the order of their commits, so
a fact has no place yet: the relay numbers what was committed (`number`), one numbering at a time for the whole platform.
A number that a reader has seen is therefore never preceded by one that appears later. Per organization the numbers are
gapless (the feed's cursor), and so they are per record (`sequence`): whoever hears 3 after 1 knows that 2 is still coming.

The same statement that numbers a fact announces it on the event bus and queues its deliveries to integrators' webhooks, so
the feed, the bus and the webhooks say the same, under one id. Facts hold ids, states and quantities, and nothing of anybody:
a house test knows their fields.
"""

from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
from pydantic import BaseModel, ConfigDict

from chalicelib.kernel import faults, store
from chalicelib.kernel.log import count, logger

if TYPE_CHECKING:
    from chalicelib.kernel.uow import UnitOfWork

NUMBER_BATCH = 1000


class Fact(BaseModel):
    """Something that happened to a record. `of` names the field that holds the record's id: ``order_id`` of ``order:12``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    type: ClassVar[str] = ""
    of: ClassVar[str] = ""

    def __init_subclass__(cls, *, type: str, of: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.type, cls.of = type, of

    @property
    def record(self) -> str:
        """The record that it happened to."""
        return f"{self.of.removesuffix('_id')}:{getattr(self, self.of)}"

    def as_row(self) -> dict[str, Any]:
        """The fact as FLUSH takes it."""
        return {"type": self.type, "record": self.record, "data": self.model_dump(mode="json")}


def number(uow: "UnitOfWork") -> int:
    """Numbers up to `NUMBER_BATCH` committed facts of all organizations, announces them and queues their deliveries.

    How many. May be repeated at any time; while another one is at it this does nothing. Facts that commit later are
    numbered later. A failure is counted and left to the next run: the outbox's work does not wait for the feed.
    """
    uow.savepoint()
    try:
        numbered: int = uow.value(store.NUMBER_FACTS, {"now": uow.now, "limit": NUMBER_BATCH})
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        uow.rollback_to_savepoint()
        logger.error("facts not numbered", extra={"sqlstate": error.sqlstate})
        count("FactsStuck")
        return 0
    if numbered:
        faults.point("facts.numbered")
    return numbered
