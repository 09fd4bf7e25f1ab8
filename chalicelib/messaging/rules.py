"""Messages: their states, and what a telephone number looks like. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from chalicelib.kernel.phones import e164

Channel = Literal["sms", "mail"]
State = Literal["queued", "sending", "sent", "failed", "undelivered", "delivered"]

STATES: tuple[State, ...] = ("queued", "sending", "sent", "failed", "undelivered", "delivered")
"""Ascending, as the type message_state of the database has them: a message only ever moves to the right."""

_OF_TWILIO: dict[str, State] = {
    "accepted": "sending",
    "scheduled": "sending",
    "queued": "sending",
    "sending": "sending",
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
}
"""Twilio, Messages resource, Message status values; those of incoming messages are left out."""

SMS_LENGTH_MAX = 1600
"""Twilio, Messages resource, Body."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message on its way out. `is_repeat`: an earlier try may have reached the provider."""

    id: int
    recipient: str = field(repr=False)
    subject: str | None
    body_text: str = field(repr=False)
    body_html: str | None = field(repr=False)
    created_at: datetime
    first_tried_at: datetime
    is_repeat: bool
    taken: Sequence[str]
    """Provider ids that other messages to the same recipient already have."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the provider made of a message: its id there, or why it refused."""

    provider_id: str | None
    state: State
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as others may look at it."""

    id: int
    channel: Channel
    kind: str
    recipient: str = field(repr=False)
    subject: str | None
    state: State
    attempts: int
    provider_id: str | None
    error_code: str | None
    created_at: datetime


def state_of_twilio(status: str) -> State | None:
    """Our state for one of Twilio's; None for a status that says nothing about an outgoing message."""
    return _OF_TWILIO.get(status)


_DEAD_ADDRESSES = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
"""RFC 3463, 3.2, and RFC 7505: no such mailbox or domain, no address, moved, a domain that takes no mail."""


def is_dead_address(error_code: str) -> bool:
    """Whether a mail server's refusal (``550 5.1.1``) says that there is no such address, rather than that it dislikes us."""
    return error_code.rpartition(" ")[2] in _DEAD_ADDRESSES


def is_phone(text: str | None) -> bool:
    """Whether a text is a telephone number in E.164 form; the provider has the last word on whether it exists."""
    try:
        return text is not None and e164(text) == text
    except ValueError:
        return False
