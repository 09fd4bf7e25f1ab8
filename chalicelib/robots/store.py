"""Every SQL statement about requests and jobs of the storage."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.robots.rules import Box, Entity, NewJob
from chalicelib.robots.work import Changes, WorkJob

# One row per asked SKU and warehouse with robots, the preferred warehouse first.
FIND_SKUS = """
    WITH storage AS (
        SELECT w.id, w.preference FROM warehouse w
         WHERE w.is_active AND EXISTS (SELECT FROM balcony b WHERE b.warehouse_id = w.id AND b.is_active)
    ), asked AS MATERIALIZED (
        SELECT sku, upper(sku) AS sku_key FROM unnest(%(skus)s::text[]) AS one (sku)
    )
    SELECT asked.sku AS asked, v.id AS variant_id, v.sku, storage.id AS warehouse_id,
           coalesce(a.on_hand - a.held, 0) AS available
      FROM asked
      JOIN variant v ON v.sku_key = asked.sku_key
      LEFT JOIN storage ON true
      LEFT JOIN availability a ON a.variant_id = v.id AND a.warehouse_id = storage.id
     ORDER BY storage.preference, storage.id, v.id
"""
CARRIERS_OF_BOXES = "SELECT account_id, carrier_id FROM carrier_space WHERE account_id = ANY(%(account_ids)s)"
LIST_STAGING = """
    SELECT staging_account_id AS account_id, id AS balcony_id
      FROM balcony WHERE warehouse_id = %(warehouse_id)s AND is_active
"""

# Boxes that hold one of these variants and nothing else, and empty ones; none that somebody fills already.
LIST_BOXES_WITH_ROOM = """
    SELECT s.account_id, s.carrier_id, s.items_max, load.variant_id, coalesce(load.on_hand, 0)::bigint AS on_hand
      FROM carrier_space s
      JOIN carrier c ON c.id = s.carrier_id AND c.warehouse_id = %(warehouse_id)s
      CROSS JOIN LATERAL (
          SELECT min(l.variant_id) AS variant_id, sum(l.on_hand) AS on_hand, count(DISTINCT l.variant_id) AS variants
            FROM stock_level l WHERE l.account_id = s.account_id AND l.on_hand > 0) load
     WHERE s.bin_id IS NOT NULL AND load.variants <= 1
       AND (load.variant_id IS NULL OR load.variant_id = ANY(%(variant_ids)s))
       AND NOT EXISTS (SELECT FROM storage_job j WHERE j.box_id = s.bin_id AND j.type = 'REPLENISHMENT'
                          AND j.status IN ('CREATED', 'ACCEPTED', 'RUNNING', 'WAITING'))
     ORDER BY load.variant_id NULLS LAST, s.account_id
     LIMIT %(most)s
"""
FIND_CARRIERS = """
    SELECT c.id, c.code, c.warehouse_id,
           EXISTS (SELECT FROM storage_job j WHERE j.carrier_id = c.id AND j.type = 'FETCH'
                      AND j.status IN ('CREATED', 'ACCEPTED', 'RUNNING', 'WAITING')) AS is_asked
      FROM carrier c WHERE c.code = ANY(%(codes)s)
"""

INSERT_REQUEST = """
    WITH made AS (
        INSERT INTO storage_request (id, type, status, priority, warehouse_id, bot_id, level_id, jobs_open, created_by,
                                     created_at, updated_at)
        VALUES (%(id)s, %(type)s, %(status)s, %(priority)s, %(warehouse_id)s, %(bot_id)s, %(level_id)s, %(jobs_open)s,
                %(created_by)s, %(now)s, %(now)s)
            ON CONFLICT (organization_id, id) DO NOTHING
        RETURNING id, counter
    ), entities AS (
        INSERT INTO storage_request_entity (request_id, position, entity_type, entity_id, job_type, total)
        SELECT made.id, e.position, e.entity_type, coalesce(v.sku, e.entity_id), e.job_type, e.total
          FROM made, jsonb_to_recordset(%(entities)s)
            AS e (position int, entity_type text, entity_id text, variant_id int, job_type text, total bigint)
          LEFT JOIN variant v ON v.id = e.variant_id
    ), jobs AS (
        INSERT INTO storage_job (id, request_id, entity_position, type, status, priority, bot_id, carrier_id, box_id,
                                 balcony_id, variant_id, lot_id, quantity, from_account_id, to_account_id, pick_task_id,
                                 created_at, updated_at)
        SELECT j.id, made.id, j.entity_position, j.type, 'CREATED', %(priority)s, j.bot_id,
               coalesce(j.carrier_id, s.carrier_id), s.bin_id, j.balcony_id, j.variant_id, j.lot_id, j.quantity,
               j.from_account_id, j.to_account_id, j.pick_task_id, %(now)s, %(now)s
          FROM made, jsonb_to_recordset(%(jobs)s)
            AS j (id text, entity_position int, type text, bot_id int, carrier_id int, box_account_id int, balcony_id int,
                  variant_id int, lot_id int, quantity bigint, from_account_id int, to_account_id int, pick_task_id int)
          LEFT JOIN carrier_space s ON s.account_id = j.box_account_id
        RETURNING carrier_id
    )
    SELECT counter, (SELECT count(*) FROM jobs WHERE carrier_id IS NULL) AS without_carrier FROM made
"""

LOCK_CARRIER_OF_JOB = """
    SELECT c.id FROM carrier c
     WHERE c.id = (SELECT j.carrier_id FROM storage_job j WHERE j.id = %(job_id)s) FOR NO KEY UPDATE
"""
LOCK_CARRIERS = "SELECT id FROM carrier WHERE id = ANY(%(carrier_ids)s) ORDER BY id FOR NO KEY UPDATE"

# Jobs are only changed under the lock of their carrier (of their bot, where there is none), which the caller has;
# requests are locked here.
LOCK_WORK = """
    SELECT j.id, j.request_id, j.entity_position, j.type, j.status, j.priority, j.bot_id, j.carrier_id, j.balcony_id,
           j.variant_id, j.lot_id, j.quantity, j.from_account_id, j.to_account_id, j.pick_task_id, j.robot_order_id,
           j.tries, j.avoided_bot_id, b.staging_account_id, r.warehouse_id, v.sku, r.status AS request_status,
           r.jobs_open, r.jobs_succeeded, r.jobs_failed, r.placing_pos
      FROM storage_job j
      JOIN storage_request r ON r.organization_id = j.organization_id AND r.id = j.request_id
      LEFT JOIN balcony b ON b.id = j.balcony_id
      LEFT JOIN variant v ON v.id = j.variant_id
     WHERE j.id = %(job_id)s
        OR (j.status IN ('CREATED', 'ACCEPTED', 'RUNNING', 'WAITING')
            AND (j.robot_order_id = ANY(%(robot_order_ids)s)
                 OR (j.robot_order_id IS NULL AND j.status = 'CREATED' AND j.carrier_id = ANY(%(carrier_ids)s))))
     ORDER BY r.id, j.priority DESC, j.created_at, j.id
       FOR NO KEY UPDATE OF r
"""

# Every UPDATE says what it found before; the caller compares the numbers.
SAVE = """
    WITH orders AS (
        UPDATE robot_order o SET status = d.after, updated_at = %(now)s
          FROM jsonb_to_recordset(%(orders)s) AS d (id bigint, before text, after text)
         WHERE o.id = d.id AND o.status = d.before
        RETURNING o.id
    ), carriers AS (
        UPDATE carrier c SET balcony_id = d.balcony_id, store_failures = d.store_failures, updated_at = %(now)s
          FROM jsonb_to_recordset(%(carriers)s) AS d (id int, balcony_id int, store_failures int)
         WHERE c.id = d.id
        RETURNING c.id
    ), jobs AS (
        UPDATE storage_job j
           SET status = d.status, bot_id = d.bot_id, balcony_id = d.balcony_id, robot_order_id = d.robot_order_id,
               tries = d.tries, avoided_bot_id = d.avoided_bot_id, updated_at = %(now)s
          FROM jsonb_to_recordset(%(jobs)s)
            AS d (id text, before text, status text, bot_id int, balcony_id int, robot_order_id bigint, tries int,
                  avoided_bot_id int)
         WHERE j.id = d.id AND j.status = d.before
        RETURNING j.id
    ), entities AS (
        UPDATE storage_request_entity e
           SET succeeded = e.succeeded + d.succeeded, completed = e.completed + d.completed,
               cancelled = e.cancelled + d.cancelled
          FROM jsonb_to_recordset(%(entities)s)
            AS d (request_id text, position int, succeeded bigint, completed bigint, cancelled bigint)
         WHERE e.request_id = d.request_id AND e.position = d.position
        RETURNING e.position
    ), requests AS (
        UPDATE storage_request r
           SET status = d.status, jobs_open = d.jobs_open, jobs_succeeded = d.jobs_succeeded, jobs_failed = d.jobs_failed,
               placing_pos = d.placing_pos, warnings = r.warnings || d.warnings, updated_at = %(now)s
          FROM jsonb_to_recordset(%(requests)s)
            AS d (id text, before text, status text, jobs_open int, jobs_succeeded int, jobs_failed int, placing_pos int,
                  warnings jsonb)
         WHERE r.id = d.id AND r.status = d.before
        RETURNING r.id
    )
    SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM carriers) AS carriers,
           (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM entities) AS entities,
           (SELECT count(*) FROM requests) AS requests
"""


class RequestIdTaken(Conflict):
    """Another request has this id."""

    code = "request_id_taken"
    sentence = "A request with this id exists already"


class CarrierAsked(Conflict):
    """Somebody else was quicker to ask for the same carrier, box or pick task."""

    code = "already_requested"
    sentence = "A carrier or box of this request was asked for at the same moment; please try again"


@dataclass(frozen=True)
class KnownSku:
    """An asked SKU at one warehouse with robots; `warehouse_id` is None where there is none."""

    asked: str
    variant_id: int
    sku: str
    warehouse_id: int | None
    available: int


@dataclass(frozen=True)
class KnownCarrier:
    """An asked carrier; `is_asked` when a fetch of it is under way."""

    id: int
    code: str
    warehouse_id: int
    is_asked: bool


@dataclass(frozen=True)
class NewRequest:
    """A request about to be stored. Without jobs it is done at once."""

    id: str
    type: str
    priority: int = 0
    warehouse_id: int | None = None
    bot_id: int | None = None
    level_id: int | None = None
    entities: tuple[Entity, ...] = ()
    jobs: tuple[NewJob, ...] = ()
    variant_ids: tuple[int, ...] = ()
    """Of the entities, where their SKU's text is not at hand."""

    @property
    def status(self) -> str:
        """What it starts with."""
        return "CREATED" if self.jobs else "COMPLETED"


def find_skus(uow: UnitOfWork, skus: Sequence[str]) -> list[KnownSku]:
    """The SKUs that exist, each at every warehouse with robots. Case does not matter."""
    return uow.fetch_all(KnownSku, FIND_SKUS, {"skus": list(skus)})


def find_carriers(uow: UnitOfWork, codes: Sequence[str]) -> list[KnownCarrier]:
    """The carriers that exist."""
    return uow.fetch_all(KnownCarrier, FIND_CARRIERS, {"codes": list(codes)})


def carriers_of_boxes(uow: UnitOfWork, account_ids: Sequence[int]) -> dict[int, int]:
    """Carrier ids by the accounts of boxes; accounts of other bins are left out."""
    rows = uow.rows(CARRIERS_OF_BOXES, {"account_ids": list(account_ids)})
    return {row["account_id"]: row["carrier_id"] for row in rows}


def list_staging(uow: UnitOfWork, warehouse_id: int) -> dict[int, int]:
    """Balcony ids by the accounts of their staging bins."""
    rows = uow.rows(LIST_STAGING, {"warehouse_id": warehouse_id})
    return {row["account_id"]: row["balcony_id"] for row in rows}


def list_boxes_with_room(uow: UnitOfWork, warehouse_id: int, variant_ids: Sequence[int], most: int) -> list[Box]:
    """Boxes that may take more of these variants, those that hold them already first."""
    params = {"warehouse_id": warehouse_id, "variant_ids": list(variant_ids), "most": most}
    return uow.fetch_all(Box, LIST_BOXES_WITH_ROOM, params)


def insert_request(uow: UnitOfWork, request: NewRequest) -> int:
    """Stores a request with its entities and jobs in one statement; its counter.

    Raises RequestIdTaken, CarrierAsked, ValueError when a job's box is none.
    """
    variant_ids = request.variant_ids or (None,) * len(request.entities)
    entities = [
        {"position": n, "variant_id": variant_id, **asdict(entity)}
        for n, (entity, variant_id) in enumerate(zip(request.entities, variant_ids, strict=True))
    ]
    params = {
        "id": request.id,
        "type": request.type,
        "status": request.status,
        "priority": request.priority,
        "warehouse_id": request.warehouse_id,
        "bot_id": request.bot_id,
        "level_id": request.level_id,
        "jobs_open": len(request.jobs),
        "created_by": uow.actor.label,
        "now": uow.now,
        "entities": Jsonb(entities),
        "jobs": Jsonb([asdict(job) for job in request.jobs]),
    }
    try:
        made = uow.row(INSERT_REQUEST, params)
    except psycopg.errors.UniqueViolation:
        raise CarrierAsked from None
    if made is None:
        raise RequestIdTaken
    if made["without_carrier"] != sum(job.carrier_id is None and job.box_account_id is None for job in request.jobs):
        raise ValueError("a job names an account that is no box")
    return int(made["counter"])


def lock_carrier_of_job(uow: UnitOfWork, job_id: str) -> None:
    """Locks the carrier of a job, and with it all of its work; nothing where there is none."""
    uow.row(LOCK_CARRIER_OF_JOB, {"job_id": job_id})


def lock_carriers(uow: UnitOfWork, carrier_ids: Sequence[int]) -> None:
    """Locks carriers in id order, and with them all of their work."""
    uow.rows(LOCK_CARRIERS, {"carrier_ids": sorted(set(carrier_ids))})


def lock_job(uow: UnitOfWork, job_id: str) -> WorkJob | None:
    """A job and its request, the request locked. The caller has locked the carrier."""
    return uow.fetch(WorkJob, LOCK_WORK, {"job_id": job_id, "robot_order_ids": [], "carrier_ids": []})


def lock_work(
    uow: UnitOfWork, *, robot_order_ids: Sequence[int] = (), carrier_ids: Sequence[int] = ()
) -> list[WorkJob]:
    """Open jobs that robots' orders serve, and those of carriers that nobody serves yet; requests locked in id order."""
    params = {"job_id": None, "robot_order_ids": list(robot_order_ids), "carrier_ids": list(carrier_ids)}
    return uow.fetch_all(WorkJob, LOCK_WORK, params)


def save(uow: UnitOfWork, changes: Changes) -> None:
    """Writes changes of work in one statement. Raises RuntimeError when a row was not as its lock holder saw it."""
    if not changes:
        return
    rows = changes.rows()
    params: Mapping[str, Any] = {name: Jsonb(value) for name, value in rows.items()}
    written = uow.row(SAVE, {**params, "now": uow.now})
    if written != {name: len(rows[name]) for name in ("orders", "carriers", "jobs", "entities", "requests")}:
        raise RuntimeError("work of the storage changed under its lock")
