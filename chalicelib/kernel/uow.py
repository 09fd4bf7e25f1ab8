"""The unit of work: one connection, one transaction, one organization.

The only place in the project that begins, commits or rolls back. Entering authenticates the caller and sets
`app.organization_id` in one statement; row-level security does the rest.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from psycopg.sql import SQL, Composed
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from chalicelib.kernel import clock, database, faults, store, vault
from chalicelib.kernel.audit import Entry, mac_of
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.facts import Fact
from chalicelib.kernel.log import logger
from chalicelib.kernel.outbox import Message
from chalicelib.kernel.principals import ANONYMOUS, Actor, Organization, actor_from_row, organization_from_row

Query = str | SQL | Composed
Row = dict[str, Any]
Params = Mapping[str, Any]
Record = TypeVar("Record")
NO_PARAMS: Params = {}


class EntryRefused(Exception):
    """The database does not know the credential, or not any more. `reason` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class UnitOfWork:
    """One transaction in the name of one actor. Made by `unit_of_work`, handed down to every service function."""

    connection: database.Connection
    actor: Actor
    organization: Organization
    now: datetime
    request_id: str = ""
    statements: int = 0
    messages: list[Message] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    kept_reply: Params | None = None
    """What `idempotency.keep` stores with the commit."""

    def execute(self, sql: Query, params: Params = NO_PARAMS) -> int:
        """Runs a statement; the number of rows it touched."""
        return self._run(sql, params).rowcount

    def rows(self, sql: Query, params: Params = NO_PARAMS) -> list[Row]:
        """All rows of a statement as dicts."""
        return self._run(sql, params).fetchall()

    def row(self, sql: Query, params: Params = NO_PARAMS) -> Row | None:
        """The first row, or None."""
        return self._run(sql, params).fetchone()

    def value(self, sql: Query, params: Params = NO_PARAMS) -> Any:
        """The first column of the first row, or None when there is no row."""
        row = self.row(sql, params)
        return None if row is None else next(iter(row.values()))

    def fetch_all(self, record: type[Record], sql: Query, params: Params = NO_PARAMS) -> list[Record]:
        """All rows as records whose fields carry the names of the columns."""
        return [record(**row) for row in self.rows(sql, params)]

    def fetch(self, record: type[Record], sql: Query, params: Params = NO_PARAMS) -> Record | None:
        """The first row as a record, or None."""
        row = self.row(sql, params)
        return None if row is None else record(**row)

    def publish(self, message: Message) -> None:
        """Puts a message into the outbox; it leaves after the commit, through the queue of its topic."""
        self.messages.append(message)

    def tell(self, fact: Fact) -> None:
        """Tells whoever wants to know (kernel/facts.py); written with the commit, if there is one."""
        self.facts.append(fact)

    def audit(
        self,
        action: str,
        entity: str,
        entity_id: object,
        *,
        before: BaseModel | Row | None = None,
        after: BaseModel | Row | None = None,
    ) -> None:
        """Notes who did what to which record; written with the commit and sealed soon after (kernel/audit.py)."""
        self.entries.append(Entry.of(action, entity, entity_id, before=before, after=after))

    def savepoint(self) -> None:
        """Marks where `rollback_to_savepoint` returns to."""
        self._run(store.SAVEPOINT, NO_PARAMS)

    def rollback_to_savepoint(self) -> None:
        """Undoes what the handler did, keeping what the kernel did before it."""
        self._forget()
        self._run(store.ROLLBACK_TO_SAVEPOINT, NO_PARAMS)

    def flush(self) -> None:
        """Writes outbox rows, audit entries, facts and the kept reply, in one statement for any number of them."""
        if self.messages or self.entries or self.facts:
            self._run(store.FLUSH_AND_KEEP if self.kept_reply else store.FLUSH, self._flushed())
        elif self.kept_reply:
            self._run(store.KEEP_REPLY, self.kept_reply)
        self._forget()
        self.kept_reply = None

    def _forget(self) -> None:
        self.messages.clear()
        self.entries.clear()
        self.facts.clear()

    def _flushed(self) -> Params:
        said = (self.organization.id, self.now, self.actor.label, self.request_id)
        entries = [{**entry.as_row(), "mac": mac_of(entry, *said).hex()} for entry in self.entries]
        return {
            "messages": Jsonb([message.as_row(self.now) for message in self.messages]),
            "entries": Jsonb(entries),
            "facts": Jsonb([{"place": place, **fact.as_row()} for place, fact in enumerate(self.facts)]),
            "now": self.now,
            "actor": self.actor.label,
            "request_id": self.request_id,
            **(self.kept_reply or {}),
        }

    def _run(self, sql: Query, params: Params) -> psycopg.Cursor[Row]:
        self.statements += 1
        text = sql.encode() if isinstance(sql, str) else sql
        return self.connection.execute(text, params or None)


@dataclass(frozen=True)
class Entrance:
    """How a unit of work finds out who it works for: one statement and its parameters."""

    sql: str
    params: Params
    organization_id: int | None = None
    """The organization that the credential claims; None where it claims none."""

    def check(self, entered: Mapping[str, Any]) -> None:
        """Raises EntryRefused for what the database refused, or let into another organization than was claimed."""
        if "refused" in entered:
            raise EntryRefused(entered["refused"])
        if self.organization_id not in (None, entered["organization"]["id"]):
            raise EntryRefused("another_organization")


def by_host(host: str) -> Entrance:
    """Nobody, in the organization of a host name, else in the default one."""
    return Entrance(store.ENTER_PUBLIC, {"host": host})


def as_machine(organization_id: int, name: str) -> Entrance:
    """A worker, schedule, webhook or robot of one organization."""
    return Entrance(store.ENTER_MACHINE, {"organization_id": organization_id, "name": name})


@contextmanager
def unit_of_work(entrance: Entrance, *, request_id: str = "") -> Iterator[UnitOfWork]:
    """Opens the transaction, enters, commits when the block ends, rolls back when it raises.

    Raises EntryRefused when the credential is unknown, Unavailable when PostgreSQL cannot be reached or is lost on the
    way, psycopg.errors.SerializationFailure and DeadlockDetected for the caller to run the block again.
    """
    vault.freshen()
    uow = _begin(database.connection(), entrance, request_id)
    try:
        yield uow
        uow.flush()
        faults.point("uow.before_commit", uow.actor.name)
        uow._run(store.COMMIT, NO_PARAMS)
        faults.point("uow.after_commit", uow.actor.name)
    except psycopg.OperationalError as error:
        _abandon(uow.connection)
        if isinstance(error, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
            raise
        logger.error("database lost", extra={"sqlstate": error.sqlstate})
        raise Unavailable from error
    except BaseException:
        _abandon(uow.connection)
        raise


def _begin(connection: database.Connection, entrance: Entrance, request_id: str) -> UnitOfWork:
    now = clock.now()
    params = {"now": now, **entrance.params}
    try:
        entered = _enter(connection, entrance.sql, params)
    except psycopg.OperationalError:
        # The connection broke while nobody used it (a restart of PostgreSQL, a proxy's time-out): once more, afresh.
        database.discard()
        connection = database.connection()
        try:
            entered = _enter(connection, entrance.sql, params)
        except psycopg.OperationalError as error:
            database.discard()
            raise Unavailable from error
    except BaseException:
        _abandon(connection)
        raise
    try:
        entrance.check(entered)
    except EntryRefused:
        _abandon(connection)
        raise
    actor = actor_from_row(entered["actor"]) if entered.get("actor") else ANONYMOUS
    return UnitOfWork(connection, actor, organization_from_row(entered["organization"]), now, request_id, statements=2)


def _enter(connection: database.Connection, sql: str, params: Params) -> dict[str, Any]:
    connection.execute(store.BEGIN)
    row = connection.execute(sql.encode(), params).fetchone()
    entered: dict[str, Any] = row["entered"]  # type: ignore[index]  # the functions return one row
    return entered


def _abandon(connection: database.Connection) -> None:
    """Rolls back; a connection that cannot even do that is thrown away."""
    try:
        connection.execute(store.ROLLBACK)
    except psycopg.Error:
        database.discard()
