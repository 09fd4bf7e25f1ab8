"""Idempotency keys: the first answer again, in the same transaction as the effect.

Kept per actor and route for 24 hours. Same key and body: the first answer, with ``Idempotent-Replay: true``. Another
body: 422. Still running: 409. A 5xx is never kept. After: Stripe, "Idempotent requests"; the IETF draft
draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from psycopg.types.json import Jsonb

from chalicelib.kernel import ids, store
from chalicelib.kernel.errors import BadRequest, Conflict, Unprocessable
from chalicelib.kernel.requests import HttpRequest, HttpResponse
from chalicelib.kernel.uow import UnitOfWork

KEPT_FOR = timedelta(hours=24)
CLAIMED_FOR = timedelta(seconds=60)
"""How long a claim holds that was committed before a provider was asked; after that a repeat may take over."""
KEY_LENGTH_MAX = 255


class KeyReused(Unprocessable):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    sentence = "Idempotency-Key was used with a different request"


class KeyInUse(Conflict):
    """The first request with this key is still running."""

    code = "idempotency_key_in_use"
    sentence = "A request with this Idempotency-Key is still running"


@dataclass(frozen=True)
class Key:
    """One caller's key for one route, with the hash of what was asked under each hash key, the newest first."""

    route: str
    key: str
    body_hashes: list[bytes]

    def params(self, uow: UnitOfWork) -> dict[str, object]:
        """Parameters of the kernel's statements about keys."""
        return {"actor": uow.actor.label, "route": self.route, "key": self.key}


def key_of(request: HttpRequest) -> Key | None:
    """The key of a POST, or None. Raises BadRequest for one that is empty, too long or not printable ASCII.

    The route is the path as called, variables included: a key is for one record. The hash of the body is keyed: bodies
    contain passwords, which could be searched for otherwise.
    """
    value = request.headers.get("idempotency-key")
    if value is None or request.method != "POST":
        return None
    if not 0 < len(value) <= KEY_LENGTH_MAX or not (value.isascii() and value.isprintable()):
        raise BadRequest("Idempotency-Key must be 1 to 255 printable ASCII characters")
    asked = hashlib.sha256(repr(sorted(request.query.items())).encode() + b"\0" + request.raw_body)
    return Key(f"{request.method} {request.path}", value, ids.keyed_hashes("idempotency", asked.hexdigest()))


def claim(uow: UnitOfWork, key: Key) -> HttpResponse | None:
    """Takes the key for this request, or gives the kept answer. Raises KeyReused, KeyInUse."""
    params = {
        **key.params(uow),
        "body_hash": key.body_hashes[0],
        "body_hashes": key.body_hashes,
        "claimed_until": uow.now + CLAIMED_FOR,
        "expired_before": uow.now - KEPT_FOR,
        "now": uow.now,
    }
    if uow.row(store.CLAIM_KEY, params) is not None:
        uow.savepoint()
        return None
    kept = uow.row(store.FIND_KEY, key.params(uow))
    if kept is not None and bytes(kept["body_hash"]) not in key.body_hashes:
        raise KeyReused
    if kept is None or kept["status"] is None:
        raise KeyInUse(headers={"Retry-After": "1"})
    headers: Mapping[str, str] = kept["headers"]
    return HttpResponse(
        status=kept["status"],
        body=bytes(kept["reply"]),
        media_type=headers["content-type"],
        headers={"Idempotent-Replay": "true", **{n: v for n, v in headers.items() if n != "content-type"}},
    )


def keep(uow: UnitOfWork, key: Key, response: HttpResponse) -> None:
    """Stores the answer under the key, with the commit of the effect."""
    headers = Jsonb({**response.headers, "content-type": response.media_type})
    uow.kept_reply = {**key.params(uow), "status": response.status, "headers": headers, "reply": response.body}


def release(uow: UnitOfWork, key: Key) -> None:
    """Gives up a committed claim after a failure, so that the caller may try again at once."""
    uow.execute(store.RELEASE_KEY, key.params(uow))
