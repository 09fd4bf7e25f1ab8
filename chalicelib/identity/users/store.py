"""SQL of the warehouse users: members of staff who have a warehouse role."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.sql import SQL

from chalicelib.kernel.paging import Window
from chalicelib.kernel.uow import UnitOfWork

# A session is kept for a month after its end: who signed in longer ago than that has no last login.
_USER = SQL("""
    s.id, s.username, s.first_name, s.last_name, s.wms_role, s.commerce_role, s.storage_role, s.functions, s.warehouse_ids,
    s.warehouse_id, s.is_active, s.must_change_password, s.created_at,
    (SELECT max(o.created_at) FROM session o
      WHERE o.kind = 'staff' AND o.principal_id = s.id AND o.audience = 'wms') AS last_login
""")
LIST_USERS = SQL("""
    WITH counted AS (
        SELECT count(*) AS total FROM (SELECT FROM staff WHERE wms_role IS NOT NULL LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY username_key) AS place FROM staff
         WHERE wms_role IS NOT NULL
         ORDER BY username_key LIMIT %(limit)s OFFSET %(offset)s
    )
    SELECT counted.total, shown.* FROM counted
      LEFT JOIN (SELECT page.place, {user} FROM page JOIN staff s ON s.id = page.id) shown ON true
     ORDER BY shown.place
""").format(user=_USER)
FIND_USER = SQL("SELECT {user} FROM staff s WHERE s.id = %(user_id)s AND s.wms_role IS NOT NULL").format(user=_USER)

# A user, and whether what somebody would make of it is possible: a name that nobody has, warehouses that there are.
LOOK_AT_USER = SQL("""
    SELECT {user},
           EXISTS (SELECT FROM staff o WHERE o.username_key = lower(%(username)s) AND o.id <> s.id) AS is_name_taken,
           (SELECT count(*) FROM warehouse WHERE id = ANY (%(ids)s)) AS warehouses
      FROM staff s WHERE s.id = %(user_id)s AND s.wms_role IS NOT NULL
""").format(user=_USER)
# Whoever takes an administrator away locks all of them, in key order: of two who take one another away, the second finds
# that the first has done it.
LOCK_USERS = SQL("""
    SELECT {user} FROM staff s
     WHERE s.wms_role IS NOT NULL AND (s.id = %(user_id)s OR (%(with_admins)s AND s.wms_role = 'ADMIN' AND s.is_active))
     ORDER BY s.id FOR NO KEY UPDATE OF s
""").format(user=_USER)
COUNT_WAREHOUSES = "SELECT count(*) AS found FROM warehouse WHERE id = ANY (%(ids)s)"
# Sessions from before a new password are refused by their age, in words of their own; here go those that were opened while
# it waited for its row, and all of who is not active.
UPDATE_USER = """
    WITH ended AS (
        UPDATE session SET revoked_at = %(now)s
         WHERE kind = 'staff' AND principal_id = %(id)s AND revoked_at IS NULL
           AND (NOT %(is_active)s OR (%(password_hash)s::text IS NOT NULL AND created_at >= %(now)s))
    )
    UPDATE staff
       SET username = %(username)s, first_name = %(first_name)s, last_name = %(last_name)s, wms_role = %(wms_role)s,
           functions = %(functions)s, warehouse_ids = %(warehouse_ids)s, warehouse_id = %(warehouse_id)s,
           is_active = %(is_active)s, must_change_password = %(must_change_password)s,
           password_hash = coalesce(%(password_hash)s, password_hash),
           password_changed_at = CASE WHEN %(password_hash)s::text IS NULL THEN password_changed_at ELSE %(now)s END,
           updated_at = %(now)s
     WHERE id = %(id)s
"""
TAKE_ROLE = """
    UPDATE staff SET wms_role = NULL, functions = '{}', warehouse_ids = '{}', warehouse_id = NULL, updated_at = %(now)s
     WHERE id = %(user_id)s
"""
# The row stays, for what the user did refers to it; the name is free, and no user can take the one that it gets.
RETIRE_USER = """
    UPDATE staff
       SET wms_role = NULL, functions = '{}', warehouse_ids = '{}', warehouse_id = NULL, is_active = false,
           username = 'deleted@' || id, email = NULL, password_hash = %(unusable)s, password_changed_at = %(now)s,
           updated_at = %(now)s
     WHERE id = %(user_id)s
"""
END_SESSIONS = """
    UPDATE session SET revoked_at = %(now)s
     WHERE kind = 'staff' AND principal_id = %(user_id)s AND revoked_at IS NULL
       AND (%(audience)s::text IS NULL OR audience = %(audience)s)
"""


@dataclass(frozen=True)
class User:
    """A warehouse user, with the roles that the same person has on other surfaces."""

    id: int
    username: str
    first_name: str
    last_name: str
    wms_role: str
    commerce_role: str | None
    storage_role: str | None
    functions: Sequence[str]
    warehouse_ids: Sequence[int]
    warehouse_id: int | None
    is_active: bool
    must_change_password: bool
    created_at: datetime
    last_login: datetime | None

    @property
    def full_name(self) -> str:
        """First and last name, or the user name of somebody who has neither."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


@dataclass(frozen=True)
class Look:
    """A user, and whether a name is another's and all of some warehouses are there."""

    user: User
    is_name_taken: bool
    knows_warehouses: bool


def list_users(uow: UnitOfWork, page: Window) -> tuple[list[User], int]:
    """A page of users by user name, and how many there are."""
    rows = uow.rows(LIST_USERS, dict(page))
    users = [{name: row[name] for name in User.__dataclass_fields__} for row in rows if row["id"] is not None]
    return [User(**user) for user in users], rows[0]["total"]


def find_user(uow: UnitOfWork, user_id: int) -> User | None:
    """A user, or None."""
    return uow.fetch(User, FIND_USER, {"user_id": user_id})


def look_at_user(uow: UnitOfWork, user_id: int, *, username: str, warehouse_ids: Sequence[int]) -> Look | None:
    """A user beside what somebody would make of it; None when there is no such user."""
    row = uow.row(LOOK_AT_USER, {"user_id": user_id, "username": username, "ids": list(warehouse_ids)})
    if row is None:
        return None
    is_taken, found = row.pop("is_name_taken"), row.pop("warehouses")
    return Look(User(**row), is_name_taken=is_taken, knows_warehouses=found == len(warehouse_ids))


def lock_users(uow: UnitOfWork, user_id: int, *, with_admins: bool) -> list[User]:
    """A user and, on demand, all active administrators, as they are once they are ours."""
    return uow.fetch_all(User, LOCK_USERS, {"user_id": user_id, "with_admins": with_admins})


def count_warehouses(uow: UnitOfWork, ids: Sequence[int]) -> int:
    """How many of these warehouses there are."""
    found: int = uow.value(COUNT_WAREHOUSES, {"ids": list(ids)})
    return found


def update_user(uow: UnitOfWork, fields: dict[str, Any]) -> None:
    """Writes a user; `password_hash` None: the password stays. Ends the sessions of who gets one, or is not active.

    Raises psycopg.errors.UniqueViolation.
    """
    uow.execute(UPDATE_USER, {**fields, "now": uow.now})


def take_role(uow: UnitOfWork, user_id: int) -> None:
    """The person stays, without a warehouse role."""
    uow.execute(TAKE_ROLE, {"user_id": user_id, "now": uow.now})


def retire_user(uow: UnitOfWork, user_id: int, *, unusable: str) -> None:
    """Nobody signs in with this account again, and its name is free."""
    uow.execute(RETIRE_USER, {"user_id": user_id, "unusable": unusable, "now": uow.now})


def end_sessions(uow: UnitOfWork, user_id: int, *, audience: str | None = None) -> None:
    """Ends a user's sessions: all, or those of one surface."""
    uow.execute(END_SESSIONS, {"user_id": user_id, "audience": audience, "now": uow.now})
