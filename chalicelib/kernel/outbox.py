"""The outbox: outside effects wait in a table and leave after the commit.

The table is the truth, the queue only the transport. A row is closed by the consumer that did the work, in the
consumer's own transaction; what stays open too long is sent again; what failed too often is dead until it is replayed.

What others may want to know is announced on the event bus as well: a row of its own, which the relay closes when
EventBridge has taken it. An announcement says ids and states, never whose they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Queue = Literal["work", "messages", "robots", "webhooks"]
BUS = "bus"
"""In place of a queue: the row is an announcement."""


@dataclass(frozen=True)
class Message:
    """One piece of work for one consumer. `topic` names the consumer (kernel/jobs.py), `payload` is JSON."""

    topic: str
    queue: Queue
    payload: Mapping[str, Any]
    send_at: datetime | None = None
    """Not before this time; None: at once."""
    is_announced: bool = False
    """Told on the event bus too."""

    def as_rows(self, now: datetime) -> list[dict[str, Any]]:
        """The message as FLUSH takes it, and its announcement."""
        send_at = (self.send_at or now).isoformat()
        queues = (self.queue, BUS) if self.is_announced else (self.queue,)
        return [{"topic": self.topic, "queue": q, "payload": self.payload, "send_at": send_at} for q in queues]


class Event(BaseModel):
    """The payload of a topic: a pydantic model that knows where it goes.

    ``class SmsDue(Event, topic="messaging.send_sms", queue="messages"): message_id: int``

    With ``is_announced=True`` the payload is the detail of an event on the bus as well, so it holds no personal datum.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    topic: ClassVar[str] = ""
    queue: ClassVar[Queue] = "work"
    is_announced: ClassVar[bool] = False

    def __init_subclass__(
        cls, *, topic: str = "", queue: Queue = "work", is_announced: bool = False, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        cls.topic, cls.queue, cls.is_announced = topic, queue, is_announced

    def message(self, *, send_at: datetime | None = None) -> Message:
        """The outbox message of this event."""
        return Message(self.topic, self.queue, self.model_dump(mode="json"), send_at, self.is_announced)
