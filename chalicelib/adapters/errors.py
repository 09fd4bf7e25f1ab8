"""What may go wrong at a provider, in three words that every adapter shares.

Adapters translate their SDK's exceptions into these, so that no context imports an SDK to handle a failure.
"""


class ProviderUnavailable(Exception):
    """No usable answer: unreachable, too slow, failing, or our credentials are not accepted. Try again later.

    Wrong credentials are here, not under `ProviderRefused`: they say nothing about the order or the message
    at hand, so nothing may be decided from them. Retries end in the dead-letter queue, whose alarm is the
    right person to tell.
    """

    def __init__(self, provider: str, message: str, *, maybe_done: bool) -> None:
        super().__init__(f"{provider}: {message}")
        self.provider = provider
        self.maybe_done = maybe_done
        """True when the provider may have done the work although its answer is lost: look before repeating,
        unless the call carries an idempotency key."""


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


class WebhookRefused(Exception):
    """A webhook that does not prove where it comes from or when it was sent. Nothing of it may be used."""
