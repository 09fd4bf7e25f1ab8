"""Voice: telephone numbers as people say them, times as agents write them. No I/O."""

from datetime import UTC, datetime

from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.phones import e164

TRANSCRIPT_LINK_S = 15 * 60


class NoSuchOrder(NotFound):
    """No order with this number or telephone; the two look alike."""

    sentence = "Order not found"

    def __init__(self) -> None:
        super().__init__(success=False)


def phone_of(said: str | None) -> str | None:
    """A number in E.164 form, from any way of writing it, or None when it is no telephone number."""
    try:
        return e164(said or "")
    except ValueError:
        return None


def instant(told: datetime) -> datetime:
    """A time with its zone; without one it is UTC."""
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)
