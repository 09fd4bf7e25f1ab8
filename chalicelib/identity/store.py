"""SQL of identity: staff, sessions, and the first organization."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.principals import Organization, organization_from_row
from chalicelib.kernel.uow import UnitOfWork


@dataclass(frozen=True)
class StaffAccount:
    """A member of staff as signing in needs it."""

    id: int
    username: str
    email: str | None
    first_name: str
    last_name: str
    password_hash: str
    must_change_password: bool
    is_active: bool
    commerce_role: str | None
    wms_role: str | None
    storage_role: str | None
    functions: Sequence[str]
    warehouse_ids: Sequence[int]
    warehouse_id: int | None

    @property
    def full_name(self) -> str:
        """First and last name, or the user name of somebody who has neither."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


FIND_STAFF = """
    SELECT id, username, email, first_name, last_name, password_hash, must_change_password, is_active,
           commerce_role, wms_role, storage_role, functions, warehouse_ids, warehouse_id
      FROM staff
     WHERE username_key = lower(%(name)s) OR email_key = lower(%(name)s)
     ORDER BY username_key = lower(%(name)s) DESC
     LIMIT 1
"""
GET_STAFF = """
    SELECT id, username, email, first_name, last_name, password_hash, must_change_password, is_active,
           commerce_role, wms_role, storage_role, functions, warehouse_ids, warehouse_id
      FROM staff
     WHERE id = %(id)s
"""
CREATE_STAFF = """
    INSERT INTO staff (username, email, first_name, last_name, password_hash, password_changed_at,
                       must_change_password, commerce_role, wms_role, storage_role, functions, warehouse_ids,
                       warehouse_id, is_active, created_at, updated_at)
    VALUES (%(username)s, %(email)s, %(first_name)s, %(last_name)s, %(password_hash)s, %(now)s,
            %(must_change_password)s, %(commerce_role)s, %(wms_role)s, %(storage_role)s, %(functions)s,
            %(warehouse_ids)s, %(warehouse_id)s, %(is_active)s, %(now)s, %(now)s)
        ON CONFLICT DO NOTHING
    RETURNING id
"""
REHASH_STAFF = """
    UPDATE staff SET password_hash = %(new_hash)s WHERE id = %(id)s AND password_hash = %(old_hash)s
"""
CHANGE_STAFF_HASH = """
    UPDATE staff
       SET password_hash = %(new_hash)s, password_changed_at = %(now)s, must_change_password = false,
           updated_at = %(now)s
     WHERE id = %(id)s AND password_hash = %(old_hash)s
"""

RESET_STAFF_HASH = """
    UPDATE staff
       SET password_hash = %(new_hash)s, password_changed_at = %(now)s, must_change_password = true,
           updated_at = %(now)s
     WHERE id = %(id)s
"""

# The password was read and verified without a lock. The row lock here waits for a change of it that is under way and
# then looks again, so that no session outlives the password it was opened with. Customers are locked in the same
# statement as their session is written, hence here and not in their own store.
OPEN_STAFF_SESSION = """
    WITH principal AS (
        SELECT id FROM staff
         WHERE id = %(principal_id)s AND is_active
           AND (%(password_hash)s::text IS NULL OR password_hash = %(password_hash)s)
           FOR SHARE)
    INSERT INTO session (id, kind, principal_id, audience, created_at, expires_at)
    SELECT %(id)s, 'staff', id, %(audience)s, %(now)s, %(expires_at)s FROM principal
    RETURNING id
"""
OPEN_CUSTOMER_SESSION = """
    WITH principal AS (
        SELECT id FROM customer
         WHERE id = %(principal_id)s AND is_active
           AND (%(password_hash)s::text IS NULL OR password_hash = %(password_hash)s)
           FOR SHARE)
    INSERT INTO session (id, kind, principal_id, audience, created_at, expires_at)
    SELECT %(id)s, 'customer', id, %(audience)s, %(now)s, %(expires_at)s FROM principal
    RETURNING id
"""
PROLONG_SESSION = """
    UPDATE session SET expires_at = least(%(expires_at)s, created_at + %(lasts_max)s)
     WHERE id = %(id)s AND revoked_at IS NULL
    RETURNING expires_at
"""
REVOKE_SESSION = "UPDATE session SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL"

# Sessions from before the change are refused by their age. Here go those that were opened while it waited for its row;
# the one to keep grows as young as the password.
END_OTHER_SESSIONS = """
    UPDATE session
       SET created_at = CASE WHEN id = %(kept_id)s THEN %(now)s ELSE created_at END,
           revoked_at = CASE WHEN id = %(kept_id)s THEN NULL ELSE %(now)s END
     WHERE kind = %(kind)s AND principal_id = %(principal_id)s AND revoked_at IS NULL
       AND (id = %(kept_id)s OR created_at >= %(now)s)
"""
PURGE_SESSIONS = """
    DELETE FROM session WHERE id IN (
        SELECT id FROM session WHERE expires_at < %(before)s ORDER BY expires_at LIMIT %(limit)s)
"""
FIND_REFRESHABLE = """
    SELECT s.principal_id
      FROM session s JOIN staff m ON m.id = s.principal_id
     WHERE s.id = %(id)s AND s.kind = 'staff' AND s.audience = 'storage'
       AND s.revoked_at IS NULL AND s.expires_at > %(now)s
       AND m.is_active AND m.storage_role IS NOT NULL AND s.created_at >= m.password_changed_at
"""

CREATE_ORGANIZATION = """
    INSERT INTO organization (name, host, is_default, currency, time_zone, modules, settings, created_at)
    VALUES (%(name)s, %(host)s, %(is_default)s, %(currency)s, %(time_zone)s, %(modules)s, %(settings)s, %(now)s)
    RETURNING id, name, currency, time_zone, modules, settings,
              set_config('app.organization_id', id::text, true) AS entered
"""


def find_staff(uow: UnitOfWork, name: str) -> StaffAccount | None:
    """The account with this user name or, failing that, this e-mail address."""
    return uow.fetch(StaffAccount, FIND_STAFF, {"name": name})


def find_staff_by_id(uow: UnitOfWork, staff_id: int) -> StaffAccount | None:
    """The account with this id, or None."""
    return uow.fetch(StaffAccount, GET_STAFF, {"id": staff_id})


def create_staff(uow: UnitOfWork, fields: dict[str, Any]) -> int | None:
    """The new id; None when the user name or the e-mail address is taken."""
    staff_id: int | None = uow.value(CREATE_STAFF, {**fields, "now": uow.now})
    return staff_id


def rehash_staff(uow: UnitOfWork, staff_id: int, *, old_hash: str, new_hash: str) -> None:
    """Replaces the hash of an unchanged password."""
    uow.execute(REHASH_STAFF, {"id": staff_id, "old_hash": old_hash, "new_hash": new_hash})


def reset_staff_password(uow: UnitOfWork, staff_id: int, *, new_hash: str) -> None:
    """Whatever the password was, it is this one now, and must be changed."""
    uow.execute(RESET_STAFF_HASH, {"id": staff_id, "new_hash": new_hash, "now": uow.now})


def change_staff_password(uow: UnitOfWork, staff_id: int, *, old_hash: str, new_hash: str) -> bool:
    """False when the password was changed by somebody else meanwhile."""
    fields = {"id": staff_id, "old_hash": old_hash, "new_hash": new_hash, "now": uow.now}
    return uow.execute(CHANGE_STAFF_HASH, fields) == 1


def open_session(uow: UnitOfWork, fields: dict[str, Any]) -> bool:
    """False when the principal is gone, inactive, or has another password by now."""
    sql = OPEN_STAFF_SESSION if fields["kind"] == "staff" else OPEN_CUSTOMER_SESSION
    return uow.value(sql, {**fields, "now": uow.now}) is not None


def prolong_session(uow: UnitOfWork, fields: dict[str, Any]) -> datetime | None:
    """When the session ends now; None when it was revoked."""
    expires_at: datetime | None = uow.value(PROLONG_SESSION, fields)
    return expires_at


def revoke_session(uow: UnitOfWork, session_id: str) -> None:
    """Ends a session; may be repeated."""
    uow.execute(REVOKE_SESSION, {"id": session_id, "now": uow.now})


def end_other_sessions(uow: UnitOfWork, kind: str, principal_id: int, kept_id: str | None) -> None:
    """After a change of password: see END_OTHER_SESSIONS."""
    fields = {"kind": kind, "principal_id": principal_id, "kept_id": kept_id, "now": uow.now}
    uow.execute(END_OTHER_SESSIONS, fields)


def purge_sessions(uow: UnitOfWork, before: datetime, limit: int) -> int:
    """Removes sessions that ended before a time; how many."""
    return uow.execute(PURGE_SESSIONS, {"before": before, "limit": limit})


def find_refreshable(uow: UnitOfWork, session_id: str) -> int | None:
    """The member of staff whose storage session this is, while it may be continued."""
    staff_id: int | None = uow.value(FIND_REFRESHABLE, {"id": session_id, "now": uow.now})
    return staff_id


def create_organization(uow: UnitOfWork, fields: dict[str, Any]) -> Organization:
    """Owner role only. Makes the organization and enters it for the rest of the transaction."""
    row = uow.row(CREATE_ORGANIZATION, {**fields, "settings": Jsonb(fields["settings"]), "now": uow.now})
    assert row is not None
    return organization_from_row(row)
