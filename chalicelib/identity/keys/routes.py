"""API keys, for administrators of the shop."""

from chalicelib.identity.keys import service
from chalicelib.identity.keys.rules import KeyCompromised
from chalicelib.identity.keys.service import TooManyKeys
from chalicelib.identity.keys.shapes import (
    KeyChanged,
    KeyCreated,
    KeyDeleted,
    KeyInQuestion,
    KeyList,
    NewKey,
    Revocation,
    Verified,
)
from chalicelib.kernel.access import STAFF
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import Forbidden, NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit

ADMIN = STAFF("admin")
GUESSES = Limit("verify-key", calls=30)
"""Nobody guesses 256 bits; but who tries keys that were found somewhere is to be seen in the audit log, and not in a flood."""


@endpoint("GET", "/api/admin/keys", allow=ADMIN)
def list_api_keys(call: Call[NoBody]) -> KeyList:
    """All API keys, revoked ones too. Their values are known to nobody but who received them."""
    return KeyList(keys=service.list_keys(call.uow))


@endpoint("POST", "/api/admin/keys", allow=ADMIN, errors=(Forbidden, TooManyKeys), keeps_replies=False)
def create_api_key(call: Call[NewKey]) -> KeyCreated:
    """Makes a key, whose value is in this answer and is not stored. Without `scopes` it may read and keep the catalogue."""
    return service.create_key(call.uow, call.body)


@endpoint("DELETE", "/api/admin/keys/{key_id}", allow=ADMIN, errors=(NotFound,))
def delete_api_key(call: Call[NoBody], key_id: PathId) -> KeyDeleted:
    """Removes a key for good. What it was, and how it was used, stays in the audit log."""
    service.delete_key(call.uow, key_id)
    return KeyDeleted()


@endpoint("POST", "/api/admin/keys/{key_id}/activate", allow=ADMIN, errors=(NotFound, KeyCompromised))
def activate_api_key(call: Call[NoBody], key_id: PathId) -> KeyChanged:
    """Lets a revoked key in again, unless it was compromised."""
    return KeyChanged(key=service.activate_key(call.uow, key_id))


@endpoint("POST", "/api/admin/keys/{key_id}/revoke", allow=ADMIN, errors=(NotFound,))
def revoke_api_key(call: Call[Revocation], key_id: PathId) -> KeyChanged:
    """Lets a key in no more, from now on. Revoked as `compromised` it stays so for good."""
    return KeyChanged(key=service.revoke_key(call.uow, key_id, call.body.reason))


@endpoint("POST", "/api/admin/keys/verify", allow=ADMIN, limit=GUESSES)
def verify_api_key(call: Call[KeyInQuestion]) -> Verified:
    """Whether a key may be used; counts as a use of it, and every answer is audited."""
    return service.verify_key(call.uow, call.body.raw_key.get_secret_value())
