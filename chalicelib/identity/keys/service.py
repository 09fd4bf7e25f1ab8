"""Use cases of API keys."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from chalicelib.identity.keys import rules, store
from chalicelib.identity.keys.rules import Reason, Scope, StorageRole, Verdict
from chalicelib.identity.keys.shapes import KeyCreated, KeyView, NewKey, Verified
from chalicelib.identity.keys.store import ApiKey
from chalicelib.kernel import ids
from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.key_uses import Uses
from chalicelib.kernel.uow import UnitOfWork


class TooManyKeys(Conflict):
    """The organization has as many keys as there may be, revoked ones included."""

    code = "too_many_keys"
    sentence = f"There are {store.KEYS_MAX} API keys: delete some that are not used any more"


def list_keys(uow: UnitOfWork) -> list[KeyView]:
    """All keys of the organization, the newest first."""
    return [KeyView.of(key, uow.organization.time_zone) for key in store.list_keys(uow)]


def create_key(uow: UnitOfWork, new: NewKey) -> KeyCreated:
    """Makes a key for an administrator, whose value is in the answer and nowhere else.

    Raises Invalid for a last day in the past, Forbidden for what the caller cannot give, TooManyKeys.
    """
    time_zone = uow.organization.time_zone
    key, raw_key = _create(
        uow,
        name=new.name,
        scopes=list(dict.fromkeys(new.scopes)),
        prefix=new.prefix.rstrip("_-"),
        description=new.description or "",
        storage_role=rules.storage_role_given(uow.actor, new.scopes, new.storage_role),
        expires_at=rules.holds_until(new.expires_at, time_zone, uow.now),
    )
    return KeyCreated.with_value(key, time_zone, raw_key)


def create_api_key(
    uow: UnitOfWork,
    name: str,
    scopes: Sequence[Scope],
    *,
    description: str = "",
    storage_role: StorageRole | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Makes an API key without asking who may give what; its value, which is shown this once and kept as a hash."""
    _, raw_key = _create(
        uow,
        name=name,
        scopes=scopes,
        prefix="",
        description=description,
        storage_role=storage_role,
        expires_at=expires_at,
    )
    return raw_key


def _create(uow: UnitOfWork, *, prefix: str, scopes: Sequence[Scope], **fields: Any) -> tuple[ApiKey, str]:
    raw_key = ids.api_key(prefix)
    told = {
        **fields,
        "prefix": prefix,
        "scopes": list(scopes),
        "preview": ids.api_key_preview(raw_key, prefix),
        "key_hash": ids.keyed_hash("api_key", raw_key),
        "created_by": uow.actor.label,
    }
    key = store.create_key(uow, told)
    if key is None:
        raise TooManyKeys
    uow.audit("create", "api_key", key.id, after=_record(key))
    return key, raw_key


def revoke_key(uow: UnitOfWork, key_id: int, reason: Reason) -> KeyView:
    """Lets a key in no more, from the next request on. May be repeated; the first reason stays unless it is compromised now.

    Raises NotFound.
    """
    key = _locked(uow, key_id)
    reason = rules.reason_now(key.revoked_reason, reason)
    if key.revoked_reason != reason:
        key = store.revoke_key(uow, key_id, reason)
        uow.audit("revoke", "api_key", key_id, after={"name": key.name, "reason": reason})
    return KeyView.of(key, uow.organization.time_zone)


def activate_key(uow: UnitOfWork, key_id: int) -> KeyView:
    """Lets a revoked key in again, unless it has expired. May be repeated. Raises NotFound, KeyCompromised."""
    key = _locked(uow, key_id)
    rules.check_activation(key.revoked_reason)
    if key.revoked_at is not None:
        uow.audit("activate", "api_key", key_id, before={"name": key.name, "reason": key.revoked_reason})
        key = store.activate_key(uow, key_id)
    return KeyView.of(key, uow.organization.time_zone)


def delete_key(uow: UnitOfWork, key_id: int) -> None:
    """Removes a key for good; what it was and how it was used stays in the audit log. Raises NotFound."""
    key = _locked(uow, key_id)
    store.delete_key(uow, key_id)
    uow.audit("delete", "api_key", key_id, before=_record(key))


def verify_key(uow: UnitOfWork, raw_key: str) -> Verified:
    """Whether a key of this organization may be used now, which counts as a use. Every answer is audited."""
    key = store.find_by_hash(uow, ids.keyed_hashes("api_key", raw_key))
    reason: Verdict | None = "unknown"
    if key is not None:
        reason = rules.verdict(revoked_at=key.revoked_at, expires_at=key.expires_at, now=uow.now)
        key = store.note_use(uow, key.id) if reason is None else key
    uow.audit("verify", "api_key", "unknown" if key is None else key.id, after={"reason": reason})
    shown = None if key is None else KeyView.of(key, uow.organization.time_zone)
    return Verified(valid=reason is None, reason=reason, key=shown)


def write_down_uses(uow: UnitOfWork, uses: Mapping[tuple[int, int], Uses]) -> None:
    """Adds what was counted since the last time to the keys of this organization. May be repeated, and run by several."""
    own = [
        (key_id, each.started, each.uses, each.last_used_at)
        for (organization_id, key_id), each in sorted(uses.items(), key=lambda item: item[0])
        if organization_id == uow.organization.id
    ]
    if own:
        store.write_down_uses(uow, own)


def _locked(uow: UnitOfWork, key_id: int) -> ApiKey:
    key = store.lock_key(uow, key_id)
    if key is None:
        raise NotFound
    return key


def _record(key: ApiKey) -> dict[str, Any]:
    """What the audit log keeps of a key."""
    days: dict[str, date | datetime | None] = {"expires_at": key.expires_at, "last_used_at": key.last_used_at}
    return {
        "name": key.name,
        "key": key.preview,
        "scopes": list(key.scopes),
        "storage_role": key.storage_role,
        "revoked_reason": key.revoked_reason,
        "use_count": key.use_count,
        **days,
    }
