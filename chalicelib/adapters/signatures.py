"""What Stripe and ElevenLabs sign with, ``t=<unix time>,<scheme>=<hex digest>``, and its time bounds."""

import re
from dataclasses import dataclass
from datetime import datetime

from chalicelib.adapters.errors import WebhookRefused

_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DIGESTS_MAX = 8
"""Two during a roll of the secret; a longer list only makes us compute."""


@dataclass(frozen=True, slots=True)
class SignatureHeader:
    """A header with exactly one time and at least one well-formed digest of the scheme asked for."""

    timestamp: int
    digests: tuple[str, ...]

    def check_time(self, now: datetime, *, past_s: int, ahead_s: int) -> None:
        """Raise WebhookRefused when signed more than `past_s` seconds ago or `ahead_s` seconds in the future.

        SDKs bound only the past; without the second bound a stolen signature with a far time stays good for
        years.
        """
        age_s = now.timestamp() - self.timestamp
        if not -ahead_s <= age_s <= past_s:
            raise WebhookRefused("signed too long ago, or in the future")


def parse(header: str | None, scheme: str) -> SignatureHeader:
    """The header's parts. Raises WebhookRefused for what could be read in two ways, such as two times."""
    parts = [part.strip().partition("=") for part in (header or "").split(",")]
    times = [value for key, _, value in parts if key == "t"]
    digests = tuple(value for key, _, value in parts if key == scheme and _DIGEST.fullmatch(value))
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not 0 < len(digests) <= _DIGESTS_MAX:
        raise WebhookRefused("no usable signature header")
    return SignatureHeader(int(times[0]), digests)


def decode(raw_body: bytes) -> str:
    """The body as text, as it was signed. Raises WebhookRefused when it is not UTF-8."""
    try:
        return raw_body.decode("utf-8")
    except UnicodeDecodeError:
        raise WebhookRefused("the body is not UTF-8") from None
