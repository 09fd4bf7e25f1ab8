"""SQL of the stock ledger: what a posting locks and what it writes. The lists of it stand in lists/."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.stock.rules import (
    WAREHOUSE_PLACES,
    AllocationChange,
    AvailabilityKey,
    BinStock,
    Books,
    Changes,
    FreeStock,
    HoldChange,
    Level,
    Move,
    Place,
    PlacedMove,
    YoungHold,
)

# Finds the accounts of a posting and locks every row it will change, availability before levels before holds, each in
# key order: whoever posts at the same time waits here and never crosswise. UNION ALL reads its branches in turn.
# Accounts come last, locked against a change of what they are: only then is it read whether their stock counts as
# available, so the availability of a bin is locked whether or not it will change.
LOCK = """
    WITH asked AS MATERIALIZED (
        SELECT m.n, m.variant_id, m.lot_id,
               coalesce(m.from_id, (SELECT a.id FROM account a WHERE a.kind <> 'bin' AND a.kind = m.from_kind
                   AND (a.warehouse_id = m.from_warehouse_id OR (m.from_warehouse_id IS NULL AND a.warehouse_id IS NULL))
               )) AS from_id,
               coalesce(m.to_id, (SELECT a.id FROM account a WHERE a.kind <> 'bin' AND a.kind = m.to_kind
                   AND (a.warehouse_id = m.to_warehouse_id OR (m.to_warehouse_id IS NULL AND a.warehouse_id IS NULL))
               )) AS to_id
          FROM jsonb_to_recordset(%(moves)s) AS m (n int, variant_id int, lot_id int, from_id int, from_kind text,
               from_warehouse_id int, to_id int, to_kind text, to_warehouse_id int)
    ), placed AS MATERIALIZED (
        SELECT asked.n, asked.variant_id, asked.lot_id, f.id AS from_id, t.id AS to_id,
               f.is_inside AS from_is_inside, t.is_inside AS to_is_inside,
               CASE WHEN f.kind = 'bin' THEN f.warehouse_id END AS from_warehouse_id,
               CASE WHEN t.kind = 'bin' THEN t.warehouse_id END AS to_warehouse_id
          FROM asked
          JOIN account f ON f.id = asked.from_id
          JOIN account t ON t.id = asked.to_id
    ), hold_key AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(holds)s) AS h (order_line_id int, variant_id int, warehouse_id int)
    ), availability_key AS (
        SELECT variant_id, warehouse_id FROM hold_key
        UNION SELECT variant_id, from_warehouse_id FROM placed
        UNION SELECT variant_id, to_warehouse_id FROM placed
    ), level_key AS (
        SELECT variant_id, account_id, lot_id
          FROM jsonb_to_recordset(%(allocations)s) AS a (variant_id int, account_id int, lot_id int)
        UNION SELECT variant_id, from_id, lot_id FROM placed WHERE from_is_inside
        UNION SELECT variant_id, to_id, lot_id FROM placed WHERE to_is_inside
    ), locked_availability AS MATERIALIZED (
        SELECT v.variant_id, v.warehouse_id, v.on_hand, v.held
          FROM availability v JOIN availability_key USING (variant_id, warehouse_id)
         ORDER BY v.variant_id, v.warehouse_id FOR UPDATE OF v
    ), locked_level AS MATERIALIZED (
        SELECT s.variant_id, s.account_id, s.lot_id, s.on_hand, s.allocated
          FROM stock_level s JOIN level_key k ON s.variant_id = k.variant_id AND s.account_id = k.account_id
               AND s.lot_id IS NOT DISTINCT FROM k.lot_id
         ORDER BY s.variant_id, s.account_id, s.lot_id FOR UPDATE OF s
    ), locked_hold AS MATERIALIZED (
        SELECT o.order_line_id, o.warehouse_id, o.quantity
          FROM stock_hold o JOIN hold_key USING (order_line_id, warehouse_id)
         ORDER BY o.order_line_id, o.warehouse_id FOR UPDATE OF o
    ), settled AS MATERIALIZED (
        SELECT placed.*, t.is_open AS to_is_open,
               CASE WHEN f.is_available AND coalesce(lot.is_available, true) THEN f.warehouse_id END AS counted_from,
               CASE WHEN t.is_available AND coalesce(lot.is_available, true) THEN t.warehouse_id END AS counted_to
          FROM placed
          JOIN account f ON f.id = placed.from_id
          JOIN account t ON t.id = placed.to_id
          LEFT JOIN lot ON lot.id = placed.lot_id
         ORDER BY placed.from_id, placed.to_id FOR KEY SHARE OF f, t
    )
    SELECT 'availability' AS kind, variant_id AS a, warehouse_id AS b, NULL::int AS c, on_hand AS x, held AS y,
           NULL::boolean AS p, NULL::boolean AS q, NULL::boolean AS r, NULL::int AS v, NULL::int AS w
      FROM locked_availability
    UNION ALL
    SELECT 'level', variant_id, account_id, lot_id, on_hand, allocated, NULL, NULL, NULL, NULL, NULL FROM locked_level
    UNION ALL
    SELECT 'hold', order_line_id, warehouse_id, NULL, quantity, NULL, NULL, NULL, NULL, NULL, NULL FROM locked_hold
    UNION ALL
    SELECT 'place', n, from_id, to_id, NULL, NULL, from_is_inside, to_is_inside, to_is_open, counted_from, counted_to
      FROM settled
"""

# Rows that were locked are added to; rows that did not exist are inserted, in key order, and added to if another
# transaction was quicker. That locks them too, so availability comes before levels here as well: `new_level` looks at what
# `new_availability` returns, for parts of a statement that nothing connects run in an order of PostgreSQL's own. Identity
# values are drawn after the sort, so the n-th smallest id is move n. Availability is locked by then: an order that was placed
# short before is seen to wait, and one that is placed later sees this stock.
APPLY = """
    WITH moved AS (
        INSERT INTO stock_move (variant_id, lot_id, from_account_id, to_account_id, quantity, reason, document, note,
                                actor, request_id, occurred_at)
        SELECT variant_id, lot_id, from_id, to_id, quantity, reason, document, note, %(actor)s, %(request_id)s, %(now)s
          FROM jsonb_to_recordset(%(moves)s) AS m (n int, variant_id int, lot_id int, from_id int, to_id int,
               quantity bigint, reason text, document text, note text)
         ORDER BY n
        RETURNING id
    ), changed_availability AS (
        UPDATE availability v SET on_hand = v.on_hand + d.on_hand, held = v.held + d.held, updated_at = %(now)s
          FROM jsonb_to_recordset(%(availability)s)
            AS d (variant_id int, warehouse_id int, on_hand bigint, held bigint, is_new boolean)
         WHERE NOT d.is_new AND v.variant_id = d.variant_id AND v.warehouse_id = d.warehouse_id
    ), changed_level AS (
        UPDATE stock_level s SET on_hand = s.on_hand + d.on_hand, allocated = s.allocated + d.allocated, updated_at = %(now)s
          FROM jsonb_to_recordset(%(levels)s)
            AS d (variant_id int, account_id int, lot_id int, on_hand bigint, allocated bigint, is_new boolean)
         WHERE NOT d.is_new AND s.variant_id = d.variant_id AND s.account_id = d.account_id
           AND s.lot_id IS NOT DISTINCT FROM d.lot_id
    ), new_availability AS (
        INSERT INTO availability (variant_id, warehouse_id, on_hand, held, updated_at)
        SELECT variant_id, warehouse_id, on_hand, held, %(now)s
          FROM jsonb_to_recordset(%(availability)s)
            AS d (variant_id int, warehouse_id int, on_hand bigint, held bigint, is_new boolean)
         WHERE is_new ORDER BY variant_id, warehouse_id
            ON CONFLICT (variant_id, warehouse_id) DO UPDATE
           SET on_hand = availability.on_hand + EXCLUDED.on_hand, held = availability.held + EXCLUDED.held
        RETURNING variant_id
    ), new_level AS (
        INSERT INTO stock_level (variant_id, account_id, lot_id, on_hand, allocated, updated_at)
        SELECT variant_id, account_id, lot_id, on_hand, allocated, %(now)s
          FROM jsonb_to_recordset(%(levels)s)
            AS d (variant_id int, account_id int, lot_id int, on_hand bigint, allocated bigint, is_new boolean)
         WHERE is_new AND (SELECT count(*) FROM new_availability) >= 0
         ORDER BY variant_id, account_id, lot_id
            ON CONFLICT (variant_id, account_id, lot_id) DO UPDATE
           SET on_hand = stock_level.on_hand + EXCLUDED.on_hand, allocated = stock_level.allocated + EXCLUDED.allocated
    ), ended_hold AS (
        DELETE FROM stock_hold o
         USING jsonb_to_recordset(%(holds)s) AS h (order_line_id int, warehouse_id int, quantity bigint)
         WHERE o.order_line_id = h.order_line_id AND o.warehouse_id = h.warehouse_id AND h.quantity = 0
    ), set_hold AS (
        INSERT INTO stock_hold (order_line_id, variant_id, warehouse_id, quantity, held_at)
        SELECT order_line_id, variant_id, warehouse_id, quantity, %(now)s
          FROM jsonb_to_recordset(%(holds)s) AS h (order_line_id int, variant_id int, warehouse_id int, quantity bigint)
         WHERE quantity > 0 ORDER BY order_line_id, warehouse_id
            ON CONFLICT (order_line_id, warehouse_id) DO UPDATE SET quantity = EXCLUDED.quantity
    )
    SELECT ARRAY(SELECT id FROM moved ORDER BY id) AS move_ids,
           ARRAY(SELECT freed.id FROM unnest(%(freed)s::int[]) AS freed (id)
                  WHERE EXISTS (SELECT FROM sales_order o WHERE o.warehouse_id = freed.id AND o.is_short
                                   AND o.state IN ('pending', 'confirmed'))) AS awaited
"""

LOCK_AVAILABILITY = """
    SELECT a.variant_id, a.warehouse_id, a.on_hand, a.held, w.preference
      FROM availability a JOIN warehouse w ON w.id = a.warehouse_id
     WHERE a.variant_id = ANY(%(variant_ids)s) AND w.is_active
       AND (%(warehouse_id)s::int IS NULL OR w.id = %(warehouse_id)s)
     ORDER BY a.variant_id, a.warehouse_id FOR UPDATE OF a
"""

LIST_HOLDS = """
    SELECT order_line_id, variant_id, warehouse_id, quantity
      FROM stock_hold WHERE order_line_id = ANY(%(order_line_ids)s)
"""

# Locked in key order first; the order in which picks are proposed is made afterwards. Who allocates has availability, as
# who changes holds has: no hold is broken under a pick that is being planned. An uncorrelated subquery runs before the rows
# of its query are looked at, so availability is locked before levels here too, and each level with its account, so that nobody
# bars the stock meanwhile.
FREE_STOCK = """
    WITH promised AS MATERIALIZED (
        SELECT v.variant_id FROM availability v
         WHERE v.variant_id = ANY(%(variant_ids)s) AND v.warehouse_id = %(warehouse_id)s
         ORDER BY v.variant_id, v.warehouse_id FOR UPDATE OF v
    ), locked AS MATERIALIZED (
        SELECT s.variant_id, s.account_id, s.lot_id, s.on_hand - s.allocated AS free, b.id AS bin_id, b.code AS bin_code,
               b.kind AS bin_kind, b.pick_sequence, lot.number AS lot_number, lot.expires_on
          FROM stock_level s
          JOIN bin b ON b.account_id = s.account_id
          JOIN account a ON a.id = s.account_id
          LEFT JOIN lot ON lot.id = s.lot_id
         WHERE s.variant_id = ANY(ARRAY(SELECT variant_id FROM promised)) AND b.warehouse_id = %(warehouse_id)s AND b.is_active
           AND b.kind IN ('Pickable', 'PickableStaging', 'RobotBox', 'Default') AND a.is_available
           AND s.on_hand > s.allocated
           AND (lot.id IS NULL OR (lot.status = 'active' AND lot.is_available
                                   AND (lot.expires_on IS NULL OR lot.expires_on > %(today)s)))
         ORDER BY s.variant_id, s.account_id, s.lot_id FOR UPDATE OF s FOR KEY SHARE OF a
    )
    SELECT variant_id, account_id, bin_id, bin_code, bin_kind, pick_sequence, lot_id, lot_number, expires_on, free
      FROM locked WHERE free > 0
     ORDER BY variant_id, expires_on NULLS LAST, pick_sequence, bin_id, lot_id
"""

FIND_VARIANT = """
    SELECT v.id AS variant_id, v.sku,
           (SELECT b.account_id FROM bin b JOIN warehouse w ON w.id = b.warehouse_id
             WHERE b.warehouse_id = %(location_id)s AND b.kind = 'Default' AND w.is_active) AS default_account_id
      FROM variant v
     WHERE v.id = %(variant_id)s OR (%(variant_id)s::int IS NULL AND v.sku_key = upper(%(sku)s))
"""

# What is allocated to a pick has its units under it; only the rest of a hold can be broken, and it always suffices.
LIST_YOUNGEST_HOLDS = """
    SELECT h.order_line_id, h.variant_id, h.warehouse_id, h.quantity,
           (h.quantity - coalesce((SELECT sum(s.quantity - s.picked)
              FROM pick_task_share s JOIN pick_task t ON t.id = s.task_id
             WHERE s.order_line_id = h.order_line_id AND t.status = 'PENDING'), 0))::bigint AS breakable
      FROM stock_hold h
      JOIN jsonb_to_recordset(%(keys)s) AS k (variant_id int, warehouse_id int)
        ON k.variant_id = h.variant_id AND k.warehouse_id = h.warehouse_id
     ORDER BY h.held_at DESC, h.order_line_id DESC FOR UPDATE OF h
"""

# All lots of one variant in some bins, with the availability of their warehouses locked before them.
LOCK_LEVELS = """
    WITH promised AS MATERIALIZED (
        SELECT a.variant_id FROM availability a
         WHERE a.variant_id = %(variant_id)s
           AND a.warehouse_id IN (SELECT warehouse_id FROM account WHERE id = ANY(%(account_ids)s))
         ORDER BY a.variant_id, a.warehouse_id FOR UPDATE OF a
    ), locked AS MATERIALIZED (
        SELECT s.account_id, s.lot_id, s.on_hand, s.allocated, lot.number AS lot_number, lot.expires_on
          FROM stock_level s LEFT JOIN lot ON lot.id = s.lot_id
         WHERE s.variant_id = %(variant_id)s AND s.account_id = ANY(%(account_ids)s)
           AND (SELECT count(*) FROM promised) >= 0
         ORDER BY s.variant_id, s.account_id, s.lot_id FOR UPDATE OF s
    )
    SELECT v.sku, l.account_id, l.lot_id, l.lot_number, l.expires_on, l.on_hand, l.allocated
      FROM variant v LEFT JOIN locked l ON true
     WHERE v.id = %(variant_id)s
     ORDER BY l.account_id, l.expires_on NULLS LAST, l.lot_id NULLS LAST
"""

LEVEL_AT = """
    SELECT coalesce((SELECT sum(s.on_hand) FROM stock_level s JOIN account c ON c.id = s.account_id
                      WHERE s.variant_id = %(variant_id)s AND c.warehouse_id = %(location_id)s
                        AND c.kind IN ('bin', 'outbound')), 0)::bigint AS on_hand,
           coalesce((SELECT on_hand - held FROM availability
                      WHERE variant_id = %(variant_id)s AND warehouse_id = %(location_id)s), 0) AS available
"""
ORDERS_OF_LINES = (
    "SELECT order_id FROM order_line WHERE id = ANY(%(line_ids)s) GROUP BY order_id ORDER BY order_id DESC"
)

# The books, checked from the beginning: what the moves say against what the projections say.
CHECK_LEVELS = """
    WITH legs AS (
        SELECT variant_id, to_account_id AS account_id, lot_id, quantity FROM stock_move
        UNION ALL
        SELECT variant_id, from_account_id, lot_id, -quantity FROM stock_move
    ), summed AS (
        SELECT variant_id, account_id, lot_id, sum(quantity) AS on_hand
          FROM legs JOIN account ON account.id = account_id AND is_inside
         GROUP BY variant_id, account_id, lot_id
    )
    SELECT count(*) AS wrong
      FROM summed FULL JOIN stock_level s ON s.variant_id = summed.variant_id AND s.account_id = summed.account_id
           AND s.lot_id IS NOT DISTINCT FROM summed.lot_id
     WHERE coalesce(summed.on_hand, 0) <> coalesce(s.on_hand, 0)
"""
CHECK_AVAILABILITY = """
    WITH counted AS (
        SELECT s.variant_id, a.warehouse_id, sum(s.on_hand) AS on_hand
          FROM stock_level s JOIN account a ON a.id = s.account_id AND a.is_available
          LEFT JOIN lot ON lot.id = s.lot_id
         WHERE coalesce(lot.is_available, true)
         GROUP BY s.variant_id, a.warehouse_id
    ), held AS (
        SELECT variant_id, warehouse_id, sum(quantity) AS held FROM stock_hold GROUP BY variant_id, warehouse_id
    )
    SELECT count(*) AS wrong
      FROM availability v
      FULL JOIN counted c ON c.variant_id = v.variant_id AND c.warehouse_id = v.warehouse_id
      FULL JOIN held h ON h.variant_id = coalesce(v.variant_id, c.variant_id)
           AND h.warehouse_id = coalesce(v.warehouse_id, c.warehouse_id)
     WHERE coalesce(v.on_hand, 0) <> coalesce(c.on_hand, 0) OR coalesce(v.held, 0) <> coalesce(h.held, 0)
"""
SUM_MOVES = "SELECT count(*) AS moves, coalesce(sum(quantity), 0)::bigint AS units FROM stock_move"


def lock(
    uow: UnitOfWork, moves: list[Move], holds: list[HoldChange], allocations: list[AllocationChange]
) -> tuple[list[PlacedMove], Books]:
    """Finds the places of a posting and locks its rows in key order, in one statement."""
    rows = uow.rows(
        LOCK,
        {
            "moves": Jsonb([_asked(n, m) for n, m in enumerate(moves)]),
            "holds": Jsonb([_hold_key(h) for h in holds]),
            "allocations": Jsonb([_level_key(a) for a in allocations]),
        },
    )
    books, placed = Books(), {}
    for row in rows:
        if row["kind"] == "availability":
            books.availability[row["a"], row["b"]] = (row["x"], row["y"])
        elif row["kind"] == "level":
            books.levels[row["a"], row["b"], row["c"]] = (row["x"], row["y"])
        elif row["kind"] == "hold":
            books.holds[row["a"], row["b"]] = row["x"]
        else:
            placed[row["a"]] = PlacedMove(
                moves[row["a"]], row["b"], row["c"], row["p"], row["q"], row["v"], row["w"], to_is_open=row["r"]
            )
    return [placed[n] for n in sorted(placed)], books


def apply(
    uow: UnitOfWork, placed: list[PlacedMove], books: Books, changes: Changes, freed: Iterable[int]
) -> tuple[list[int], list[int]]:
    """Writes a posting: moves, levels, availability and holds, in one statement.

    The moves' ids, in their order; and at which of the warehouses `freed` orders wait for stock.
    """
    row = uow.row(
        APPLY,
        {
            "moves": Jsonb([_move_row(n, p) for n, p in enumerate(placed)]),
            "availability": Jsonb(
                [
                    {
                        "variant_id": k[0],
                        "warehouse_id": k[1],
                        "on_hand": d[0],
                        "held": d[1],
                        "is_new": k not in books.availability,
                    }
                    for k, d in sorted(changes.availability.items())
                ]
            ),
            "levels": Jsonb(
                [
                    {
                        "variant_id": k[0],
                        "account_id": k[1],
                        "lot_id": k[2],
                        "on_hand": d[0],
                        "allocated": d[1],
                        "is_new": k not in books.levels,
                    }
                    for k, d in changes.levels.items()
                ]
            ),
            "holds": Jsonb(
                [
                    {
                        "order_line_id": k[0],
                        "warehouse_id": k[1],
                        "variant_id": variant,
                        "quantity": books.holds.get(k, 0) + change,
                    }
                    for k, (variant, change) in changes.holds.items()
                ]
            ),
            "actor": uow.actor.label,
            "request_id": uow.request_id,
            "now": uow.now,
            "freed": list(freed),
        },
    )
    assert row is not None  # a SELECT without FROM
    return row["move_ids"], row["awaited"]


def lock_availability(uow: UnitOfWork, variant_ids: list[int], warehouse_id: int | None) -> tuple[Books, list[int]]:
    """Availability of variants, locked in key order, and the warehouses that know them, preferred ones first.

    `warehouse_id`: only there; None: at every active warehouse.
    """
    rows = uow.rows(LOCK_AVAILABILITY, {"variant_ids": variant_ids, "warehouse_id": warehouse_id})
    books = Books(availability={(r["variant_id"], r["warehouse_id"]): (r["on_hand"], r["held"]) for r in rows})
    preferred = sorted({(r["preference"], r["warehouse_id"]) for r in rows})
    return books, [warehouse for _, warehouse in preferred]


def list_holds(uow: UnitOfWork, order_line_ids: list[int]) -> list[HoldChange]:
    """What is held for order lines."""
    return uow.fetch_all(HoldChange, LIST_HOLDS, {"order_line_ids": order_line_ids})


def list_youngest_holds(uow: UnitOfWork, keys: Iterable[AvailabilityKey]) -> list[YoungHold]:
    """All holds of these variants at these warehouses, the youngest first, locked."""
    asked = [{"variant_id": variant, "warehouse_id": warehouse} for variant, warehouse in keys]
    return uow.fetch_all(YoungHold, LIST_YOUNGEST_HOLDS, {"keys": Jsonb(asked)})


def lock_levels(uow: UnitOfWork, variant_id: int, account_ids: Sequence[int]) -> BinStock | None:
    """What lies of a variant in bins, locked after the availability of their warehouses; None for an unknown variant."""
    rows = uow.rows(LOCK_LEVELS, {"variant_id": variant_id, "account_ids": list(account_ids)})
    if not rows:
        return None
    skus = [row.pop("sku") for row in rows]
    return BinStock(variant_id, skus[0], tuple(Level(**row) for row in rows if row["account_id"] is not None))


def free_stock(uow: UnitOfWork, warehouse_id: int, variant_ids: list[int]) -> list[FreeStock]:
    """Levels that picks may be taken from, locked in key order, first expired first."""
    params = {"warehouse_id": warehouse_id, "variant_ids": variant_ids, "today": uow.now.date()}
    return uow.fetch_all(FreeStock, FREE_STOCK, params)


def find_variant(uow: UnitOfWork, variant_id: int | None, sku: str | None, location_id: int) -> tuple[int, str, int]:
    """(variant, SKU, the location's default account). Raises NotFound for either."""
    row = uow.row(FIND_VARIANT, {"variant_id": variant_id, "sku": sku, "location_id": location_id})
    if row is None:
        raise NotFound("Variant not found")
    if row["default_account_id"] is None:
        raise NotFound("Location not found")
    return row["variant_id"], row["sku"], row["default_account_id"]


def level_at(uow: UnitOfWork, variant_id: int, location_id: int) -> tuple[int, int]:
    """(on hand, available) of a variant at a location."""
    row = uow.row(LEVEL_AT, {"variant_id": variant_id, "location_id": location_id})
    assert row is not None
    return row["on_hand"], row["available"]


def orders_of_lines(uow: UnitOfWork, line_ids: list[int]) -> list[int]:
    """Orders that these lines belong to, the youngest first."""
    return [row["order_id"] for row in uow.rows(ORDERS_OF_LINES, {"line_ids": line_ids})]


def _asked(n: int, move: Move) -> dict[str, Any]:
    return {
        "n": n,
        "variant_id": move.variant_id,
        "lot_id": move.lot_id,
        **_place("from", move.from_place, move),
        **_place("to", move.to_place, move),
    }


def _place(end: str, place: Place, move: Move) -> dict[str, Any]:
    if isinstance(place, int):
        return {f"{end}_id": place}
    warehouse_id = move.warehouse_id if place in WAREHOUSE_PLACES else None
    return {f"{end}_kind": place, f"{end}_warehouse_id": warehouse_id}


def _hold_key(hold: HoldChange) -> dict[str, int]:
    return {"order_line_id": hold.order_line_id, "variant_id": hold.variant_id, "warehouse_id": hold.warehouse_id}


def _level_key(change: AllocationChange) -> dict[str, int | None]:
    return {"variant_id": change.variant_id, "account_id": change.account_id, "lot_id": change.lot_id}


def _move_row(n: int, placed: PlacedMove) -> dict[str, Any]:
    move = placed.move
    return {
        "n": n,
        "variant_id": move.variant_id,
        "lot_id": move.lot_id,
        "from_id": placed.from_id,
        "to_id": placed.to_id,
        "quantity": move.quantity,
        "reason": move.reason,
        "document": move.document,
        "note": move.note,
    }
