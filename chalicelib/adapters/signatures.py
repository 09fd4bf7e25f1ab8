"""Who signed an incoming webhook. The raw bytes are looked at before anything of the request is believed.

``verify_<source>`` are what kernel/webhooks.py calls: without a configured secret the endpoint does not exist, and what
does not prove its origin is refused in the same words whatever was wrong. The rest reads the header that Stripe and
ElevenLabs share, ``t=<unix time>,<scheme>=<hex digest>``, and its time bounds.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

from pydantic import SecretStr

from chalicelib.adapters.errors import WebhookRefused
from chalicelib.kernel import clock
from chalicelib.kernel.requests import HttpRequest
from chalicelib.kernel.settings import settings
from chalicelib.kernel.vault import secrets
from chalicelib.kernel.webhooks import BadSignature, NotConfigured

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


def verify_stripe(request: HttpRequest) -> None:
    """``Stripe-Signature`` over the raw body, signed within five minutes of now. Raises BadSignature, NotConfigured."""
    from chalicelib.adapters import payments

    with _judging(secrets().stripe_webhook_secret):
        payments.gateway().verify_webhook(request.raw_body, request.headers.get("stripe-signature"), clock.now())


def verify_twilio(request: HttpRequest) -> None:
    """``X-Twilio-Signature`` over our public URL and the form. Raises BadSignature, NotConfigured.

    Twilio signs the URL that it was given, which is `public_url` and not what a Host header says. It signs no time: a
    replay is bounded by the delivery's id, which is kept for good.
    """
    from chalicelib.adapters import sms

    with _judging(secrets().twilio_auth_token):
        url = settings().public_url.rstrip("/") + request.path
        form = _form(request.raw_body)
        sms.gateway().verify_callback(url, form, request.headers.get("x-twilio-signature"))


def verify_elevenlabs(request: HttpRequest) -> None:
    """``ElevenLabs-Signature`` over the raw body, signed at most 30 minutes ago. Raises BadSignature, NotConfigured."""
    from chalicelib.adapters import elevenlabs

    secret, header = secrets().elevenlabs_webhook_secret, request.headers.get("elevenlabs-signature")
    with _judging(secret):
        elevenlabs.verify(request.raw_body, header, clock.now(), secret=secret)


@contextmanager
def _judging(secret: SecretStr) -> Iterator[None]:
    if not secret.get_secret_value():
        raise NotConfigured
    try:
        yield
    except WebhookRefused:
        raise BadSignature from None


def _form(raw_body: bytes) -> dict[str, list[str]]:
    """The fields of a form as they were signed, empty ones included. Raises WebhookRefused."""
    try:
        return parse_qs(raw_body.decode("ascii"), keep_blank_values=True, max_num_fields=200, errors="strict")
    except ValueError:
        raise WebhookRefused("not a form") from None
