"""The schema's history: numbered SQL files, forward only, each in a transaction of its own.

A file that begins with ``-- outside a transaction`` is for what PostgreSQL does in none: ``CREATE INDEX CONCURRENTLY`` on a
table that is busy. Its statements run one by one and again after a crash, so each must bear a repetition (drop the index, if
it is there, before making it: a failed attempt leaves an invalid one).

Run by `make run`, by the tests and by a Lambda function. Only one runs at a time; a statement that waits for a lock longer
than four seconds gives up, so that a migration never queues up the whole application behind itself.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from chalicelib.kernel import database, faults, store
from chalicelib.kernel.log import logger

FOLDER = Path(__file__).parent.parent / "migrations"
LOCK_TRIES = 5
TURN_PAUSE_S = 0.1
OUTSIDE = "-- outside a transaction\n"
QUOTE = "$$"


@dataclass(frozen=True)
class Migration:
    """One file: ``0001_what_it_does.sql``."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Of the text, so that an applied file which was edited afterwards is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def statements_outside(self) -> list[str]:
        """The statements of a file that asks for no transaction; none of any other file."""
        if not self.sql.startswith(OUTSIDE):
            return []
        found, pieces = [""], self.sql.removeprefix(OUTSIDE).split(QUOTE)
        for place, piece in enumerate(pieces):
            if place % 2:  # the body of a function, whose statements are not ours to part
                found[-1] += f"{QUOTE}{piece}{QUOTE}"
                continue
            first, *others = piece.split(";\n")
            found[-1] += first
            found += others
        return [statement for statement in map(str.strip, found) if statement]


class MigrationMismatch(Exception):
    """The database's history is not this program's."""


class OutOfTime(Exception):
    """What is missing does not fit into the time there is; what was applied before stays."""


def load(folder: Path = FOLDER) -> list[Migration]:
    """All migrations in order. Raises MigrationMismatch for a gap, a number given twice or a file without one."""
    found = [
        Migration(int(path.name[:4]), path.stem[5:], path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    ]
    if [m.version for m in found] != list(range(1, len([*folder.glob("*.sql")]) + 1)):
        raise MigrationMismatch("migrations are not numbered without gaps")
    return found


def migrate(owner_url: str, folder: Path = FOLDER, *, within_s: float | None = None) -> list[str]:
    """Applies what is missing; the names of what was applied. May be repeated and run by several at once.

    A database that is ahead of this program is left alone: old code keeps serving while a new version rolls out.
    `within_s`: seconds after which the server cancels what still runs, so that whoever asked hears of it.
    Raises MigrationMismatch for an applied file that has changed, psycopg.errors.LockNotAvailable after `LOCK_TRIES`,
    OutOfTime or psycopg.errors.QueryCanceled when the time is over.
    """
    deadline = None if within_s is None else time.monotonic() + within_s
    with database.connect(owner_url, timeout_s=database.WAKING_TIMEOUT_S) as connection:
        _wait_for_turn(connection, deadline)
        try:
            connection.execute(store.CREATE_MIGRATIONS)
            applied = {row["version"]: row for row in connection.execute(store.LIST_MIGRATIONS)}
            missing = []
            for migration in load(folder):
                known = applied.get(migration.version)
                if known is None:
                    missing.append(migration)
                elif known["checksum"] != migration.checksum:
                    raise MigrationMismatch(f"{migration.version:04d}_{migration.name} was edited after it was applied")
            for migration in missing:
                _limit(connection, deadline)
                _apply(connection, migration)
            return [f"{m.version:04d}_{m.name}" for m in missing]
        finally:
            connection.execute(store.UNLOCK_MIGRATIONS)


def _wait_for_turn(connection: database.Connection, deadline: float | None) -> None:
    """Asks again and again for the lock instead of waiting in one statement.

    An index that is made CONCURRENTLY waits for every statement that has begun before, so for one that waits for its
    maker, too: a deadlock. Raises OutOfTime.
    """
    while True:
        _limit(connection, deadline)
        found = connection.execute(store.LOCK_MIGRATIONS).fetchone()
        if found is not None and found["is_ours"]:
            return
        time.sleep(TURN_PAUSE_S)


def _limit(connection: database.Connection, deadline: float | None) -> None:
    """Lets no statement run beyond the deadline."""
    if deadline is None:
        return
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise OutOfTime("the time for migrations is over")
    connection.execute(store.SET_STATEMENT_TIMEOUT, {"milliseconds": str(max(1, int(left_s * 1000)))})


def _apply(connection: database.Connection, migration: Migration) -> None:
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            for statement in migration.statements_outside:
                connection.execute(statement.encode())
            with connection.transaction():
                connection.execute(store.SET_LOCK_TIMEOUT)
                if not migration.statements_outside:
                    connection.execute(migration.sql.encode())
                faults.point("migration.applied", migration.name)
                connection.execute(
                    store.RECORD_MIGRATION,
                    {"version": migration.version, "name": migration.name, "checksum": migration.checksum},
                )
        except psycopg.errors.LockNotAvailable:
            if attempt == LOCK_TRIES:
                raise
            time.sleep(attempt)
        else:
            faults.point("migration.committed", migration.name)
            logger.info("migrated", extra={"version": migration.version, "migration": migration.name})
            return
