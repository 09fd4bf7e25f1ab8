"""SQL of barring: accounts whose stock stops or starts to count as available."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.stock.barring.rules import Affected, Counted, PlaceUse
from chalicelib.stock.rules import HoldChange, YoungHold

# In the order in which postings lock: availability, levels, accounts. All levels of what lies there are locked, those
# elsewhere in the warehouse too: a wave that allocates them for a hold either is through or sees what became of it.
LOCK_STOCK = """
    WITH stocked AS MATERIALIZED (
        SELECT DISTINCT s.variant_id, a.warehouse_id
          FROM stock_level s JOIN account a ON a.id = s.account_id
         WHERE s.account_id = ANY(%(account_ids)s) AND s.on_hand > 0 AND a.is_available <> %(is_available)s
    ), locked_availability AS MATERIALIZED (
        SELECT v.variant_id FROM availability v JOIN stocked USING (variant_id, warehouse_id)
         ORDER BY v.variant_id, v.warehouse_id FOR UPDATE OF v
    ), locked_level AS MATERIALIZED (
        SELECT s.variant_id
          FROM stocked k
          JOIN stock_level s ON s.variant_id = k.variant_id
          JOIN account a ON a.id = s.account_id AND a.warehouse_id = k.warehouse_id
         WHERE a.kind = 'bin'
         ORDER BY s.variant_id, s.account_id, s.lot_id FOR UPDATE OF s
    ), locked_account AS MATERIALIZED (
        SELECT id FROM account WHERE id = ANY(%(account_ids)s) AND kind = 'bin' ORDER BY id FOR UPDATE
    )
    SELECT 'availability' AS kind, count(*) AS rows FROM locked_availability
    UNION ALL
    SELECT 'level', count(*) FROM locked_level
    UNION ALL
    SELECT 'account', count(*) FROM locked_account
"""

# Read afresh under the locks. Holds come only where they do not fit any more, the youngest first, and only what is not
# allocated to a pick of them: such units lie elsewhere and stay.
COUNT_STOCK = """
    WITH counted AS MATERIALIZED (
        SELECT s.variant_id, a.warehouse_id, sum(s.allocated)::bigint AS allocated,
               coalesce(sum(s.on_hand) FILTER (WHERE coalesce(lot.is_available, true)), 0)::bigint AS units
          FROM stock_level s
          JOIN account a ON a.id = s.account_id
          LEFT JOIN lot ON lot.id = s.lot_id
         WHERE s.account_id = ANY(%(account_ids)s) AND s.on_hand > 0 AND a.is_available <> %(is_available)s
         GROUP BY s.variant_id, a.warehouse_id
    ), locked AS MATERIALIZED (
        SELECT v.variant_id, v.warehouse_id, v.on_hand, v.held
          FROM availability v JOIN counted USING (variant_id, warehouse_id)
         ORDER BY v.variant_id, v.warehouse_id FOR UPDATE OF v
    ), hold AS MATERIALIZED (
        SELECT h.order_line_id, h.variant_id, h.warehouse_id, h.quantity, h.held_at
          FROM stock_hold h
          JOIN locked USING (variant_id, warehouse_id)
          JOIN counted USING (variant_id, warehouse_id)
         WHERE NOT %(is_available)s AND locked.held > locked.on_hand - counted.units
         ORDER BY h.variant_id, h.warehouse_id, h.held_at DESC, h.order_line_id DESC FOR UPDATE OF h
    )
    SELECT NULL::int AS order_line_id, variant_id, warehouse_id, counted.units, counted.allocated,
           locked.on_hand, locked.held
      FROM counted LEFT JOIN locked USING (variant_id, warehouse_id)
    UNION ALL
    SELECT order_line_id, variant_id, warehouse_id, quantity, coalesce((
               SELECT sum(s.quantity - s.picked) FROM pick_task_share s JOIN pick_task t ON t.id = s.task_id
                WHERE s.order_line_id = hold.order_line_id AND t.status = 'PENDING'), 0)::bigint, NULL, NULL
      FROM hold
"""

CHANGE_STOCK = """
    WITH changed AS (
        UPDATE availability v SET on_hand = v.on_hand + d.on_hand, held = v.held + d.held, updated_at = %(now)s
          FROM jsonb_to_recordset(%(availability)s)
            AS d (variant_id int, warehouse_id int, on_hand bigint, held bigint, is_new boolean)
         WHERE NOT d.is_new AND v.variant_id = d.variant_id AND v.warehouse_id = d.warehouse_id
    ), added AS (
        INSERT INTO availability (variant_id, warehouse_id, on_hand, updated_at)
        SELECT variant_id, warehouse_id, on_hand, %(now)s
          FROM jsonb_to_recordset(%(availability)s)
            AS d (variant_id int, warehouse_id int, on_hand bigint, held bigint, is_new boolean)
         WHERE is_new ORDER BY variant_id, warehouse_id
            ON CONFLICT (variant_id, warehouse_id) DO UPDATE SET on_hand = availability.on_hand + EXCLUDED.on_hand
    ), reduced AS (
        UPDATE stock_hold o SET quantity = h.quantity
          FROM jsonb_to_recordset(%(holds)s) AS h (order_line_id int, warehouse_id int, quantity bigint)
         WHERE o.order_line_id = h.order_line_id AND o.warehouse_id = h.warehouse_id AND h.quantity > 0
    ), ended AS (
        DELETE FROM stock_hold o
         USING jsonb_to_recordset(%(holds)s) AS h (order_line_id int, warehouse_id int, quantity bigint)
         WHERE o.order_line_id = h.order_line_id AND o.warehouse_id = h.warehouse_id AND h.quantity = 0
    )
    UPDATE account SET is_available = %(is_available)s
     WHERE id = ANY(%(account_ids)s) AND kind = 'bin' AND is_available <> %(is_available)s
"""

LOCK_ACCOUNTS = "SELECT id FROM account WHERE id = ANY(%(account_ids)s) ORDER BY id FOR UPDATE"
# A level stays when its last unit has gone, so an account without any never had stock.
COUNT_ACCOUNTS = """
    SELECT coalesce(sum(on_hand), 0)::bigint AS on_hand, count(*) > 0 AS had_stock
      FROM stock_level WHERE account_id = ANY(%(account_ids)s)
"""


def lock_stock(uow: UnitOfWork, account_ids: Sequence[int], *, is_available: bool) -> None:
    """Locks accounts, and of what lies on those that will change everything that postings, waves and holds look at."""
    uow.rows(LOCK_STOCK, {"account_ids": list(account_ids), "is_available": is_available})


def count_stock(uow: UnitOfWork, account_ids: Sequence[int], *, is_available: bool) -> Counted:
    """What lies on the locked accounts that will change, and the holds that may have to go."""
    counted = Counted()
    for row in uow.rows(COUNT_STOCK, {"account_ids": list(account_ids), "is_available": is_available}):
        line_id = row.pop("order_line_id")
        if line_id is None:
            counted.stock.append(Affected(**row))
        else:
            breakable = row["units"] - row["allocated"]
            hold = YoungHold(line_id, row["variant_id"], row["warehouse_id"], row["units"], breakable)
            counted.holds.append(hold)
    return counted


def change_stock(
    uow: UnitOfWork,
    account_ids: Sequence[int],
    counted: Counted,
    broken: Sequence[HoldChange],
    *,
    is_available: bool,
) -> None:
    """Writes it all: what accounts are, availability, and the holds that are broken."""
    lost: dict[tuple[int, int], int] = {}
    for hold in broken:
        lost[hold.variant_id, hold.warehouse_id] = lost.get((hold.variant_id, hold.warehouse_id), 0) + hold.quantity
    before = {(h.order_line_id, h.warehouse_id): h.quantity for h in counted.holds}
    uow.execute(
        CHANGE_STOCK,
        {
            "availability": Jsonb([_availability(a, lost, is_available=is_available) for a in counted.stock]),
            "holds": Jsonb(
                [
                    {
                        "order_line_id": h.order_line_id,
                        "warehouse_id": h.warehouse_id,
                        "quantity": before[h.order_line_id, h.warehouse_id] + h.quantity,
                    }
                    for h in broken
                ]
            ),
            "account_ids": list(account_ids),
            "is_available": is_available,
            "now": uow.now,
        },
    )


def _availability(affected: Affected, lost: Mapping[tuple[int, int], int], *, is_available: bool) -> dict[str, Any]:
    return {
        "variant_id": affected.variant_id,
        "warehouse_id": affected.warehouse_id,
        "on_hand": affected.units if is_available else -affected.units,
        "held": lost.get((affected.variant_id, affected.warehouse_id), 0),
        "is_new": affected.on_hand is None,
    }


def lock_accounts(uow: UnitOfWork, account_ids: Sequence[int]) -> None:
    """Locks accounts in key order against every posting that names them."""
    uow.rows(LOCK_ACCOUNTS, {"account_ids": list(account_ids)})


def count_accounts(uow: UnitOfWork, account_ids: Sequence[int]) -> PlaceUse:
    """What lies on accounts."""
    use = uow.fetch(PlaceUse, COUNT_ACCOUNTS, {"account_ids": list(account_ids)})
    assert use is not None  # an aggregate without GROUP BY
    return use
