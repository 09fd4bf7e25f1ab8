"""The two roles of the database and the database itself, made when they are missing.

Run by the local stage and by the deployment's migration step, by whoever may create roles and databases: a superuser, or the
master user of an Aurora cluster, who is none. So nothing here takes more than CREATEROLE and CREATEDB. Since PostgreSQL 16
such a user may change the roles that he made and give them to others, and nobody but a superuser may so much as name the
attributes SUPERUSER and BYPASSRLS in an ALTER ROLE (PostgreSQL, "ALTER ROLE").
"""

from collections.abc import Mapping
from contextlib import suppress

import psycopg
from psycopg import sql

from chalicelib.kernel import store

OWNER = "quartermaster_owner"
APPLICATION = "quartermaster_app"
DATABASE = "quartermaster"

PLAIN = sql.SQL("LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE")
RESETTING = sql.SQL("LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB NOCREATEROLE")
"""The owner on the local stage clones the template and ends connections that stand in the way of a reset."""
BUILTIN_LOCALE_SINCE = 170000
WAKING_TIMEOUT_S = 60
"""See `database.WAKING_TIMEOUT_S`; this module is loaded before there are settings, that one is not."""


class UnsafeRole(Exception):
    """A role of ours has rights that row-level security does not bind."""


def prepare(
    admin_url: str, passwords: Mapping[str, str], database: str = DATABASE, *, may_reset: bool = False
) -> list[str]:
    """Makes the roles and the database, or gives the roles these passwords; the names of what was made.

    May be repeated, and run by several at once; two platforms may share a server. Raises UnsafeRole for a role of ours
    that somebody made a superuser, psycopg.errors.InsufficientPrivilege when `admin_url` may not do this.
    """
    with psycopg.connect(admin_url, autocommit=True, connect_timeout=WAKING_TIMEOUT_S) as connection:
        connection.execute(store.LOCK_ROLES)
        made = [
            role
            for role, options in ((OWNER, RESETTING if may_reset else PLAIN), (APPLICATION, PLAIN))
            if _prepare_role(connection, role, options, passwords[role])
        ]
        _grant(connection, APPLICATION)
        if may_reset:
            with suppress(
                psycopg.errors.InsufficientPrivilege
            ):  # only a superuser gives it, and only he needs it given
                _grant(connection, "pg_signal_backend")
        return [*made, database] if _prepare_database(connection, database) else made


def create_database(connection: psycopg.Connection, database: str) -> None:
    """An empty database of the owner's, closed to everybody but our two roles.

    Sorted by bytes and with Unicode's upper and lower case on every server that can (PostgreSQL 17), whatever its default.
    """
    _join_owner(connection)
    is_able = connection.info.server_version >= BUILTIN_LOCALE_SINCE
    statement = store.CREATE_SORTED_DATABASE if is_able else store.CREATE_DATABASE
    connection.execute(statement.format(database=sql.Identifier(database), owner=sql.Identifier(OWNER)))
    restrict_database(connection, database)


def restrict_database(connection: psycopg.Connection, database: str) -> None:
    """What a clone does not take over from its template: who may connect."""
    names = {"database": sql.Identifier(database), "application": sql.Identifier(APPLICATION)}
    connection.execute(store.CLOSE_DATABASE.format(**names))
    connection.execute(store.ADMIT_TO_DATABASE.format(**names))


def _prepare_role(connection: psycopg.Connection, role: str, options: sql.SQL, password: str) -> bool:
    """Whether the role was made. The server sees no password, only what verifies one: it may log statements."""
    known = connection.execute(store.FIND_ROLE, {"role": role}).fetchone()
    if known is not None and known[0]:
        raise UnsafeRole(f"{role} is a superuser or bypasses row-level security")
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = store.CREATE_ROLE if known is None else store.CHANGE_PASSWORD
    connection.execute(statement.format(role=sql.Identifier(role), options=options, verifier=sql.Literal(verifier)))
    return known is None


def _prepare_database(connection: psycopg.Connection, database: str) -> bool:
    """Whether it was made. One that somebody else made, such as the cluster at its creation, becomes the owner's."""
    known = connection.execute(store.FIND_DATABASE, {"database": database}).fetchone()
    if known is None:
        create_database(connection, database)
    elif known[0] != OWNER:
        _join_owner(connection)
        names = {"database": sql.Identifier(database), "owner": sql.Identifier(OWNER)}
        connection.execute(store.GIVE_DATABASE.format(**names))
        restrict_database(connection, database)
    return known is None


def _join_owner(connection: psycopg.Connection) -> None:
    """Who gives something to a role must be a member of it, if he is no superuser."""
    connection.execute(store.JOIN_ROLE.format(role=sql.Identifier(OWNER)))


def _grant(connection: psycopg.Connection, granted: str) -> None:
    connection.execute(store.GRANT_ROLE.format(granted=sql.Identifier(granted), to=sql.Identifier(OWNER)))
