"""Cycle counts: bins are counted, and what differs from the books becomes adjustments that somebody decides about.

Locks are taken in one order: count, adjustments, stock. Counting itself locks no stock: the books are read in one look,
which is the moment of counting, and a difference is applied later as what was missing then, whatever moved since.
"""

from chalicelib import places
from chalicelib.counts import rules, store
from chalicelib.counts.shapes import (
    LINES_MAX,
    CountList,
    CountQuery,
    CountResult,
    CountSubmitted,
    CountView,
    ListedCount,
    NewCounts,
    OpenedCount,
    OpenedCounts,
)
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.uow import UnitOfWork

COUNTS_SHOWN = 200
LINES_SHOWN = 100
MOVES_SHOWN = 100
"""Behind one line."""
MOVES_IN_ALL = 2000
"""Behind all lines of a count."""


def open_counts(uow: UnitOfWork, wanted: NewCounts) -> OpenedCounts:
    """Opens a count for each bin, with what the books say now frozen as expected; all or none. Six statements.

    A bin that has an open count keeps it: the caller takes it over, with its lines brought up to what lies there now. So it
    may be repeated, and nobody is stuck who lost a scanner. Raises Forbidden for a foreign warehouse, NotFound for unknown
    bins, BadRequest for bins elsewhere, closed or named twice, and for bins with more lines than one can hand in.
    """
    uow.actor.check_warehouse(wanted.warehouse_id)
    if len(set(wanted.bin_ids)) != len(wanted.bin_ids):
        raise BadRequest("Duplicate bin IDs in request")
    bins = places.find_bins(uow, wanted.bin_ids)
    for bin_id in wanted.bin_ids:
        _check_countable(uow, bins.get(bin_id), bin_id, wanted.warehouse_id)
    chosen = [bins[bin_id] for bin_id in wanted.bin_ids]
    opened = store.open_counts(uow, wanted.warehouse_id, [b.account_id for b in chosen], lines_max=LINES_MAX + 1)
    if sum(count.lines for count in opened.values()) > LINES_MAX:
        raise BadRequest(f"These bins hold more than {LINES_MAX} items; count fewer bins at once")
    counts = [
        OpenedCount(
            count_id=opened[b.account_id].count_id,
            bin_id=b.id,
            bin_code=b.code,
            status="PENDING",
            lines=opened[b.account_id].lines,
            assigned_to=uow.actor.name,
        )
        for b in chosen
    ]
    for count in counts:
        uow.audit("count.opened", "cycle_count", count.count_id, after={"bin": count.bin_code, "lines": count.lines})
    return OpenedCounts(counts=counts)


def _check_countable(uow: UnitOfWork, found: places.BinPlace | None, bin_id: int, warehouse_id: int) -> None:
    if found is None or not uow.actor.sees_warehouse(found.warehouse_id):
        raise NotFound(f"Bin not found: {bin_id}")
    if found.warehouse_id != warehouse_id:
        raise BadRequest(f"Bin {found.code} is in a different warehouse")
    if not found.is_active:
        raise BadRequest(f"Bin {found.code} is not active")


def show_count(uow: UnitOfWork, count_id: int) -> CountView:
    """A count with its lines; a difference with the moves since the bin and item were counted before.

    Where counts are blind, an open one shows nobody what is expected, and a closed one only administrators. Four statements.
    Raises NotFound, for counts of other warehouses too.
    """
    rows = store.show_count(uow, count_id, moves_max=MOVES_SHOWN, moves_in_all=MOVES_IN_ALL)
    if not rows or not uow.actor.sees_warehouse(rows[0]["warehouse_id"]):
        raise NotFound("Cycle count not found")
    return CountView.of(rows, shows_expected=_shows_expected(uow, rows[0]["status"]))


def _shows_expected(uow: UnitOfWork, status: str) -> bool:
    if places.floor_settings(uow.organization.settings).count_show_expected:
        return True
    return uow.actor.wms_role == "ADMIN" and status != "PENDING"


def submit(uow: UnitOfWork, result: CountResult) -> CountSubmitted:
    """Compares what was counted with the books of this moment; each difference becomes an adjustment to be decided.

    Every line of the count must be given, and may be given once. What earlier counts of the bin proposed and nobody has
    decided is rejected: this count knows better. Raises NotFound, BadRequest for a count that was handed in already and for
    lines that do not fit. Eight statements for any number of lines.
    """
    count = store.lock_count(uow, result.count_id)
    if count is None or not uow.actor.sees_warehouse(count.warehouse_id):
        raise NotFound("Cycle count not found")
    if count.status != "PENDING":
        raise BadRequest("Count already submitted")
    superseded = store.supersede(uow, count.account_id, f"Superseded by count {count.id}")
    found = [
        {"place": place, "item_id": line.item_id, "lot_number": line.lot_number}
        for place, line in enumerate(result.lines)
        if line.line_id is None
    ]
    counted = rules.match(store.list_booked(uow, count, found), result.lines)
    status = rules.status_of(count.status, counted)
    proposed = store.write_count(uow, count, status, counted)
    for adjustment_id in superseded:
        uow.audit(
            "adjustment.superseded",
            "stock_adjustment",
            adjustment_id,
            before={"status": "PENDING"},
            after={"status": "REJECTED", "count_id": count.id},
        )
    uow.audit(
        "count.submitted",
        "cycle_count",
        count.id,
        before={"status": count.status},
        after={
            "status": status,
            "bin": count.bin_code,
            "lines": len(counted),
            "adjustments": sorted(proposed.values()),
        },
    )
    if _shows_expected(uow, status):
        return CountSubmitted.of(status, counted, proposed)
    return CountSubmitted.blind(counted)


def list_counts(uow: UnitOfWork, query: CountQuery) -> CountList:
    """The last counts with their lines, for administrators. Four statements."""
    rows = store.list_counts(
        uow, warehouse_id=query.warehouse_id, status=query.status, limit=COUNTS_SHOWN, lines_max=LINES_SHOWN
    )
    return CountList(
        cycle_counts=[ListedCount.of(row, shows_expected=_shows_expected(uow, row["status"])) for row in rows]
    )
