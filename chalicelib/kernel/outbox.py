"""The outbox: outside effects wait in a table and leave after the commit.

The table is the truth, the queue only the transport. A row is closed by the consumer that did the work, in the
consumer's own transaction; what stays open too long is sent again; what failed too often is dead until it is replayed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Queue = Literal["work", "messages", "robots", "webhooks"]


@dataclass(frozen=True)
class Message:
    """One piece of work for one consumer. `topic` names the consumer (kernel/jobs.py), `payload` is JSON."""

    topic: str
    queue: Queue
    payload: Mapping[str, Any]
    send_at: datetime | None = None
    """Not before this time; None: at once."""

    def as_row(self, now: datetime) -> dict[str, Any]:
        """The message as FLUSH takes it."""
        send_at = self.send_at or now
        return {"topic": self.topic, "queue": self.queue, "payload": self.payload, "send_at": send_at.isoformat()}


class Event(BaseModel):
    """The payload of a topic: a pydantic model that knows where it goes.

    ``class SmsDue(Event, topic="messaging.send_sms", queue="messages"): message_id: int``
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    topic: ClassVar[str] = ""
    queue: ClassVar[Queue] = "work"

    def __init_subclass__(cls, *, topic: str = "", queue: Queue = "work", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.topic, cls.queue = topic, queue

    def message(self, *, send_at: datetime | None = None) -> Message:
        """The outbox message of this event."""
        return Message(self.topic, self.queue, self.model_dump(mode="json"), send_at)
