"""SQL of counts and adjustments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.counts.rules import COUNT_REASON, AdjustmentStatus, BookedLine, CountedLine, CountStatus
from chalicelib.kernel.uow import Row, UnitOfWork

# A bin has one open count: whoever counts it next takes it over, with what lies there now. What an undecided adjustment
# claims is asked for as well, so that the new count can take its place.
OPEN_COUNTS = """
    WITH opened AS (
        INSERT INTO cycle_count (warehouse_id, account_id, created_by, created_at, assigned_to)
        SELECT %(warehouse_id)s, account_id, %(actor)s, %(now)s, %(staff_id)s
          FROM unnest(%(account_ids)s::int[]) AS account_id ORDER BY account_id
            ON CONFLICT (account_id) WHERE status = 'PENDING' DO UPDATE SET assigned_to = EXCLUDED.assigned_to
        RETURNING id, account_id
    ), wanted AS (
        SELECT o.id AS count_id, o.account_id, s.variant_id, s.lot_id
          FROM opened o JOIN stock_level s ON s.account_id = o.account_id WHERE s.on_hand > 0
         UNION
        SELECT o.id, o.account_id, a.variant_id, a.lot_id
          FROM opened o JOIN stock_adjustment a ON a.account_id = o.account_id WHERE a.status = 'PENDING'
         UNION
        SELECT o.id, o.account_id, l.variant_id, l.lot_id FROM opened o JOIN cycle_count_line l ON l.count_id = o.id
         LIMIT %(lines_max)s
    ), frozen AS (
        INSERT INTO cycle_count_line (count_id, variant_id, lot_id, expected)
        SELECT w.count_id, w.variant_id, w.lot_id, coalesce(s.on_hand, 0)
          FROM wanted w
          LEFT JOIN stock_level s ON s.variant_id = w.variant_id AND s.account_id = w.account_id
               AND s.lot_id IS NOT DISTINCT FROM w.lot_id
         ORDER BY w.count_id, w.variant_id, w.lot_id
            ON CONFLICT (count_id, variant_id, lot_id) DO UPDATE SET expected = EXCLUDED.expected
        RETURNING count_id
    )
    SELECT o.id AS count_id, o.account_id, (SELECT count(*) FROM frozen f WHERE f.count_id = o.id) AS lines
      FROM opened o
"""

LOCK_COUNT = """
    SELECT c.id, c.warehouse_id, c.account_id, c.status, bin.code AS bin_code
      FROM cycle_count c JOIN bin ON bin.account_id = c.account_id
     WHERE c.id = %(count_id)s FOR UPDATE OF c
"""

# Before the books are read: who approves one of them waits, or was quicker and has changed the books already.
SUPERSEDE = """
    UPDATE stock_adjustment SET status = 'REJECTED', note = %(note)s, decided_by = %(actor)s, decided_at = %(now)s
     WHERE id IN (SELECT id FROM stock_adjustment WHERE account_id = %(account_id)s AND status = 'PENDING'
                   ORDER BY id FOR UPDATE)
    RETURNING id
"""

# One look at the books: levels, and how far the ledger had come for each of them.
LIST_BOOKED = """
    WITH found AS MATERIALIZED (
        SELECT l.id AS line_id, NULL::int AS place, l.variant_id, l.lot_id
          FROM cycle_count_line l WHERE l.count_id = %(count_id)s
         UNION ALL
        SELECT NULL, f.place, v.id, lot.id
          FROM jsonb_to_recordset(%(found)s) AS f (place int, item_id int, lot_number text)
          JOIN variant v ON v.id = f.item_id
          LEFT JOIN lot ON lot.variant_id = v.id AND lot.number = f.lot_number
         WHERE f.lot_number IS NULL OR lot.id IS NOT NULL
    )
    SELECT found.line_id, found.place, found.variant_id, found.lot_id, v.sku, coalesce(s.on_hand, 0) AS booked,
           greatest((SELECT m.id FROM stock_move m
                      WHERE m.to_account_id = %(account_id)s AND m.variant_id = found.variant_id
                      ORDER BY m.id DESC LIMIT 1),
                    (SELECT m.id FROM stock_move m
                      WHERE m.from_account_id = %(account_id)s AND m.variant_id = found.variant_id
                      ORDER BY m.id DESC LIMIT 1)) AS last_move_id
      FROM found
      JOIN variant v ON v.id = found.variant_id
      LEFT JOIN stock_level s ON s.variant_id = found.variant_id AND s.account_id = %(account_id)s
           AND s.lot_id IS NOT DISTINCT FROM found.lot_id
     ORDER BY found.line_id, found.place
"""

WRITE_COUNT = """
    WITH counted AS (
        INSERT INTO cycle_count_line (count_id, variant_id, lot_id, expected, counted, booked, last_move_id, is_unexpected)
        SELECT %(count_id)s, variant_id, lot_id, 0, counted, booked, last_move_id, true
          FROM jsonb_to_recordset(%(lines)s)
            AS l (variant_id int, lot_id int, counted bigint, booked bigint, last_move_id bigint)
            ON CONFLICT (count_id, variant_id, lot_id) DO UPDATE
           SET counted = EXCLUDED.counted, booked = EXCLUDED.booked, last_move_id = EXCLUDED.last_move_id
        RETURNING id, variant_id, lot_id, counted, booked
    ), ended AS (
        UPDATE cycle_count SET status = %(status)s, counted_by = %(actor)s, counted_at = %(now)s WHERE id = %(count_id)s
    )
    INSERT INTO stock_adjustment (warehouse_id, account_id, variant_id, lot_id, count_line_id, quantity, reason, status,
                                  created_by, created_at)
    SELECT %(warehouse_id)s, %(account_id)s, variant_id, lot_id, id, counted - booked, %(reason)s, 'PENDING', %(actor)s, %(now)s
      FROM counted WHERE counted <> booked ORDER BY id
    RETURNING id, variant_id, lot_id
"""

# What stands behind the difference in a line `l` of a count `c`: when the bin and item were counted before, and what moved
# between the two counts, newest first: booked now = booked then + what has moved since. All lines together show a bounded
# number of moves, which `share` divides among them.
_STORY = SQL("""
      LEFT JOIN LATERAL (
          SELECT before.id AS count_id, before.counted_at, bl.last_move_id,
                 (SELECT y.counted FROM cycle_count_line y
                   WHERE y.count_id = before.id AND y.variant_id = l.variant_id AND y.lot_id IS NOT DISTINCT FROM l.lot_id
                 ) AS counted
            FROM cycle_count before
            JOIN cycle_count_line bl ON bl.count_id = before.id AND bl.variant_id = l.variant_id
           WHERE before.account_id = c.account_id AND before.id < c.id AND before.status <> 'PENDING'
             AND l.counted <> l.booked
           ORDER BY before.id DESC, bl.last_move_id DESC NULLS LAST LIMIT 1) past ON true
      LEFT JOIN LATERAL (
          SELECT jsonb_agg(jsonb_build_object(
                     'at', m.occurred_at, 'reason', m.reason, 'document', m.document, 'quantity', m.quantity,
                     'lot_number', (SELECT lot.number FROM lot WHERE lot.id = m.lot_id), 'actor', actor_name(m.actor),
                     'from_place', coalesce((SELECT b.code FROM bin b WHERE b.account_id = f.id), f.kind),
                     'to_place', coalesce((SELECT b.code FROM bin b WHERE b.account_id = t.id), t.kind)
                 ) ORDER BY m.id DESC) AS moves
            FROM ((SELECT id, occurred_at, reason, document, quantity, lot_id, actor, from_account_id, to_account_id
                     FROM stock_move
                    WHERE to_account_id = c.account_id AND variant_id = l.variant_id
                      AND id > coalesce(past.last_move_id, 0) AND id <= l.last_move_id
                    ORDER BY stock_move.id DESC LIMIT (SELECT moves FROM share))
                   UNION ALL
                  (SELECT id, occurred_at, reason, document, -quantity, lot_id, actor, from_account_id, to_account_id
                     FROM stock_move
                    WHERE from_account_id = c.account_id AND variant_id = l.variant_id
                      AND id > coalesce(past.last_move_id, 0) AND id <= l.last_move_id
                    ORDER BY stock_move.id DESC LIMIT (SELECT moves FROM share))
                   ORDER BY id DESC LIMIT (SELECT moves FROM share)) m
            JOIN account f ON f.id = m.from_account_id
            JOIN account t ON t.id = m.to_account_id
           WHERE l.counted <> l.booked) story ON true
""")

_HEAD = SQL("""
           c.id AS count_id, c.warehouse_id, bin.id AS bin_id, bin.code AS bin_code, c.status, c.created_at, c.counted_at,
           assigned.username AS assigned_to, actor_name(c.created_by) AS created_by, actor_name(c.counted_by) AS counted_by
""")
SHOW_COUNT = SQL("""
    WITH share AS MATERIALIZED (
        SELECT least(%(moves_max)s::int, greatest(1, %(moves_in_all)s::int / greatest(1, count(*)))) AS moves
          FROM cycle_count_line WHERE count_id = %(count_id)s AND counted <> booked
    )
    SELECT {head}, l.id AS line_id, l.variant_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name,
           (SELECT b.code FROM barcode b WHERE b.variant_id = v.id AND b.kind = 'gtin' ORDER BY b.id LIMIT 1) AS upc,
           lot.number AS lot_number, l.expected, l.counted, l.booked, l.is_unexpected, a.id AS adjustment_id,
           a.status AS adjustment_status, past.count_id AS past_count_id, past.counted_at AS past_counted_at,
           past.counted AS past_counted, story.moves
      FROM cycle_count c
      JOIN bin ON bin.account_id = c.account_id
      JOIN staff assigned ON assigned.id = c.assigned_to
      LEFT JOIN cycle_count_line l ON l.count_id = c.id
      LEFT JOIN variant v ON v.id = l.variant_id
      LEFT JOIN product p ON p.id = v.product_id
      LEFT JOIN lot ON lot.id = l.lot_id
      LEFT JOIN stock_adjustment a ON a.count_line_id = l.id
      {story}
     WHERE c.id = %(count_id)s
     ORDER BY v.sku, lot.number NULLS FIRST, l.id
""").format(head=_HEAD, story=_STORY)

# The last counts first, then their lines: a bin that holds more than anybody reads in a list is shown in part.
LIST_COUNTS = SQL("""
    WITH page AS MATERIALIZED (
        SELECT * FROM cycle_count
         WHERE (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s)
           AND (%(status)s::text IS NULL OR status = %(status)s)
         ORDER BY created_at DESC, id DESC LIMIT %(limit)s
    )
    SELECT {head}, (SELECT count(*) FROM cycle_count_line l WHERE l.count_id = c.id) AS total_lines,
           coalesce(lines.shown, '[]') AS lines
      FROM page c
      JOIN bin ON bin.account_id = c.account_id
      JOIN staff assigned ON assigned.id = c.assigned_to
      LEFT JOIN LATERAL (
          SELECT jsonb_agg(jsonb_build_object(
                     'line_id', l.id, 'variant_id', l.variant_id, 'sku', v.sku, 'lot_number', lot.number,
                     'item_name', coalesce(nullif(v.name, ''), p.name), 'expected', l.expected, 'counted', l.counted,
                     'booked', l.booked, 'is_unexpected', l.is_unexpected, 'adjustment_id', l.adjustment_id,
                     'adjustment_status', l.adjustment_status) ORDER BY l.id) AS shown
            FROM (SELECT l.*, a.id AS adjustment_id, a.status AS adjustment_status
                    FROM cycle_count_line l LEFT JOIN stock_adjustment a ON a.count_line_id = l.id
                   WHERE l.count_id = c.id ORDER BY l.id LIMIT %(lines_max)s) l
            JOIN variant v ON v.id = l.variant_id
            JOIN product p ON p.id = v.product_id
            LEFT JOIN lot ON lot.id = l.lot_id) lines ON true
     ORDER BY c.created_at DESC, c.id DESC
""").format(head=_HEAD)

# Levels are read without a lock: who posts has the last word.
LOCK_ADJUSTMENTS = """
    SELECT a.id, a.warehouse_id, a.account_id, a.variant_id, a.lot_id, a.quantity, a.status, a.count_line_id, v.sku,
           bin.code AS bin_code, lot.number AS lot_number, c.created_by AS count_created_by, c.counted_by,
           coalesce(s.on_hand, 0) AS on_hand, coalesce(s.allocated, 0) AS allocated
      FROM stock_adjustment a
      JOIN variant v ON v.id = a.variant_id
      JOIN bin ON bin.account_id = a.account_id
      LEFT JOIN lot ON lot.id = a.lot_id
      LEFT JOIN cycle_count_line l ON l.id = a.count_line_id
      LEFT JOIN cycle_count c ON c.id = l.count_id
      LEFT JOIN stock_level s ON s.variant_id = a.variant_id AND s.account_id = a.account_id
           AND s.lot_id IS NOT DISTINCT FROM a.lot_id
     WHERE a.id = ANY(%(ids)s)
     ORDER BY a.id FOR UPDATE OF a
"""

DECIDE = """
    UPDATE stock_adjustment a
       SET status = d.status, note = coalesce(nullif(d.note, ''), a.note), decided_by = %(actor)s, decided_at = %(now)s
      FROM jsonb_to_recordset(%(decisions)s) AS d (id int, status text, note text)
     WHERE a.id = d.id AND a.status = 'PENDING'
"""

# With the number that the adjustment is going to have.
FIND_TARGET = """
    SELECT nextval('stock_adjustment_id_seq')::int AS adjustment_id, v.id AS variant_id, v.sku, b.id AS bin_id,
           b.code AS bin_code, b.account_id, b.warehouse_id, b.is_active, lot.id AS lot_id
      FROM variant v
      JOIN bin b ON b.id = %(bin_id)s
      LEFT JOIN lot ON lot.variant_id = v.id AND lot.number = %(lot_number)s
     WHERE v.id = %(item_id)s
"""
INSERT_DIRECT = """
    INSERT INTO stock_adjustment (id, warehouse_id, account_id, variant_id, lot_id, quantity, reason, note, status,
                                  created_by, created_at, decided_by, decided_at)
    VALUES (%(id)s, %(warehouse_id)s, %(account_id)s, %(variant_id)s, %(lot_id)s, %(quantity)s, %(reason)s, %(note)s,
            'APPROVED', %(actor)s, %(now)s, %(actor)s, %(now)s)
    RETURNING (SELECT s.on_hand FROM stock_level s
                WHERE s.variant_id = %(variant_id)s AND s.account_id = %(account_id)s
                  AND s.lot_id IS NOT DISTINCT FROM %(lot_id)s::int) AS on_hand
"""

_ADJUSTMENT = SQL("""
           a.id AS adjustment_id, a.warehouse_id, bin.id AS bin_id, bin.code AS bin_code, a.variant_id AS item_id, v.sku,
           coalesce(nullif(v.name, ''), p.name) AS item_name, lot.number AS lot_number, a.quantity AS quantity_change,
           a.reason, a.note AS notes, a.status, a.created_at, a.decided_at, c.id AS count_id, c.counted_at,
           l.expected, l.booked, l.counted, actor_name(a.created_by) AS created_by, actor_name(a.decided_by) AS decided_by
""")
# OFFSET 0, so that bins and items of the page are looked up, and not merged with all there are.
_JOINED = SQL("""
           page a
     CROSS JOIN LATERAL (SELECT id, sku, name, product_id FROM variant WHERE id = a.variant_id OFFSET 0) v
     CROSS JOIN LATERAL (SELECT name FROM product WHERE id = v.product_id OFFSET 0) p
     CROSS JOIN LATERAL (SELECT id, code FROM bin WHERE account_id = a.account_id OFFSET 0) bin
      LEFT JOIN lot ON lot.id = a.lot_id
      LEFT JOIN cycle_count_line l ON l.id = a.count_line_id
      LEFT JOIN cycle_count c ON c.id = l.count_id
""")
LIST_PENDING = SQL("""
    WITH page AS MATERIALIZED (
        SELECT * FROM stock_adjustment
         WHERE status = 'PENDING' AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s)
         ORDER BY id LIMIT %(limit)s
    ), share AS MATERIALIZED (
        SELECT %(moves_max)s::int AS moves
    )
    SELECT {adjustment}, past.count_id AS past_count_id, past.counted_at AS past_counted_at, past.counted AS past_counted,
           story.moves, coalesce((SELECT s.on_hand FROM stock_level s
              WHERE s.variant_id = a.variant_id AND s.account_id = a.account_id AND s.lot_id IS NOT DISTINCT FROM a.lot_id
           ), 0) AS on_hand
      FROM {joined} {story}
     ORDER BY a.id
""").format(adjustment=_ADJUSTMENT, joined=_JOINED, story=_STORY)
LIST_ADJUSTMENTS = SQL("""
    WITH counted AS (
        SELECT count(*) AS total FROM (
            SELECT FROM stock_adjustment
             WHERE (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s)
               AND (%(status)s::text IS NULL OR status = %(status)s)
             LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT * FROM stock_adjustment
         WHERE (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s)
           AND (%(status)s::text IS NULL OR status = %(status)s)
         ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
    ), shown AS (
        SELECT {adjustment} FROM {joined}
    )
    SELECT counted.total, shown.* FROM counted LEFT JOIN shown ON true ORDER BY shown.created_at DESC, shown.adjustment_id DESC
""").format(adjustment=_ADJUSTMENT, joined=_JOINED)


@dataclass(frozen=True)
class OpenCount:
    """A bin's open count, and how many lines it asks for."""

    count_id: int
    account_id: int
    lines: int


@dataclass(frozen=True)
class Count:
    """A locked count."""

    id: int
    warehouse_id: int
    account_id: int
    status: CountStatus
    bin_code: str


@dataclass(frozen=True)
class Adjustment:
    """A locked adjustment, with its bin's level as it was read."""

    id: int
    warehouse_id: int
    account_id: int
    variant_id: int
    lot_id: int | None
    quantity: int
    status: AdjustmentStatus
    count_line_id: int | None
    sku: str
    bin_code: str
    lot_number: str | None
    count_created_by: str | None
    counted_by: str | None
    on_hand: int
    allocated: int

    @property
    def is_possible(self) -> bool:
        """Whether the units to take away were there and free."""
        return self.on_hand - self.allocated + self.quantity >= 0


@dataclass(frozen=True)
class Target:
    """What a direct adjustment is about, and the number it is going to have."""

    adjustment_id: int
    variant_id: int
    sku: str
    bin_id: int
    bin_code: str
    account_id: int
    warehouse_id: int
    is_active: bool
    lot_id: int | None


def open_counts(
    uow: UnitOfWork, warehouse_id: int, account_ids: Iterable[int], *, lines_max: int
) -> dict[int, OpenCount]:
    """The open counts of bins by account, new ones or those that were open, all assigned to the caller from now on."""
    params = {"warehouse_id": warehouse_id, "account_ids": sorted(account_ids), "lines_max": lines_max}
    said = {"actor": uow.actor.label, "staff_id": uow.actor.id, "now": uow.now}
    return {count.account_id: count for count in uow.fetch_all(OpenCount, OPEN_COUNTS, {**params, **said})}


def lock_count(uow: UnitOfWork, count_id: int) -> Count | None:
    """A count, locked, or None."""
    return uow.fetch(Count, LOCK_COUNT, {"count_id": count_id})


def supersede(uow: UnitOfWork, account_id: int, note: str) -> list[int]:
    """Rejects what earlier counts of a bin proposed and nobody has decided; their ids."""
    params = {"account_id": account_id, "note": note, "actor": uow.actor.label, "now": uow.now}
    return [row["id"] for row in uow.rows(SUPERSEDE, params)]


def list_booked(uow: UnitOfWork, count: Count, found: Sequence[dict[str, Any]]) -> list[BookedLine]:
    """The lines of a locked count and what was found besides, with what the books say at this moment.

    Items and lots that are not there are left out.
    """
    params = {"count_id": count.id, "account_id": count.account_id, "found": Jsonb(list(found))}
    return uow.fetch_all(BookedLine, LIST_BOOKED, params)


def write_count(
    uow: UnitOfWork, count: Count, status: CountStatus, counted: Iterable[CountedLine]
) -> dict[tuple[int, int | None], int]:
    """Ends a locked count; the ids of the adjustments that it proposes, by variant and lot."""
    rows = [
        {
            "variant_id": line.booked_line.variant_id,
            "lot_id": line.booked_line.lot_id,
            "counted": line.counted,
            "booked": line.booked_line.booked,
            "last_move_id": line.booked_line.last_move_id,
        }
        for line in counted
    ]
    params = {
        "count_id": count.id,
        "warehouse_id": count.warehouse_id,
        "account_id": count.account_id,
        "status": status,
        "lines": Jsonb(rows),
        "reason": COUNT_REASON,
        "actor": uow.actor.label,
        "now": uow.now,
    }
    return {(row["variant_id"], row["lot_id"]): row["id"] for row in uow.rows(WRITE_COUNT, params)}


def show_count(uow: UnitOfWork, count_id: int, *, moves_max: int, moves_in_all: int) -> list[Row]:
    """A count as rows, one per line (one with an empty line when the bin was empty); no rows for an unknown one."""
    return uow.rows(SHOW_COUNT, {"count_id": count_id, "moves_max": moves_max, "moves_in_all": moves_in_all})


def list_counts(
    uow: UnitOfWork, *, warehouse_id: int | None, status: str | None, limit: int, lines_max: int
) -> list[Row]:
    """The last counts with their lines, at most `lines_max` of each."""
    params = {"warehouse_id": warehouse_id, "status": status, "limit": limit, "lines_max": lines_max}
    return uow.rows(LIST_COUNTS, params)


def lock_adjustments(uow: UnitOfWork, ids: Iterable[int]) -> list[Adjustment]:
    """Adjustments by id, locked in key order; those that are not there are left out."""
    return uow.fetch_all(Adjustment, LOCK_ADJUSTMENTS, {"ids": sorted(ids)})


def decide(uow: UnitOfWork, decisions: Sequence[dict[str, Any]]) -> None:
    """Writes decisions about locked adjustments."""
    uow.execute(DECIDE, {"decisions": Jsonb(list(decisions)), "actor": uow.actor.label, "now": uow.now})


def find_target(uow: UnitOfWork, item_id: int, bin_id: int, lot_number: str | None) -> Target | None:
    """An item and a bin, or None when one of them is not there; its lot is None when there is no such lot."""
    return uow.fetch(Target, FIND_TARGET, {"item_id": item_id, "bin_id": bin_id, "lot_number": lot_number})


def insert_direct(uow: UnitOfWork, target: Target, *, quantity: int, reason: str, note: str) -> int:
    """Records an adjustment that was posted; what the bin holds of the item and lot now."""
    params = {
        "id": target.adjustment_id,
        "warehouse_id": target.warehouse_id,
        "account_id": target.account_id,
        "variant_id": target.variant_id,
        "lot_id": target.lot_id,
        "quantity": quantity,
        "reason": reason,
        "note": note,
        "actor": uow.actor.label,
        "now": uow.now,
    }
    return int(uow.value(INSERT_DIRECT, params) or 0)


def list_pending(uow: UnitOfWork, *, warehouse_id: int | None, limit: int, moves_max: int) -> list[Row]:
    """Adjustments that wait for a decision, the oldest first."""
    return uow.rows(LIST_PENDING, {"warehouse_id": warehouse_id, "limit": limit, "moves_max": moves_max})


def list_adjustments(uow: UnitOfWork, params: dict[str, Any]) -> tuple[int, list[Row]]:
    """(how many there are, one page of them), the newest first."""
    rows = uow.rows(LIST_ADJUSTMENTS, params)
    return rows[0]["total"], [row for row in rows if row["adjustment_id"] is not None]
