"""Every SQL statement of the connectors."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from chalicelib.connectors import rules
from chalicelib.connectors.rules import SYNC, SyncType
from chalicelib.connectors.shops.base import Cursor, Level, Parcel, ShopItem
from chalicelib.kernel.uow import Row, UnitOfWork

FIND_WAREHOUSE = """
    SELECT w.id, ARRAY(SELECT c.key FROM connector_credential c
                        WHERE c.connector = %(connector)s AND c.warehouse_id = w.id ORDER BY c.key) AS keys
      FROM warehouse w WHERE w.id = %(warehouse_id)s
"""
PUT_CREDENTIALS = """
    INSERT INTO connector_credential (connector, warehouse_id, key, sealed, stored_by, stored_at)
    SELECT %(connector)s, %(warehouse_id)s, c.key, c.sealed, %(actor)s, %(now)s
      FROM jsonb_to_recordset(%(credentials)s) AS c (key text, sealed text)
     ORDER BY c.key
        ON CONFLICT (organization_id, connector, warehouse_id, key) DO UPDATE
       SET sealed = EXCLUDED.sealed, stored_by = EXCLUDED.stored_by, stored_at = EXCLUDED.stored_at
"""
LIST_SEALED = """
    SELECT key, sealed FROM connector_credential
     WHERE connector = %(connector)s AND warehouse_id = %(warehouse_id)s ORDER BY key
"""
# Without credentials no sync is due.
DELETE_CREDENTIALS = """
    WITH stopped AS (
        UPDATE connector_sync SET due_at = NULL WHERE connector = %(connector)s AND warehouse_id = %(warehouse_id)s
    )
    DELETE FROM connector_credential WHERE connector = %(connector)s AND warehouse_id = %(warehouse_id)s RETURNING key
"""

# Whoever comes while another one starts it waits for the row, and finds it running. A run whose lease has ended is dead:
# it is taken over, and goes on where it was.
START_SYNC = """
    INSERT INTO connector_sync AS s (connector, warehouse_id, sync_type, sync_status, run_id, leased_until, requested_by,
                                     started_at)
    VALUES (%(connector)s, %(warehouse_id)s, %(sync_type)s, 'running', %(run_id)s, %(leased_until)s, %(actor)s, %(now)s)
        ON CONFLICT (organization_id, connector, warehouse_id, sync_type) DO UPDATE
       SET sync_status = 'running', run_id = EXCLUDED.run_id, leased_until = EXCLUDED.leased_until,
           requested_by = EXCLUDED.requested_by, started_at = EXCLUDED.started_at, due_at = NULL,
           step = 0, waits = 0, records_synced = 0, records_failed = 0,
           consecutive_errors = s.consecutive_errors + (s.sync_status = 'running')::int,
           last_error_at = CASE WHEN s.sync_status = 'running' THEN %(now)s ELSE s.last_error_at END,
           last_error_message = CASE WHEN s.sync_status = 'running' THEN %(lost)s ELSE s.last_error_message END
     WHERE s.sync_status = ANY(%(startable)s) OR s.leased_until < %(now)s
    RETURNING id
"""
# The same for every sync whose time has come; one that died too often in a row is left to a person.
START_DUE = """
    WITH due AS (
        SELECT id, sync_status = 'running' AS is_dead,
               sync_status <> 'running' OR consecutive_errors + 1 < %(errors_max)s AS is_tried
          FROM connector_sync
         WHERE (sync_status = ANY(%(startable)s) AND due_at <= %(now)s)
            OR (sync_status = 'running' AND leased_until < %(now)s)
         ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE connector_sync s
       SET sync_status = CASE WHEN due.is_tried THEN 'running' ELSE 'error' END, run_id = gen_random_uuid(),
           leased_until = CASE WHEN due.is_tried THEN %(leased_until)s::timestamptz END, requested_by = %(actor)s,
           started_at = %(now)s, due_at = NULL, step = 0, waits = 0, records_synced = 0, records_failed = 0,
           consecutive_errors = s.consecutive_errors + due.is_dead::int,
           last_error_at = CASE WHEN due.is_dead THEN %(now)s ELSE s.last_error_at END,
           last_error_message = CASE WHEN due.is_dead THEN %(lost)s ELSE s.last_error_message END
      FROM due WHERE s.id = due.id
    RETURNING s.id, s.run_id, s.sync_status
"""
CLAIM_RUN = """
    UPDATE connector_sync s SET leased_until = %(leased_until)s
     WHERE id = %(id)s AND run_id = %(run_id)s AND sync_status = 'running'
    RETURNING s.id, s.run_id, s.connector, s.warehouse_id, s.sync_type, s.cursor, s.step, s.waits, s.consecutive_errors,
              s.last_success_at,
              EXISTS (SELECT FROM connector_record r
                       WHERE r.connector = s.connector AND r.warehouse_id = s.warehouse_id AND r.kind = 'order'
                         AND r.error IS NOT NULL AND r.order_id IS NULL AND r.seen_at > %(seen_after)s) AS has_failed_orders
"""
LOCK_RUN = """
    SELECT id FROM connector_sync
     WHERE id = %(id)s AND run_id = %(run_id)s AND sync_status = 'running' AND step = %(step)s
       FOR UPDATE
"""
ADVANCE_RUN = """
    UPDATE connector_sync
       SET cursor = %(cursor)s, step = step + 1, waits = 0, leased_until = %(leased_until)s,
           records_synced = records_synced + %(synced)s, records_failed = records_failed + %(failed)s
     WHERE id = %(id)s
"""
WAIT = "UPDATE connector_sync SET waits = waits + 1, leased_until = %(leased_until)s WHERE id = %(id)s"
FINISH_RUN = """
    UPDATE connector_sync
       SET sync_status = 'idle', leased_until = NULL, cursor = NULL, waits = 0, last_synced_at = %(now)s,
           last_success_at = %(now)s, consecutive_errors = 0, due_at = %(due_at)s,
           records_synced = records_synced + %(synced)s, records_failed = records_failed + %(failed)s
     WHERE id = %(id)s
"""
FAIL_RUN = """
    UPDATE connector_sync
       SET sync_status = 'error', leased_until = NULL, last_synced_at = %(now)s, last_error_at = %(now)s,
           last_error_message = %(message)s, consecutive_errors = consecutive_errors + 1, due_at = %(due_at)s
     WHERE id = %(id)s
"""

# A row for every type, also where nothing was ever run; the records of each that could not be exchanged, ten at most.
LIST_STATES = """
    SELECT t.sync_type, s.id, coalesce(s.sync_status, 'idle') AS sync_status, s.run_id, s.started_at, s.last_synced_at,
           s.last_success_at, s.last_error_at, s.last_error_message, coalesce(s.consecutive_errors, 0) AS consecutive_errors,
           coalesce(s.records_synced, 0) AS records_synced, coalesce(s.records_failed, 0) AS records_failed, s.due_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('external_id', f.external_id, 'error', f.error) ORDER BY f.id), '[]')
              FROM (SELECT r.id, r.external_id, r.error FROM connector_record r
                     WHERE r.connector = %(connector)s AND r.warehouse_id = w.id AND r.error IS NOT NULL
                       AND r.kind = CASE WHEN t.sync_type IN ('orders', 'fulfillment') THEN 'order' ELSE 'item' END
                       AND (r.order_id IS NULL AND r.variant_id IS NULL) = (t.sync_type IN ('orders', 'items'))
                     ORDER BY r.id LIMIT %(failures)s) f) AS failures
      FROM warehouse w
      CROSS JOIN unnest(%(sync_types)s::text[]) WITH ORDINALITY AS t (sync_type, place)
      LEFT JOIN connector_sync s ON s.connector = %(connector)s AND s.warehouse_id = w.id AND s.sync_type = t.sync_type
     WHERE w.id = %(warehouse_id)s
     ORDER BY t.place
"""

# What we know already of a page of items: whether it was seen before, whether the SKU is ours, which barcodes are taken.
MATCH_ITEMS = """
    SELECT i.n, coalesce(r.variant_id, v.id) AS variant_id,
           ARRAY(SELECT b.code FROM barcode b WHERE b.code = ANY(i.barcodes)) AS taken
      FROM jsonb_to_recordset(%(items)s) AS i (n int, external_id text, sku text, barcodes text[])
      LEFT JOIN connector_record r ON r.connector = %(connector)s AND r.warehouse_id = %(warehouse_id)s AND r.kind = 'item'
           AND r.external_id = i.external_id
      LEFT JOIN variant v ON v.sku_key = upper(i.sku)
     ORDER BY i.n
"""
PUT_ITEMS = """
    INSERT INTO connector_record AS r (connector, warehouse_id, kind, external_id, variant_id, error, seen_at)
    SELECT %(connector)s, %(warehouse_id)s, 'item', i.external_id, i.variant_id, i.error, %(now)s
      FROM jsonb_to_recordset(%(items)s) AS i (external_id text, variant_id int, error text)
     ORDER BY i.external_id
        ON CONFLICT (organization_id, connector, warehouse_id, kind, external_id) DO UPDATE
       SET variant_id = coalesce(r.variant_id, EXCLUDED.variant_id),
           error = CASE WHEN r.variant_id IS NULL THEN EXCLUDED.error ELSE r.error END
"""
# Nothing comes back for orders that have been imported.
CLAIM_ORDERS = """
    INSERT INTO connector_record AS r (connector, warehouse_id, kind, external_id, seen_at)
    SELECT %(connector)s, %(warehouse_id)s, 'order', o.external_id, %(now)s
      FROM jsonb_to_recordset(%(orders)s) AS o (external_id text)
     ORDER BY o.external_id
        ON CONFLICT (organization_id, connector, warehouse_id, kind, external_id) DO UPDATE SET seen_at = r.seen_at
     WHERE r.order_id IS NULL
    RETURNING id, external_id
"""
TAKEN_CODES = """
    SELECT barcode AS code FROM sales_order WHERE barcode = ANY(%(codes)s)
     UNION SELECT number FROM sales_order WHERE number = ANY(%(codes)s)
"""
SETTLE_ORDERS = """
    UPDATE connector_record r SET order_id = s.order_id, error = s.error
      FROM jsonb_to_recordset(%(settled)s) AS s (id bigint, order_id int, error text)
     WHERE r.id = s.id
"""

LIST_LEVELS = """
    SELECT r.id AS record_id, r.external_id, v.sku, coalesce(a.on_hand - a.held, 0) AS quantity
      FROM connector_record r
      JOIN variant v ON v.id = r.variant_id
      LEFT JOIN availability a ON a.variant_id = r.variant_id AND a.warehouse_id = r.warehouse_id
     WHERE r.connector = %(connector)s AND r.warehouse_id = %(warehouse_id)s AND r.kind = 'item' AND r.id > %(after)s
       AND r.pushed IS DISTINCT FROM coalesce(a.on_hand - a.held, 0)
     ORDER BY r.id LIMIT %(limit)s
"""
LIST_PARCELS = """
    SELECT r.id AS record_id, r.external_id, o.number, coalesce(o.tracking_number, '') AS tracking_number,
           coalesce(o.carrier, '') AS carrier
      FROM connector_record r
      JOIN sales_order o ON o.id = r.order_id
     WHERE r.connector = %(connector)s AND r.warehouse_id = %(warehouse_id)s AND r.kind = 'order' AND r.id > %(after)s
       AND r.pushed IS NULL AND o.state IN ('shipped', 'delivered')
     ORDER BY r.id LIMIT %(limit)s
"""
NOTE_TOLD = """
    UPDATE connector_record r SET pushed = coalesce(t.pushed, r.pushed), error = t.error
      FROM jsonb_to_recordset(%(told)s) AS t (record_id bigint, pushed bigint, error text)
     WHERE r.id = t.record_id
"""

LOST = "The worker that ran this sync was lost; it goes on where it was"
DUE_MAX = 50
FAILURES_MAX = 10


@dataclass(frozen=True)
class Run:
    """One run of a sync, as its worker found it."""

    id: int
    run_id: UUID
    connector: str
    warehouse_id: int
    sync_type: SyncType
    cursor: Cursor
    step: int
    waits: int
    consecutive_errors: int
    last_success_at: datetime | None
    has_failed_orders: bool

    @property
    def place(self) -> dict[str, Any]:
        """Connector and warehouse, as parameters."""
        return {"connector": self.connector, "warehouse_id": self.warehouse_id}


@dataclass(frozen=True)
class MatchedItem:
    """What we know of an item of theirs."""

    n: int
    variant_id: int | None
    taken: list[str]


@dataclass(frozen=True)
class SeenItem:
    """An item of theirs and the variant that it is here; or why it is none."""

    external_id: str
    variant_id: int | None
    error: str | None = None


@dataclass(frozen=True)
class ClaimedOrder:
    """An order of theirs that is ours to import."""

    id: int
    external_id: str
    is_code_taken: bool


@dataclass(frozen=True)
class Told:
    """What the other side was told about a record; None where it did not take it."""

    record_id: int
    pushed: int | None
    error: str | None = field(default=None, repr=False)


def find_warehouse(uow: UnitOfWork, connector: str, warehouse_id: int) -> list[str] | None:
    """The keys of the credentials that are stored for a connector at a warehouse; None when there is no such warehouse."""
    row = uow.row(FIND_WAREHOUSE, {"connector": connector, "warehouse_id": warehouse_id})
    return None if row is None else list(row["keys"])


def put_credentials(uow: UnitOfWork, connector: str, warehouse_id: int, sealed: Mapping[str, str]) -> None:
    """Stores sealed values, over those of the same keys."""
    rows = [{"key": key, "sealed": text} for key, text in sealed.items()]
    place = {"connector": connector, "warehouse_id": warehouse_id, "actor": uow.actor.label, "now": uow.now}
    uow.execute(PUT_CREDENTIALS, {**place, "credentials": Jsonb(rows)})


def list_sealed(uow: UnitOfWork, connector: str, warehouse_id: int) -> dict[str, str]:
    """The sealed values by key."""
    rows = uow.rows(LIST_SEALED, {"connector": connector, "warehouse_id": warehouse_id})
    return {row["key"]: row["sealed"] for row in rows}


def delete_credentials(uow: UnitOfWork, connector: str, warehouse_id: int) -> list[str]:
    """Removes all values of a connector at a warehouse; their keys."""
    rows = uow.rows(DELETE_CREDENTIALS, {"connector": connector, "warehouse_id": warehouse_id})
    return sorted(row["key"] for row in rows)


def start_sync(uow: UnitOfWork, connector: str, warehouse_id: int, sync_type: SyncType, run_id: UUID) -> int | None:
    """Starts a run; the sync's id, or None while another run lives."""
    place = {"connector": connector, "warehouse_id": warehouse_id, "sync_type": sync_type, "run_id": run_id}
    started: int | None = uow.value(START_SYNC, {**place, **_starting(uow)})
    return started


def start_due(uow: UnitOfWork) -> list[tuple[int, UUID]]:
    """Starts what is due and takes over what has died: sync and run of each."""
    rows = uow.rows(START_DUE, {**_starting(uow), "errors_max": rules.ERRORS_MAX, "limit": DUE_MAX})
    return [(row["id"], row["run_id"]) for row in rows if row["sync_status"] == "running"]


def _starting(uow: UnitOfWork) -> dict[str, Any]:
    return {
        "startable": sorted(SYNC.states_before("start")),
        "leased_until": uow.now + rules.LEASE,
        "actor": uow.actor.label,
        "now": uow.now,
        "lost": LOST,
    }


def claim_run(uow: UnitOfWork, sync_id: int, run_id: UUID) -> Run | None:
    """The run, its lease renewed; None when it is over or another one has taken over."""
    times = {"leased_until": uow.now + rules.LEASE, "seen_after": uow.now - rules.FAILED_ORDERS_LAST}
    return uow.fetch(Run, CLAIM_RUN, {"id": sync_id, "run_id": run_id, **times})


def lock_run(uow: UnitOfWork, run: Run) -> bool:
    """Locks the sync; whether it is still at the step at which the run found it."""
    return uow.row(LOCK_RUN, {"id": run.id, "run_id": run.run_id, "step": run.step}) is not None


def advance_run(uow: UnitOfWork, run: Run, cursor: Cursor, *, synced: int, failed: int) -> None:
    """Notes that a step is done; `cursor` is where the next one begins."""
    counts = {"synced": synced, "failed": failed, "leased_until": uow.now + rules.LEASE}
    uow.execute(ADVANCE_RUN, {"id": run.id, "cursor": None if cursor is None else Jsonb(cursor), **counts})


def wait(uow: UnitOfWork, run: Run, until: datetime) -> None:
    """Keeps the lease while a run waits."""
    uow.execute(WAIT, {"id": run.id, "leased_until": until + rules.LEASE})


def finish_run(uow: UnitOfWork, run: Run, due_at: datetime | None, *, synced: int, failed: int) -> None:
    """Notes the success of a locked run."""
    uow.execute(FINISH_RUN, {"id": run.id, "now": uow.now, "due_at": due_at, "synced": synced, "failed": failed})


def fail_run(uow: UnitOfWork, run: Run, message: str, due_at: datetime | None) -> None:
    """Notes the failure of a locked run; its cursor stays."""
    uow.execute(FAIL_RUN, {"id": run.id, "now": uow.now, "message": message, "due_at": due_at})


def list_states(uow: UnitOfWork, connector: str, warehouse_id: int) -> list[Row]:
    """A row for every sync type; none when there is no such warehouse."""
    params = {"connector": connector, "warehouse_id": warehouse_id, "failures": FAILURES_MAX}
    return uow.rows(LIST_STATES, {**params, "sync_types": list(rules.SYNC_TYPES)})


def match_items(uow: UnitOfWork, run: Run, items: Sequence[ShopItem]) -> list[MatchedItem]:
    """What we know of each, in their order."""
    rows = [
        {"n": n, "external_id": item.external_id, "sku": item.sku, "barcodes": list(item.barcodes)}
        for n, item in enumerate(items)
    ]
    return uow.fetch_all(MatchedItem, MATCH_ITEMS, {**run.place, "items": Jsonb(rows)})


def put_items(uow: UnitOfWork, run: Run, items: Sequence[SeenItem]) -> None:
    """Remembers which items of theirs are which of ours. What was known stays as it is."""
    rows = [asdict(item) for item in {item.external_id: item for item in items}.values()]
    uow.execute(PUT_ITEMS, {**run.place, "items": Jsonb(rows), "now": uow.now})


def claim_orders(
    uow: UnitOfWork, run: Run, external_ids: Sequence[str], codes: Mapping[str, str]
) -> list[ClaimedOrder]:
    """Makes orders ours to import in this transaction, those left out that were imported. Two statements.

    `codes`: what scanners shall scan, by external id.
    """
    rows = uow.rows(
        CLAIM_ORDERS,
        {**run.place, "orders": Jsonb([{"external_id": each} for each in external_ids]), "now": uow.now},
    )
    taken = {row["code"] for row in uow.rows(TAKEN_CODES, {"codes": sorted(set(codes.values()))})} if rows else set()
    claimed = {row["external_id"]: row["id"] for row in rows}
    return [ClaimedOrder(claimed[each], each, codes.get(each) in taken) for each in external_ids if each in claimed]


def settle_orders(uow: UnitOfWork, placed: Mapping[int, int], failed: Mapping[int, str]) -> None:
    """Notes which order of ours each became, or why none."""
    settled: list[dict[str, Any]] = [{"id": key, "order_id": order_id} for key, order_id in placed.items()]
    settled += [{"id": key, "error": error} for key, error in failed.items()]
    if settled:
        uow.execute(SETTLE_ORDERS, {"settled": Jsonb(settled)})


def list_levels(uow: UnitOfWork, run: Run, limit: int) -> list[Level]:
    """Items whose available quantity is another than the other side was told, from the run's cursor on."""
    return uow.fetch_all(Level, LIST_LEVELS, {**run.place, "after": _after(run), "limit": limit})


def list_parcels(uow: UnitOfWork, run: Run, limit: int) -> list[Parcel]:
    """Orders of theirs that have left and of which they have not been told, from the run's cursor on."""
    return uow.fetch_all(Parcel, LIST_PARCELS, {**run.place, "after": _after(run), "limit": limit})


def _after(run: Run) -> int:
    return 0 if run.cursor is None else int(run.cursor["after"])


def note_told(uow: UnitOfWork, told: Sequence[Told]) -> None:
    """Remembers what the other side knows."""
    if told:
        uow.execute(NOTE_TOLD, {"told": Jsonb([asdict(each) for each in told])})
