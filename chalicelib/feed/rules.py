"""Decisions of the feed: which part of it a call looks at, what an answer to a delivery means, when an endpoint is let be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from chalicelib.kernel.outbox import Patience

EventType = Literal[
    "adjustment.approved",
    "item.created",
    "item.deleted",
    "item.updated",
    "order.cancelled",
    "order.changed",
    "order.confirmed",
    "order.delivered",
    "order.packed",
    "order.paid",
    "order.payment_returned",
    "order.picked",
    "order.picking_started",
    "order.picking_stopped",
    "order.placed",
    "order.reserved",
    "order.revived",
    "order.shipped",
    "order.short",
    "purchase_order.created",
    "purchase_order.status_changed",
    "receipt.cancelled",
    "receipt.recorded",
    "shipment.created",
    "stock.adjusted",
    "stock.transferred",
    "webhook_endpoint.disabled",
    "webhook_endpoint.tested",
]
"""Every type of fact that is told (a house test compares); a new one is added here and thereby to the API document."""

PATIENCE = Patience((5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0), jitter=0.1, is_ours=False)
"""Eight tries over 27 hours, as Standard Webhooks suggests; then the delivery is dead until somebody replays it."""
RETRY_AFTER_MAX_S = 3600.0
"""A receiver cannot put a delivery off for longer by one answer."""
AT_ONCE = 3
"""Deliveries to one endpoint at the same time: a slow receiver occupies no more workers."""
BUSY_S = 1.0
"""How long a delivery waits at least for its turn when so many are under way."""
PAUSES_AFTER = 5
"""Failures in a row after which an endpoint is asked by one delivery at a time, and not before a pause is over."""
PAUSE = timedelta(seconds=60)
FAILING_MAX = timedelta(days=5)
"""An endpoint that has done nothing but fail for so long is disabled."""
EXCERPT_MAX = 500
"""Printable characters that are kept of a receiver's answer."""
SCAN_MAX = 10_000
"""Events that one call looks through, however few of them it wants."""

State = Literal["waiting", "delivered", "dead", "skipped"]
Disablement = Literal["gone", "failing"]


@dataclass(frozen=True)
class FeedEvent:
    """A numbered fact."""

    position: int
    type: str
    record: str
    sequence: int
    data: Mapping[str, Any]
    occurred_at: datetime


@dataclass(frozen=True)
class Stretch:
    """The part of a feed that a call looks at: positions above `after`, up to `until`."""

    after: int
    until: int
    latest: int

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after it yet."""
        return self.until >= self.latest


def stretch(after: int, latest: int) -> Stretch:
    """The next part after a cursor, as long as one call may look through."""
    return Stretch(after, min(latest, after + SCAN_MAX), latest)


def event_id(organization_id: int, position: int) -> str:
    """``evt_7_815``: of one event everywhere, for whoever must recognise it when it comes twice."""
    return f"evt_{organization_id}_{position}"


def body_of(organization_id: int, event: FeedEvent) -> bytes:
    """What is delivered of an event: the same bytes at every try."""
    at = event.occurred_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {
        "id": event_id(organization_id, event.position),
        "type": event.type,
        "timestamp": at,
        "record": event.record,
        "sequence": event.sequence,
        "cursor": str(event.position),
        "data": event.data,
    }
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Answer:
    """How a delivery went: a status, or why there is none."""

    status: int | None = None
    excerpt: str = ""
    error: str = ""
    retry_after_s: float = 0.0

    @property
    def is_taken(self) -> bool:
        """Any 2xx; a redirect is none, and not followed."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """410: the receiver wants nothing more from us."""
        return self.status == 410

    @property
    def reason(self) -> str:
        """Why it counts as failed."""
        return self.error or f"answered {self.status}"


def excerpt(body: bytes) -> str:
    """The printable beginning of an answer."""
    text = body[: 4 * EXCERPT_MAX].decode(errors="replace")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:EXCERPT_MAX].strip()


@dataclass(frozen=True)
class Health:
    """How an endpoint has been doing."""

    failures: int
    """In a row."""
    failing_since: datetime | None
    paused_until: datetime | None

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to forget once it answers."""
        return self.failures == 0

    def rest_s(self, now: datetime) -> float:
        """Seconds for which it is let be."""
        return 0.0 if self.paused_until is None else max(0.0, (self.paused_until - now).total_seconds())

    def begun(self, now: datetime) -> "Health":
        """When a delivery begins: of an endpoint that keeps failing it is the only one for a while."""
        paused_until = now + PAUSE if self.failures >= PAUSES_AFTER else None
        return Health(self.failures, self.failing_since, paused_until)

    def failed(self, now: datetime) -> "Health":
        """After one more failure."""
        failures = self.failures + 1
        paused_until = now + PAUSE if failures >= PAUSES_AFTER else None
        return Health(failures, self.failing_since or now, paused_until)

    def is_hopeless(self, now: datetime) -> bool:
        """Whether it has failed for so long that nothing more should be sent."""
        return self.failing_since is not None and now - self.failing_since > FAILING_MAX


WELL = Health(0, None, None)
