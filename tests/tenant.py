"""An organization of a test's own, and what tests do in its name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from chalicelib import places
from chalicelib.kernel import jobs
from chalicelib.kernel.uow import UnitOfWork, as_machine, unit_of_work

TOLD = "UPDATE outbox SET closed_at = %(now)s WHERE queue = 'bus' AND closed_at IS NULL RETURNING id"
INSERT = "INSERT INTO organization (name, host, settings) VALUES (%s, %s, %s) RETURNING id"


@dataclass(frozen=True)
class Tenant:
    """An organization with one warehouse."""

    id: int
    host: str
    owner_url: str
    warehouse_id: int

    @contextmanager
    def uow(self) -> Iterator[UnitOfWork]:
        """A unit of work in the organization's name; commits when the block ends."""
        with unit_of_work(as_machine(self.id, "test")) as uow:
            yield uow

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        """Looks straight into the tables of this organization, past the application."""
        with self.uow() as uow:
            return uow.rows(sql, params)

    def value(self, sql: str, **params: Any) -> Any:
        """The first column of the first row."""
        rows = self.rows(sql, **params)
        return next(iter(rows[0].values())) if rows else None

    def as_owner(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        """Runs a statement as the schema's owner, whom row-level security does not bind."""
        with psycopg.connect(self.owner_url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(sql.encode(), params)
            return cursor.fetchall() if cursor.description else []

    def work_off(self, *, rounds: int = 10) -> int:
        """Works on this organization's open outbox rows as the queues would, until none is due; how many runs.

        Announcements count as told.
        """
        from chalicelib import routes

        done = 0
        for _ in range(rounds):
            due = self.rows(
                "SELECT id, topic FROM outbox WHERE queue <> 'bus' AND closed_at IS NULL AND dead_at IS NULL"
                " AND send_at <= %(now)s ORDER BY id",
                now=_now(),
            )
            if not due:
                break
            for row in due:
                jobs.run(self.id, row["id"], row["topic"], routes.CONSUMERS)
                done += 1
        self.rows(TOLD, now=_now())
        return done


def _now() -> Any:
    from chalicelib.kernel import clock

    return clock.now()


def create_tenant(owner_url: str, name: str, **settings: Any) -> Tenant:
    """Makes an organization. Only the schema's owner can."""
    host = f"{name}.test"
    with psycopg.connect(owner_url, autocommit=True) as connection:
        row = connection.execute(INSERT, [name, host, Jsonb(settings)]).fetchone()
    assert row is not None
    with unit_of_work(as_machine(row[0], "test")) as uow:
        warehouse = places.create_warehouse(uow, code="W1", name="Main warehouse")
    return Tenant(row[0], host, owner_url, warehouse.id)


class Clock:
    """Moves the clock of everything in this run."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset_s = 0.0

    def advance(self, *, seconds: float) -> None:
        """Lets time pass, at once."""
        self._offset_s += seconds
        draft = self._file.with_suffix(".draft")
        draft.write_text(str(self._offset_s), encoding="ascii")
        draft.replace(self._file)  # at once: another thread must not read a file that is still empty
        time.sleep(0.06)  # the clock looks at its file at most every 50 ms
