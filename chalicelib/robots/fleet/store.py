"""Every SQL statement about robots, their orders, and the places they work at."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.robots.fleet.messages import Outgoing, State
from chalicelib.robots.fleet.rules import CarrierSituation, NewOrder, NewWork, OnlineBot, RobotOrder, Station
from chalicelib.robots.rules import TRIES_MAX
from chalicelib.robots.sections import without

FIND_ORGANIZATION = "SELECT find_bot_organization(%(serial)s) AS organization_id"

LOCK_BOT = """
    SELECT id, warehouse_id, serial, is_active, connection, connection_ms, connection_header_id, state_header_id, state_at,
           counted_from
      FROM bot WHERE serial = %(serial)s OR id = %(bot_id)s FOR NO KEY UPDATE
"""
LIST_BOTS = """
    SELECT b.id, b.warehouse_id, b.serial, b.level_id, b.is_active, b.connection,
           (SELECT count(*) FROM robot_order o
             WHERE o.bot_id = b.id AND o.status IN ('CREATED', 'ACCEPTED', 'RUNNING')) AS open_orders,
           coalesce(round(b.battery_percent), 0)::int AS battery_level, b.is_charging, c.id AS lifted_carrier
      FROM bot b LEFT JOIN carrier c ON c.code = b.lifted_carrier
     ORDER BY b.id LIMIT %(limit)s
"""
SET_CONNECTION = """
    UPDATE bot SET connection = %(connection)s, connection_ms = %(ms)s, connection_header_id = %(header_id)s,
           updated_at = %(now)s
     WHERE id = %(bot_id)s
"""
SET_STATE = """
    UPDATE bot SET state_header_id = %(header_id)s, state_at = %(said_at)s, counted_from = %(counted_from)s,
           battery_percent = coalesce(%(battery)s, battery_percent), is_charging = %(is_charging)s,
           lifted_carrier = %(lifted_carrier)s, last_node = %(last_node)s, errors = %(errors)s, updated_at = %(now)s
     WHERE id = %(bot_id)s
"""
SET_ACTIVE = "UPDATE bot SET is_active = %(is_active)s, updated_at = %(now)s WHERE id = ANY(%(bot_ids)s)"

LIST_OPEN_ORDERS = """
    SELECT id, order_id, update_id, kind, status, bot_id, carrier_id, balcony_id, sent_at, created_at
      FROM robot_order WHERE bot_id = %(bot_id)s AND status IN ('CREATED', 'ACCEPTED', 'RUNNING') ORDER BY id
"""

# Carriers of a warehouse with jobs that nobody serves, the most urgent first, and those that stand at a balcony without a
# reason; locked in id order.
LOCK_CARRIERS_IN_NEED = """
    SELECT c.id FROM carrier c
     WHERE c.id IN (
        SELECT need.carrier_id FROM (
            SELECT j.carrier_id, max(j.priority) AS priority
              FROM storage_job j JOIN carrier w ON w.id = j.carrier_id AND w.warehouse_id = %(warehouse_id)s
             WHERE j.status = 'CREATED' AND j.robot_order_id IS NULL
             GROUP BY j.carrier_id
            UNION ALL
            SELECT d.id, NULL
              FROM carrier d
             WHERE d.warehouse_id = %(warehouse_id)s AND d.balcony_id IS NOT NULL AND d.store_failures < %(tries_max)s
               AND NOT EXISTS (SELECT FROM storage_job j WHERE j.carrier_id = d.id
                                  AND j.status IN ('CREATED', 'ACCEPTED', 'RUNNING', 'WAITING'))
               AND NOT EXISTS (SELECT FROM robot_order o WHERE o.carrier_id = d.id
                                  AND o.status IN ('CREATED', 'ACCEPTED', 'RUNNING'))) need
         ORDER BY need.priority DESC NULLS FIRST, need.carrier_id LIMIT %(limit)s)
     ORDER BY c.id FOR NO KEY UPDATE
"""
# Read after the locks were waited for, so that it sees what their holders did.
LIST_SITUATIONS = """
    SELECT c.id, c.balcony_id, c.store_failures,
           EXISTS (SELECT FROM storage_job j WHERE j.carrier_id = c.id AND j.status = 'WAITING') AS is_worked_on,
           o.id AS robot_order_id, o.order_id, o.update_id, o.kind, o.status, o.bot_id, o.balcony_id AS goal_id, o.sent_at,
           o.created_at, brought.order_id AS brought_order_id, brought.update_id AS brought_update_id,
           brought.bot_id AS brought_bot_id
      FROM carrier c
      LEFT JOIN robot_order o ON o.carrier_id = c.id AND o.status IN ('CREATED', 'ACCEPTED', 'RUNNING')
      LEFT JOIN LATERAL (
          SELECT b.order_id, b.update_id, b.bot_id FROM robot_order b
           WHERE b.carrier_id = c.id ORDER BY b.id DESC LIMIT 1) brought ON true
     WHERE c.id = ANY(%(carrier_ids)s)
     ORDER BY c.id
"""
LIST_STORE_FAILURES = "SELECT id, store_failures FROM carrier WHERE id = ANY(%(carrier_ids)s)"
LIST_ONLINE = """
    SELECT b.id, (SELECT count(*) FROM robot_order o
                   WHERE o.bot_id = b.id AND o.status IN ('CREATED', 'ACCEPTED', 'RUNNING')) AS load
      FROM bot b
     WHERE b.warehouse_id = %(warehouse_id)s AND b.is_active AND b.connection = 'ONLINE'
       AND NOT EXISTS (SELECT FROM robot_storage s WHERE s.is_paused)
     ORDER BY b.id
"""
LIST_STATIONS = """
    SELECT y.id, (SELECT count(*) FROM carrier c WHERE c.balcony_id = y.id)
               + (SELECT count(*) FROM robot_order o JOIN bot b ON b.id = o.bot_id
                   WHERE b.warehouse_id = y.warehouse_id AND o.balcony_id = y.id AND o.kind = 'bringCarrier'
                     AND o.status IN ('CREATED', 'ACCEPTED', 'RUNNING')) AS load
      FROM balcony y WHERE y.warehouse_id = %(warehouse_id)s AND y.is_active ORDER BY y.id
"""
INSERT_ORDERS = """
    WITH made AS (
        INSERT INTO robot_order (order_id, update_id, kind, status, bot_id, carrier_id, balcony_id, subject, created_at,
                                 updated_at)
        SELECT order_id, update_id, kind, 'CREATED', bot_id, carrier_id, balcony_id, subject, %(now)s, %(now)s
          FROM jsonb_to_recordset(%(orders)s)
            AS o (n int, order_id text, update_id int, kind text, bot_id int, carrier_id int, balcony_id int, subject text)
         ORDER BY n
        RETURNING id, order_id, update_id
    )
    SELECT id, order_id, update_id FROM made
"""
ATTACH = """
    UPDATE storage_job SET robot_order_id = d.robot_order_id
      FROM jsonb_to_recordset(%(jobs)s) AS d (id text, robot_order_id bigint)
     WHERE storage_job.id = d.id AND storage_job.robot_order_id IS NULL
"""

# Counting a robot's messages up locks its row, so no two of them carry one number.
CLAIM_ORDER = """
    WITH due AS (
        SELECT o.id, o.order_id, o.update_id, o.kind, o.status, o.bot_id, o.carrier_id, o.balcony_id, o.subject
          FROM robot_order o WHERE o.id = %(id)s AND o.status = 'CREATED'
    ), counted AS (
        UPDATE bot SET sent_header_id = sent_header_id + 1 FROM due WHERE bot.id = due.bot_id
        RETURNING bot.id, bot.serial, bot.sent_header_id
    )
    SELECT due.id, due.order_id, due.update_id, due.kind, due.status, counted.serial, counted.sent_header_id AS header_id,
           c.code AS carrier, 'place-' || c.level_id || '-' || c.position_x || '-' || c.position_y || '-' || c.depth AS place,
           due.balcony_id, due.subject
      FROM due JOIN counted ON counted.id = due.bot_id LEFT JOIN carrier c ON c.id = due.carrier_id
"""
MARK_SENT = "UPDATE robot_order SET sent_at = %(now)s WHERE id = %(id)s AND status = 'CREATED'"

SET_PAUSED = """
    INSERT INTO robot_storage (is_paused, updated_at) VALUES (%(is_paused)s, %(now)s)
        ON CONFLICT (organization_id) DO UPDATE SET is_paused = EXCLUDED.is_paused, updated_at = EXCLUDED.updated_at
"""
NOTE_TRIP = """
    INSERT INTO robot_storage (bring_s, updated_at) VALUES (%(latest_s)s, %(now)s)
        ON CONFLICT (organization_id) DO UPDATE
       SET bring_s = coalesce(robot_storage.bring_s + %(weight)s * (EXCLUDED.bring_s - robot_storage.bring_s),
                              EXCLUDED.bring_s),
           updated_at = EXCLUDED.updated_at
"""
STORAGE_STATUS = """
    SELECT CASE WHEN EXISTS (SELECT FROM robot_storage s WHERE s.is_paused) THEN 'PAUSED'
                WHEN NOT EXISTS (SELECT FROM bot b WHERE b.is_active) THEN 'OFF'
                WHEN EXISTS (SELECT FROM bot b WHERE b.is_active AND b.connection = 'ONLINE') THEN 'RUNNING'
                ELSE 'ERROR' END AS status
"""
LIST_BALCONIES = "SELECT id FROM balcony WHERE is_active ORDER BY id LIMIT %(limit)s"
LIST_LEVELS = "SELECT id, height_mm AS height FROM robot_level ORDER BY id LIMIT %(limit)s"

INSERT_LEVEL = """
    INSERT INTO robot_level (warehouse_id, height_mm) VALUES (%(warehouse_id)s, %(height_mm)s) RETURNING id
"""
INSERT_BALCONY = """
    INSERT INTO balcony (warehouse_id, name, staging_account_id)
    VALUES (%(warehouse_id)s, %(name)s, %(staging_account_id)s) RETURNING id
"""
INSERT_BOTS = """
    INSERT INTO bot (warehouse_id, level_id, serial, updated_at)
    SELECT %(warehouse_id)s, %(level_id)s, serial, %(now)s FROM unnest(%(serials)s::text[]) WITH ORDINALITY AS s (serial, n)
     ORDER BY n
    RETURNING id
"""
INSERT_CARRIERS = """
    WITH made AS (
        INSERT INTO carrier (warehouse_id, code, level_id, position_x, position_y, depth, updated_at)
        SELECT %(warehouse_id)s, code, level_id, position_x, position_y, depth, %(now)s
          FROM jsonb_to_recordset(%(carriers)s)
            AS c (n int, code text, level_id int, position_x int, position_y int, depth int)
         ORDER BY n
        RETURNING id
    ), spaces AS (
        INSERT INTO carrier_space (carrier_id, section_code, height_max_mm, updated_at)
        SELECT id, ~ B'0'::bit(32), %(height_max_mm)s, %(now)s FROM made
    )
    SELECT id FROM made ORDER BY id
"""
LOCK_FREE_SPACE = """
    SELECT s.carrier_id, s.section_code::text AS section_code, c.warehouse_id, c.code
      FROM carrier_space s JOIN carrier c ON c.id = s.carrier_id
     WHERE s.carrier_id = ANY(%(carrier_ids)s) AND s.bin_id IS NULL
     ORDER BY s.carrier_id FOR UPDATE OF s
"""
INSERT_BOXES = """
    WITH used AS (
        UPDATE carrier_space s SET section_code = d.section_code::bit(32), updated_at = %(now)s
          FROM jsonb_to_recordset(%(free)s) AS d (carrier_id int, section_code text)
         WHERE s.carrier_id = d.carrier_id AND s.bin_id IS NULL
    )
    INSERT INTO carrier_space (carrier_id, bin_id, account_id, section_code, height_max_mm, items_max, updated_at)
    SELECT carrier_id, bin_id, account_id, section_code::bit(32), height_max_mm, items_max, %(now)s
      FROM jsonb_to_recordset(%(boxes)s)
        AS b (carrier_id int, bin_id int, account_id int, section_code text, height_max_mm int, items_max int)
     ORDER BY bin_id
"""


@dataclass(frozen=True)
class Bot:
    """A robot as its lock holder sees it."""

    id: int
    warehouse_id: int
    serial: str
    is_active: bool
    connection: str
    connection_ms: int
    connection_header_id: int
    state_header_id: int
    state_at: datetime
    counted_from: datetime

    @property
    def connected(self) -> tuple[int, int]:
        """When the last word about its connection was said, and that word's header id."""
        return self.connection_ms, self.connection_header_id


@dataclass(frozen=True)
class ListedBot:
    """A robot as others see it. `lifted_carrier` is the number of the carrier it carries."""

    id: int
    warehouse_id: int
    serial: str
    level_id: int | None
    is_active: bool
    connection: str
    open_orders: int
    battery_level: int
    is_charging: bool
    lifted_carrier: int | None


@dataclass(frozen=True)
class FreeSpace:
    """What is left of a carrier."""

    carrier_id: int
    section_code: str
    warehouse_id: int
    code: str

    def less(self, taken: str) -> "FreeSpace":
        """What is left when a box takes these sections."""
        return replace(self, section_code=without(self.section_code, taken))


def find_organization(uow: UnitOfWork, serial: str) -> int | None:
    """Whose robot this is; may be asked in any organization's transaction."""
    found: int | None = uow.value(FIND_ORGANIZATION, {"serial": serial})
    return found


def lock_bot(uow: UnitOfWork, *, serial: str | None = None, bot_id: int | None = None) -> Bot | None:
    """A robot, locked."""
    return uow.fetch(Bot, LOCK_BOT, {"serial": serial, "bot_id": bot_id})


def list_bots(uow: UnitOfWork, limit: int) -> list[ListedBot]:
    """All robots of the organization."""
    return uow.fetch_all(ListedBot, LIST_BOTS, {"limit": limit})


def set_connection(uow: UnitOfWork, bot: Bot, connection: str, ms: int, header_id: int) -> None:
    """Writes whether a robot is there. `ms` is when it was said, or shown by saying something else."""
    params = {"bot_id": bot.id, "connection": connection, "ms": ms, "header_id": header_id, "now": uow.now}
    uow.execute(SET_CONNECTION, params)


def set_state(uow: UnitOfWork, bot: Bot, said: State, *, counted_from: datetime) -> None:
    """Writes how a robot is."""
    battery = said.battery_state
    params = {
        "bot_id": bot.id,
        "header_id": said.header_id,
        "said_at": said.timestamp,
        "counted_from": counted_from,
        "battery": battery.battery_charge if battery else None,
        "is_charging": bool(battery and battery.charging),
        "lifted_carrier": next((load.load_id for load in said.loads if load.load_id), None),
        "last_node": said.last_node_id,
        "errors": Jsonb(said.errors),
        "now": uow.now,
    }
    uow.execute(SET_STATE, params)


def set_active(uow: UnitOfWork, bot_ids: Sequence[int], *, is_active: bool) -> None:
    """Takes robots into service, or out of it."""
    uow.execute(SET_ACTIVE, {"bot_ids": list(bot_ids), "is_active": is_active, "now": uow.now})


def list_open_orders(uow: UnitOfWork, bot_id: int) -> list[RobotOrder]:
    """What a robot has to do. Orders change only under the lock of their robot."""
    return uow.fetch_all(RobotOrder, LIST_OPEN_ORDERS, {"bot_id": bot_id})


def lock_carriers_in_need(uow: UnitOfWork, warehouse_id: int, limit: int) -> list[int]:
    """Carriers that may need a robot, locked in id order."""
    params = {"warehouse_id": warehouse_id, "limit": limit, "tries_max": TRIES_MAX}
    rows = uow.rows(LOCK_CARRIERS_IN_NEED, params)
    return [row["id"] for row in rows]


def list_situations(
    uow: UnitOfWork, carrier_ids: Sequence[int], work: dict[int, tuple[NewWork, ...]]
) -> list[CarrierSituation]:
    """What is going on with locked carriers."""
    rows = uow.rows(LIST_SITUATIONS, {"carrier_ids": list(carrier_ids)})
    return [_situation(row, work.get(row["id"], ())) for row in rows]


def store_failures(uow: UnitOfWork, carrier_ids: Sequence[int | None]) -> dict[int, int]:
    """How often robots failed to take these carriers back, by carrier."""
    if not carrier_ids:
        return {}
    rows = uow.rows(LIST_STORE_FAILURES, {"carrier_ids": list(carrier_ids)})
    return {row["id"]: row["store_failures"] for row in rows}


def list_online(uow: UnitOfWork, warehouse_id: int) -> list[OnlineBot]:
    """Robots that can be given orders; none while the storage is paused."""
    return uow.fetch_all(OnlineBot, LIST_ONLINE, {"warehouse_id": warehouse_id})


def list_stations(uow: UnitOfWork, warehouse_id: int) -> list[Station]:
    """Balconies with how much is going on there."""
    return uow.fetch_all(Station, LIST_STATIONS, {"warehouse_id": warehouse_id})


def insert_orders(uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> dict[tuple[str, int], int]:
    """Stores orders for robots; their ids by (order id, update id)."""
    numbered = [{"n": n, **row} for n, row in enumerate(rows)]
    made = uow.rows(INSERT_ORDERS, {"orders": Jsonb(numbered), "now": uow.now}) if rows else []
    return {(row["order_id"], row["update_id"]): row["id"] for row in made}


def order_row(order: NewOrder, new_id: str) -> dict[str, Any]:
    """A planned order as `insert_orders` takes it: an update of the order that it follows, or a new one."""
    order_id, update_id = (order.follows[0], order.follows[1] + 1) if order.follows else (new_id, 0)
    return {
        "order_id": order_id,
        "update_id": update_id,
        "kind": order.kind,
        "bot_id": order.bot_id,
        "carrier_id": order.carrier_id,
        "balcony_id": order.balcony_id,
    }


def attach(uow: UnitOfWork, jobs: Sequence[tuple[str, int]]) -> None:
    """Says which order serves a job, for jobs without a carrier."""
    rows = [{"id": job_id, "robot_order_id": order_id} for job_id, order_id in jobs]
    uow.execute(ATTACH, {"jobs": Jsonb(rows)})


def claim_order(uow: UnitOfWork, robot_order_id: int) -> Outgoing | None:
    """An order that is not acknowledged, with the next header id of its robot; None when there is nothing to send."""
    return uow.fetch(Outgoing, CLAIM_ORDER, {"id": robot_order_id})


def mark_sent(uow: UnitOfWork, robot_order_id: int) -> None:
    """Notes that a message went out."""
    uow.execute(MARK_SENT, {"id": robot_order_id, "now": uow.now})


def set_paused(uow: UnitOfWork, *, is_paused: bool) -> None:
    """Stops or resumes giving orders to robots."""
    uow.execute(SET_PAUSED, {"is_paused": is_paused, "now": uow.now})


def note_trip(uow: UnitOfWork, latest_s: float, weight: float) -> None:
    """Counts a trip into the moving average, with a weight between 0 and 1."""
    uow.execute(NOTE_TRIP, {"latest_s": latest_s, "weight": weight, "now": uow.now})


def storage_status(uow: UnitOfWork) -> str:
    """PAUSED, OFF (no robots in service), RUNNING, or ERROR (none of them is connected)."""
    return str(uow.value(STORAGE_STATUS))


def list_balconies(uow: UnitOfWork, limit: int) -> list[dict[str, Any]]:
    """Balconies in service."""
    return uow.rows(LIST_BALCONIES, {"limit": limit})


def list_levels(uow: UnitOfWork, limit: int) -> list[dict[str, Any]]:
    """Levels with their heights in mm."""
    return uow.rows(LIST_LEVELS, {"limit": limit})


def insert_level(uow: UnitOfWork, *, warehouse_id: int, height_mm: int) -> int:
    """A level; its id."""
    return int(uow.value(INSERT_LEVEL, {"warehouse_id": warehouse_id, "height_mm": height_mm}))


def insert_balcony(uow: UnitOfWork, *, warehouse_id: int, name: str, account_id: int) -> int:
    """A balcony; its id."""
    params = {"warehouse_id": warehouse_id, "name": name, "staging_account_id": account_id}
    return int(uow.value(INSERT_BALCONY, params))


def insert_bots(uow: UnitOfWork, *, warehouse_id: int, level_id: int | None, serials: Sequence[str]) -> list[int]:
    """Robots; their ids in the order of the serials."""
    params = {"warehouse_id": warehouse_id, "level_id": level_id, "serials": list(serials), "now": uow.now}
    return sorted(row["id"] for row in uow.rows(INSERT_BOTS, params))


def insert_carriers(
    uow: UnitOfWork, carriers: Sequence[dict[str, Any]], *, warehouse_id: int, height_max_mm: int
) -> list[int]:
    """Carriers with all of their space free; their ids in the order given."""
    numbered = [{"n": n, **carrier} for n, carrier in enumerate(carriers)]
    params = {"warehouse_id": warehouse_id, "height_max_mm": height_max_mm, "carriers": Jsonb(numbered), "now": uow.now}
    return [row["id"] for row in uow.rows(INSERT_CARRIERS, params)]


def lock_free_space(uow: UnitOfWork, carrier_ids: Sequence[int]) -> dict[int, FreeSpace]:
    """What is left of carriers, locked in id order."""
    found = uow.fetch_all(FreeSpace, LOCK_FREE_SPACE, {"carrier_ids": list(carrier_ids)})
    return {space.carrier_id: space for space in found}


def insert_boxes(uow: UnitOfWork, boxes: Sequence[dict[str, Any]], free: Sequence[FreeSpace]) -> None:
    """Boxes, and what they leave of their carriers."""
    left = [asdict(space) for space in free]
    uow.execute(INSERT_BOXES, {"boxes": Jsonb(list(boxes)), "free": Jsonb(left), "now": uow.now})


def _situation(row: dict[str, Any], work: tuple[NewWork, ...]) -> CarrierSituation:
    order = None
    if row["robot_order_id"] is not None:
        order = RobotOrder(
            row["robot_order_id"], row["order_id"], row["update_id"], row["kind"], row["status"], row["bot_id"],
            row["id"], row["goal_id"], row["sent_at"], row["created_at"],
        )  # fmt: skip
    brought = (row["brought_order_id"], row["brought_update_id"], row["brought_bot_id"])
    return CarrierSituation(
        id=row["id"],
        balcony_id=row["balcony_id"],
        store_failures=row["store_failures"],
        order=order,
        is_worked_on=row["is_worked_on"],
        brought_by=brought if brought[0] is not None else None,
        work=work,
    )
