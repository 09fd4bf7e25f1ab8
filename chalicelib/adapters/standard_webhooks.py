"""Standard Webhooks 1.0.0, the sending side: how a delivery says which event it carries, when it was sent and by whom.

The signature is ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``; the header lists one for each secret that
is in force, so that a secret can be replaced without a break. The time is the machine's: a receiver compares it with its
own, whatever the business's clock says.
"""

import base64
import hashlib
import hmac
import math
import secrets as randomness
from collections.abc import Sequence

from pydantic import SecretStr

from chalicelib.kernel import clock

PREFIX = "whsec_"
SECRET_BYTES = 32
"""Between the 24 and the 64 that the specification allows."""


def new_secret() -> str:
    """A secret as it is shown to whoever verifies with it."""
    return PREFIX + base64.b64encode(randomness.token_bytes(SECRET_BYTES)).decode()


def headers(event_id: str, body: bytes, secrets: Sequence[SecretStr]) -> dict[str, str]:
    """The headers of a delivery that is sent now, signed with every secret. `event_id` must not contain a full stop."""
    sent_at = str(math.floor(clock.machine_s()))
    signatures = [_signature(secret, event_id, sent_at, body) for secret in secrets]
    return {"webhook-id": event_id, "webhook-timestamp": sent_at, "webhook-signature": " ".join(signatures)}


def _signature(secret: SecretStr, event_id: str, sent_at: str, body: bytes) -> str:
    key = base64.b64decode(secret.get_secret_value().removeprefix(PREFIX))
    digest = hmac.new(key, b".".join((event_id.encode(), sent_at.encode(), body)), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
