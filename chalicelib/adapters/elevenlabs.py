"""ElevenLabs' post-call webhook: who sent it, and when.

Source: ElevenLabs, Webhooks, and its SDK's `webhooks_custom.py`: header ``ElevenLabs-Signature:
t=<unix>,v0=<hex>``, the HMAC-SHA256 of ``<t>.<raw body>``. The SDK is not used: it compares with ``!=``,
which leaks time, and bounds only the past.
"""

import hashlib
import hmac
from datetime import datetime

from pydantic import SecretStr

from chalicelib.adapters import signatures
from chalicelib.adapters.errors import WebhookRefused

PAST_S = 30 * 60
"""ElevenLabs' own tolerance: its retries keep the first signature."""
AHEAD_S = 5 * 60


def verify(raw_body: bytes, header: str | None, now: datetime, *, secret: SecretStr) -> None:
    """Return when the body was signed with our secret, at most 30 minutes ago and 5 ahead.

    Raises WebhookRefused otherwise.
    """
    if not secret.get_secret_value():
        raise WebhookRefused("no webhook secret is configured")
    parsed = signatures.parse(header, "v0")
    signed = b"%d.%b" % (parsed.timestamp, raw_body)
    expected = hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(expected, digest) for digest in parsed.digests):
        raise WebhookRefused("the signature does not match")
    parsed.check_time(now, past_s=PAST_S, ahead_s=AHEAD_S)
