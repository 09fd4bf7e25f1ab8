"""Every SQL statement about API keys but the one that lets them in (migrations/0002_identity.sql, enter_key)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.sql import SQL

from chalicelib.identity.keys.rules import Reason, Scope, StorageRole
from chalicelib.kernel.uow import UnitOfWork

KEYS_MAX = 1_000
"""Per organization, revoked ones included: the list shows all of them."""


@dataclass(frozen=True)
class ApiKey:
    """A key as it is shown. `created_by` and `revoked_by` are user names of staff, labels of others."""

    id: int
    name: str
    prefix: str
    preview: str
    description: str
    scopes: Sequence[Scope]
    storage_role: StorageRole | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_reason: Reason | None
    last_used_at: datetime | None
    use_count: int


_NAMED = SQL("""
    coalesce((SELECT s.username FROM staff s
               WHERE s.id = CASE WHEN starts_with(k.{column}, 'staff:') THEN substr(k.{column}, 7)::int END),
             k.{column}) AS {column}
""")
_SHOWN = SQL("""
    SELECT k.id, k.name, k.prefix, k.preview, k.description, k.scopes, k.storage_role, k.created_at, {created_by},
           k.expires_at, k.revoked_at, {revoked_by}, k.revoked_reason, k.last_used_at, k.use_count
""").format(created_by=_NAMED.format(column=SQL("created_by")), revoked_by=_NAMED.format(column=SQL("revoked_by")))

LIST_KEYS = _SHOWN + SQL(" FROM api_key k ORDER BY k.id DESC LIMIT %(limit)s")
CREATE_KEY = (
    SQL("""
    WITH made AS (
        INSERT INTO api_key (name, prefix, preview, key_hash, description, scopes, storage_role, expires_at, created_by,
                             created_at)
        SELECT %(name)s, %(prefix)s, %(preview)s, %(key_hash)s, %(description)s, %(scopes)s::text[],
               %(storage_role)s::text, %(expires_at)s::timestamptz, %(created_by)s, %(now)s
         WHERE (SELECT count(*) FROM api_key) < %(most)s
        RETURNING *
    )
""")
    + _SHOWN
    + SQL(" FROM made k")
)
LOCK_KEY = _SHOWN + SQL(" FROM api_key k WHERE k.id = %(id)s FOR UPDATE OF k")
FIND_BY_HASH = _SHOWN + SQL(" FROM api_key k WHERE k.key_hash = ANY(%(key_hashes)s::bytea[])")
REVOKE_KEY = (
    SQL("""
    WITH changed AS (
        UPDATE api_key
           SET revoked_at = coalesce(revoked_at, %(now)s), revoked_by = coalesce(revoked_by, %(actor)s),
               revoked_reason = %(reason)s
         WHERE id = %(id)s
        RETURNING *
    )
""")
    + _SHOWN
    + SQL(" FROM changed k")
)
ACTIVATE_KEY = (
    SQL("""
    WITH changed AS (
        UPDATE api_key SET revoked_at = NULL, revoked_by = NULL, revoked_reason = NULL
         WHERE id = %(id)s AND revoked_reason IS DISTINCT FROM 'compromised'
        RETURNING *
    )
""")
    + _SHOWN
    + SQL(" FROM changed k")
)
DELETE_KEY = "DELETE FROM api_key WHERE id = %(id)s"
NOTE_USE = (
    SQL("""
    WITH changed AS (
        UPDATE api_key SET use_count = use_count + 1, last_used_at = %(now)s WHERE id = %(id)s RETURNING *
    )
""")
    + _SHOWN
    + SQL(" FROM changed k")
)
# A counter only grows, and what was read from it is remembered with which counter it was: the same figures are added once,
# however often and by however many at once they are written down.
WRITE_DOWN_USES = """
    UPDATE api_key k
       SET use_count = k.use_count + c.uses - CASE WHEN k.counter_started = c.started THEN k.counter_uses ELSE 0 END,
           last_used_at = greatest(k.last_used_at, c.last_used_at),
           counter_started = c.started,
           counter_uses = c.uses
      FROM unnest(%(ids)s::int[], %(started)s::bigint[], %(uses)s::bigint[], %(last_used_at)s::timestamptz[])
        AS c (id, started, uses, last_used_at)
     WHERE k.id = c.id AND (k.counter_started IS NULL OR k.counter_started < c.started
                            OR (k.counter_started = c.started AND k.counter_uses < c.uses))
"""


def list_keys(uow: UnitOfWork) -> list[ApiKey]:
    """All keys, the newest first."""
    return uow.fetch_all(ApiKey, LIST_KEYS, {"limit": KEYS_MAX})


def create_key(uow: UnitOfWork, fields: dict[str, Any]) -> ApiKey | None:
    """The new key; None when there are too many."""
    return uow.fetch(ApiKey, CREATE_KEY, {**fields, "most": KEYS_MAX, "now": uow.now})


def lock_key(uow: UnitOfWork, key_id: int) -> ApiKey | None:
    """The key, which nobody changes until the transaction ends; None when there is no such key here."""
    return uow.fetch(ApiKey, LOCK_KEY, {"id": key_id})


def find_by_hash(uow: UnitOfWork, key_hashes: list[bytes]) -> ApiKey | None:
    """The key of this organization with one of these hashes, or None."""
    return uow.fetch(ApiKey, FIND_BY_HASH, {"key_hashes": key_hashes})


def revoke_key(uow: UnitOfWork, key_id: int, reason: Reason) -> ApiKey:
    """A locked key is revoked; who revoked it first, and when, stays."""
    revoked = uow.fetch(ApiKey, REVOKE_KEY, {"id": key_id, "reason": reason, "actor": uow.actor.label, "now": uow.now})
    assert revoked is not None
    return revoked


def activate_key(uow: UnitOfWork, key_id: int) -> ApiKey:
    """A locked key, which is not compromised, is revoked no more."""
    activated = uow.fetch(ApiKey, ACTIVATE_KEY, {"id": key_id})
    assert activated is not None
    return activated


def delete_key(uow: UnitOfWork, key_id: int) -> None:
    """Removes a locked key."""
    uow.execute(DELETE_KEY, {"id": key_id})


def note_use(uow: UnitOfWork, key_id: int) -> ApiKey:
    """Counts a use at once."""
    used = uow.fetch(ApiKey, NOTE_USE, {"id": key_id, "now": uow.now})
    assert used is not None
    return used


def write_down_uses(uow: UnitOfWork, counters: Sequence[tuple[int, int, int, datetime]]) -> int:
    """(key, when its counter began, what it stands at, last use): adds what is new; how many keys that were."""
    ids, started, uses, last_used_at = (list(column) for column in zip(*counters, strict=True))
    fields = {"ids": ids, "started": started, "uses": uses, "last_used_at": last_used_at}
    return uow.execute(WRITE_DOWN_USES, fields)
