"""Payment links: how long they last."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

HOURS = 24
"""How long a link lasts unless somebody says otherwise."""
HOURS_MAX = 30 * 24
KEPT = timedelta(days=3)
"""How long an order keeps its stock at most because somebody of ours made a link for it."""


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """The page of a payment. Without a URL while its making was not answered."""

    payment_id: int
    provider_id: str | None
    url: str | None = field(repr=False)
    expires_at: datetime
    made_by: str
    closed_at: datetime | None


def is_good(link: PaymentLink, now: datetime) -> bool:
    """Whether a link can still be handed out."""
    return link.closed_at is None and now < link.expires_at


def expiry(now: datetime, hours: int | None, *, order_ends_at: datetime | None = None) -> datetime:
    """When a link ends that is made now: with its order, where that ends sooner and is not kept for the link's sake."""
    ends_at = now + timedelta(hours=hours or HOURS)
    return ends_at if order_ends_at is None else min(ends_at, order_ends_at)
