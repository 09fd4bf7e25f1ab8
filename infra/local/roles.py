"""The two roles of the database and the database itself, made when they are missing."""

from collections.abc import Mapping
from contextlib import suppress

import psycopg
from psycopg import sql

OWNER = "quartermaster_owner"
APPLICATION = "quartermaster_app"
DATABASE = "quartermaster"

ROLE_OPTIONS = {
    # The owner migrates, clones the template and ends connections that stand in the way of a reset.
    OWNER: sql.SQL("LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB NOCREATEROLE"),
    APPLICATION: sql.SQL("LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE"),
}


def prepare(superuser_url: str, passwords: Mapping[str, str], database: str = DATABASE) -> None:
    """Makes the roles and the database, idempotently; `passwords` by role. Two platforms may share a server.

    `superuser_url` needs the rights to create roles and databases, no more.
    """
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('quartermaster roles'))")
        for role, options in ROLE_OPTIONS.items():
            _prepare_role(connection, role, options, passwords[role])
        _grant(connection, APPLICATION)
        with suppress(psycopg.errors.InsufficientPrivilege):  # only a superuser gives it, and only he needs it given
            _grant(connection, "pg_signal_backend")
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
            create_database(connection, database)


def create_database(connection: psycopg.Connection, database: str) -> None:
    """An empty database of the owner's, closed to everybody but our two roles."""
    owner = sql.Identifier(OWNER)
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), owner))
    restrict_database(connection, database)


def restrict_database(connection: psycopg.Connection, database: str) -> None:
    """What a clone does not take over from its template: who may connect."""
    name, application = sql.Identifier(database), sql.Identifier(APPLICATION)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, application))


def _grant(connection: psycopg.Connection, granted: str) -> None:
    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(granted), sql.Identifier(OWNER)))


def _prepare_role(connection: psycopg.Connection, role: str, options: sql.SQL, password: str) -> None:
    known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = sql.SQL("CREATE" if known is None else "ALTER")
    connection.execute(
        sql.SQL("{} ROLE {} {} PASSWORD {}").format(verb, sql.Identifier(role), options, sql.Literal(password))
    )
