"""Signatures of outgoing webhooks, made as each provider documents it, and the ways to get them wrong."""

import base64
import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from infra.local.doubles.config import DoublesSettings

Source = Literal["stripe", "twilio", "elevenlabs", "easypost"]
Variant = Literal["good", "tampered", "foreign", "stale", "future"]
SHIFT_S = {"stale": -3600, "future": 3600}


@dataclass(frozen=True, slots=True)
class _Unsigned:
    url: str
    body: str
    timestamp: int


def headers(
    settings: DoublesSettings, source: Source, *, url: str, body: str, now: float, variant: Variant
) -> dict[str, str]:
    """The signature header of one attempt. `now` in seconds; stale and future move it by an hour.

    Twilio's and EasyPost's signatures carry no time: stale and future are good ones there.
    """
    secret = "somebody else's" if variant == "foreign" else _secret(settings, source)
    name, value = _SIGNERS[source](secret, _Unsigned(url, body, int(now) + SHIFT_S.get(variant, 0)))
    return {name: _spoil(value) if variant == "tampered" else value}


def _secret(settings: DoublesSettings, source: Source) -> str:
    secrets = {
        "stripe": settings.stripe_webhook_secret,
        "twilio": settings.twilio_auth_token,
        "elevenlabs": settings.elevenlabs_webhook_secret,
        "easypost": settings.easypost_webhook_secret,
    }
    return secrets[source].get_secret_value()


def _stripe(secret: str, it: _Unsigned) -> tuple[str, str]:
    """Stripe, Webhooks, Verify manually: HMAC-SHA256 of ``t.body``."""
    return "Stripe-Signature", f"t={it.timestamp},v1={_hex(secret, f'{it.timestamp}.{it.body}')}"


def _elevenlabs(secret: str, it: _Unsigned) -> tuple[str, str]:
    """ElevenLabs, Webhooks: HMAC-SHA256 of ``t.body``, scheme v0."""
    return "ElevenLabs-Signature", f"t={it.timestamp},v0={_hex(secret, f'{it.timestamp}.{it.body}')}"


def _twilio(secret: str, it: _Unsigned) -> tuple[str, str]:
    """Twilio, Security: HMAC-SHA1 over the URL and the form's names and values, sorted by name."""
    form = sorted(parse_qsl(it.body, keep_blank_values=True))
    signed = it.url + "".join(name + value for name, value in form)
    digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest()
    return "X-Twilio-Signature", base64.b64encode(digest).decode()


def _easypost(secret: str, it: _Unsigned) -> tuple[str, str]:
    """EasyPost, Webhooks: HMAC-SHA256 of the body, with the secret in NFKD form."""
    return "X-Hmac-Signature", f"hmac-sha256-hex={_hex(unicodedata.normalize('NFKD', secret), it.body)}"


_SIGNERS = {"stripe": _stripe, "twilio": _twilio, "elevenlabs": _elevenlabs, "easypost": _easypost}


def _hex(secret: str, signed: str) -> str:
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


def _spoil(value: str) -> str:
    """Another signature of the same form: one character before the last two, clear of base64's padding."""
    at = len(value) - 3
    return value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]
