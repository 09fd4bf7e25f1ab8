"""The outbox: outside effects wait in a table and leave after the commit.

The table is the truth, the queue only the transport. A row is closed by the consumer that did the work, in the
consumer's own transaction; what stays open too long is sent again; what failed too often is dead until it is replayed.

What others may want to know is a fact (kernel/facts.py), which is announced on the event bus: a row as well, which the
relay closes when EventBridge has taken it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Queue = Literal["work", "messages", "robots", "webhooks", "deliveries"]
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

    def as_row(self, now: datetime) -> dict[str, Any]:
        """The message as FLUSH takes it."""
        send_at = (self.send_at or now).isoformat()
        return {"topic": self.topic, "queue": self.queue, "payload": self.payload, "send_at": send_at}


@dataclass(frozen=True)
class Patience:
    """How often work that fails is tried again before it is dead, and after which pauses."""

    pauses_s: tuple[float, ...]
    """After the first failure, the second and so on; the last try has none."""
    jitter: float
    """A pause is longer or shorter by this part of it at most, at random."""
    is_ours: bool = True
    """Whether operators are called when the work is dead; not for what only somebody else can mend."""

    @property
    def attempts_max(self) -> int:
        """Tries in all."""
        return len(self.pauses_s) + 1


USUAL = Patience((2.0, 4.0, 8.0, 16.0), jitter=0.5)


class Event(BaseModel):
    """The payload of a topic: a pydantic model that knows where it goes.

    ``class SmsDue(Event, topic="messaging.send_sms", queue="messages"): message_id: int``
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    topic: ClassVar[str] = ""
    queue: ClassVar[Queue] = "work"
    patience: ClassVar[Patience] = USUAL

    def __init_subclass__(
        cls, *, topic: str = "", queue: Queue = "work", patience: Patience = USUAL, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        cls.topic, cls.queue, cls.patience = topic, queue, patience

    def message(self, *, send_at: datetime | None = None) -> Message:
        """The outbox message of this event."""
        return Message(self.topic, self.queue, self.model_dump(mode="json"), send_at)
