"""SQL of receiving. Orders, lines and receipts are written through purchasing."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.purchasing import OrderLine

# Run when the order is locked: what it reads of the lines is then what is true.
READ_DOCK = """
    SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'position', l.position, 'variant_id', l.variant_id,
                   'sku', v.sku, 'is_lot_tracked', v.is_lot_tracked, 'quantity', l.quantity, 'received', l.received)
                   ORDER BY l.position), '[]')
              FROM purchase_order_line l JOIN variant v ON v.id = l.variant_id
             WHERE l.purchase_order_id = %(po_id)s) AS lines,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('id', b.id, 'code', b.code, 'kind', b.kind,
                   'warehouse_id', b.warehouse_id, 'account_id', b.account_id, 'is_active', b.is_active)), '[]')
              FROM bin b WHERE b.id = ANY(%(bin_ids)s)) AS bins
"""


@dataclass(frozen=True)
class DockBin:
    """A bin that goods are put into."""

    id: int
    code: str
    kind: str
    warehouse_id: int
    account_id: int
    is_active: bool


def read_dock(uow: UnitOfWork, po_id: int, bin_ids: Iterable[int]) -> tuple[list[OrderLine], dict[int, DockBin]]:
    """The lines of a locked order by position, and those of the bins that there are, in one statement."""
    row = uow.row(READ_DOCK, {"po_id": po_id, "bin_ids": sorted(set(bin_ids))})
    assert row is not None  # a SELECT without FROM
    return [OrderLine(**line) for line in row["lines"]], {found["id"]: DockBin(**found) for found in row["bins"]}
