"""The platform's database: on our own server or on one that DATABASE_URL names; and the way back to its first state."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from chalicelib.kernel import roles
from infra.local.errors import StageError
from infra.local.postgres import Cluster


@dataclass(frozen=True)
class Database:
    """One database on one server. URLs are libpq's; `admin_url` may create databases and roles."""

    admin_url: str
    owner_url: str
    app_url: str
    name: str
    is_ours: bool
    """Whether the server is ours alone; on somebody else's nothing is dropped that we did not make."""

    @property
    def template(self) -> str:
        """The database that keeps the first state."""
        return f"{self.name}_first_start"

    @property
    def spare(self) -> str:
        """The copy of the first state that waits for the next reset."""
        return f"{self.name}_next"

    @property
    def template_url(self) -> str:
        """The owner's URL of the template."""
        return _with_path(self.owner_url, self.template)

    def has_first_state(self) -> bool:
        """Whether the first start was completed once."""
        with self._admin() as connection:
            return _exists(connection, self.template)

    def has_data(self) -> bool:
        """Whether there is an organization already."""
        with psycopg.connect(self.owner_url) as connection:
            if connection.execute("SELECT to_regclass('public.organization')").fetchone() == (None,):
                return False
            return connection.execute("SELECT FROM organization LIMIT 1").fetchone() is not None

    def make_empty(self) -> None:
        """Starts over after a first start that was interrupted. Only on a server of our own."""
        with self._admin() as connection:
            _drop(connection, self.name)
            roles.create_database(connection, self.name)

    def keep_first_state(self) -> None:
        """Copies the database as it is now; nobody may be connected to it."""
        with self._admin() as connection:
            draft = f"{self.template}_draft"
            _drop(connection, draft)
            _clone(connection, self.name, draft)
            _rename(connection, draft, self.template)

    def drop_spare(self) -> None:
        """Forgets the spare copy, because the first state is about to change."""
        with self._admin() as connection:
            _drop(connection, self.spare)

    def make_spare(self) -> None:
        """Makes a copy of the first state ahead of time, so that the next reset only has to rename it."""
        with self._admin() as connection:
            if _exists(connection, self.template) and not _exists(connection, self.spare):
                draft = f"{self.spare}_draft"
                _drop(connection, draft)
                _clone(connection, self.template, draft)
                roles.restrict_database(connection, draft)
                _rename(connection, draft, self.spare)

    def drop_past(self) -> None:
        """Removes what resets have put aside. It takes seconds: PostgreSQL writes a checkpoint for each."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            past = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
            for (name,) in connection.execute(past, [self._past("")]).fetchall():
                _drop(connection, name)

    def return_to_first_state(self) -> None:
        """Puts a copy of the first state in the database's place; sessions in it end, and may come again.

        Both change their names in one transaction: there is a database of this name at every moment.
        """
        self.make_spare()
        with self._admin() as connection:
            _close(connection, self.name)
            with connection.transaction():
                _rename(connection, self.name, self._past(secrets.token_hex(4)))
                _rename(connection, self.spare, self.name)

    def _past(self, suffix: str) -> str:
        return f"{self.name}_past_{suffix}"

    @contextmanager
    def _admin(self) -> Iterator[psycopg.Connection]:
        """A connection that may create and drop databases; one at a time, so that copies do not get mixed up."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [f"copies of {self.name}"])
            yield connection


def of_cluster(cluster: Cluster) -> Database:
    """The database on our own server."""
    return Database(cluster.superuser_url(), cluster.owner_url(), cluster.app_url(), roles.DATABASE, is_ours=True)


def on_own_server(data_dir: Path, port: int) -> Database:
    """The database on our own server, which runs already."""
    return of_cluster(Cluster.running(data_dir / "postgres", port))


def on_given_server(database_url: str) -> Database:
    """The database on the server of DATABASE_URL, whose user may create roles and databases.

    The roles belong to the whole server, and two platforms may share it: their passwords follow from the URL.
    Raises StageError when the server cannot be reached or refuses.
    """
    parts = urlsplit(database_url)
    asked = parts.path.strip("/")
    name = asked if asked not in ("", "postgres") else roles.DATABASE
    passwords = {role: _derived(database_url, role) for role in (roles.OWNER, roles.APPLICATION)}
    try:
        admin_url = _reachable(database_url)
        roles.prepare(admin_url, passwords, name, may_reset=True)
    except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
        raise StageError(f"DATABASE_URL cannot be used: {str(error).strip().splitlines()[0]}.") from None
    owner, app = (
        _with_path(_with_user(database_url, role, passwords[role]), name) for role in (roles.OWNER, roles.APPLICATION)
    )
    return Database(admin_url, owner, app, name, is_ours=False)


def _reachable(database_url: str) -> str:
    """The URL of a maintenance database on the same server: one cannot drop the database one is in."""
    candidates = [_with_path(database_url, "postgres"), _with_path(database_url, "template1")]
    for url in candidates:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            if url == candidates[-1]:
                raise
        else:
            return url
    raise AssertionError


def _derived(database_url: str, role: str) -> str:
    secret = urlunsplit(urlsplit(database_url)._replace(path="", query="", fragment=""))
    return hmac.new(secret.encode(), role.encode(), hashlib.sha256).hexdigest()


def _with_user(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))


def _with_path(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database, safe='')}"))


def _exists(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _close(connection: psycopg.Connection, name: str) -> None:
    """Ends the sessions in a database, and lets nobody in again. Renaming it then waits until they are gone."""
    connection.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def _clone(connection: psycopg.Connection, source: str, target: str) -> None:
    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
            sql.Identifier(target), sql.Identifier(source), sql.Identifier(roles.OWNER)
        )
    )


def _rename(connection: psycopg.Connection, source: str, target: str) -> None:
    connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(source), sql.Identifier(target)))
