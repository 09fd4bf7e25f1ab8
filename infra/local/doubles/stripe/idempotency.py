"""Idempotency keys as Stripe documents them (API reference, Idempotent requests).

Status and body of the first answer are kept once the work began, whatever it was; answers to requests that
failed validation or met another one in progress are not. Keys are forgotten after 24 hours.
"""

import hashlib
import json
from dataclasses import dataclass, field

from chalicelib.kernel import clock
from infra.local.doubles.store import Doc, Store
from infra.local.doubles.stripe.errors import StripeRefusal
from infra.local.doubles.stripe.forms import Params

KEPT_S = 24 * 3600


@dataclass
class Keys:
    """Keys that are kept (in the store) and keys in use."""

    store: Store
    in_use: set[str] = field(default_factory=set)

    def find(self, key: str, path: str, params: Params) -> Doc | None:
        """The kept answer to this request. Refuses a different request under the key, or a running one."""
        if len(key) > 255:
            raise StripeRefusal(400, "Idempotency keys may be no longer than 255 characters.")
        if key in self.in_use:
            message = (
                "There is currently another in-progress request using this Idempotent Key (that probably "
                f"means you submitted twice, and the other request is still going through): {key}."
            )
            raise StripeRefusal(409, message, type="idempotency_error", code="idempotency_key_in_use")
        kept = self.store.get("stripe.idempotency_key", key)
        if kept is None or kept["at"] < clock.timestamp() - KEPT_S:
            return None
        if kept["path"] != path:
            raise _misused(f"for the same endpoint they were first used for ('{kept['path']}' vs '{path}')", key)
        if kept["params"] != fingerprint(params):
            raise _misused("with the same parameters they were first used with", key)
        return kept

    def keep(self, key: str, path: str, params: Params, status: int, body: Doc, request_id: str) -> None:
        """Remember an answer, in the same batch as what it did."""
        kept = {
            "at": clock.timestamp(),
            "path": path,
            "params": fingerprint(params),
            "status": status,
            "body": body,
            "request_id": request_id,
        }
        self.store.put("stripe.idempotency_key", key, kept)


def fingerprint(params: Params) -> str:
    """Equal for equal parameters, in whatever order they came."""
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()


def _misused(how: str, key: str) -> StripeRefusal:
    message = (
        f"Keys for idempotent requests can only be used {how}. Try using a key other than '{key}' if you "
        "meant to execute a different request."
    )
    return StripeRefusal(400, message, type="idempotency_error")
