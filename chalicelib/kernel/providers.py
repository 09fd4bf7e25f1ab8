"""What may go wrong at a provider, in words that every adapter shares.

Adapters translate their SDK's exceptions into these, so that no context imports an SDK to handle a failure, and the
kernel knows what to do with each: a request is answered 503, a message is postponed (kernel/jobs.py), and the provider
is left alone for a while (kernel/circuit.py).
"""

from typing import Literal

Cause = Literal["outage", "busy", "ours", "deferred"]
"""Why a provider gives no usable answer.

``outage``: unreachable, too slow or failing. ``busy``: it asks us to slow down. ``ours``: it does not accept our
credentials or configuration, which says nothing about the order or message at hand. ``deferred``: it works, only this
one call must wait (another with the same key still runs, a mailbox is busy).
"""


class ProviderUnavailable(Exception):
    """No usable answer; the same call may succeed later. Never decide anything about the work at hand from it."""

    def __init__(
        self,
        provider: str,
        message: str,
        *,
        maybe_done: bool,
        cause: Cause = "outage",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{provider}: {message}")
        self.provider = provider
        self.maybe_done = maybe_done
        """True when the provider may have done the work although its answer is lost: look before repeating,
        unless the call carries an idempotency key."""
        self.cause: Cause = cause
        self.retry_after_s = retry_after_s
        """When to come back, if the provider or its circuit said so."""


class CircuitOpen(ProviderUnavailable):
    """The provider was not asked: it has just failed several times, and somebody else will look whether it is back."""

    def __init__(self, provider: str, *, retry_after_s: float) -> None:
        super().__init__(provider, "circuit open", maybe_done=False, retry_after_s=retry_after_s)


class ProviderRefused(Exception):
    """The provider understood and said no. Repeating the same call cannot help.

    `code` is the provider's own (Stripe ``card_declined``, Twilio ``21211``, SMTP ``550``); `message` is its
    sentence and may name a person's data: show it to staff, never log it.
    """

    def __init__(self, provider: str, code: str, message: str) -> None:
        super().__init__(f"{provider} refused: {code}")
        self.provider = provider
        self.code = code
        self.message = message


def seconds_of(retry_after: str | None) -> float | None:
    """The seconds of a Retry-After header; None without one, or for a date (RFC 9110, 10.2.3), which no provider sends."""
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
