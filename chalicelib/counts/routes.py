"""Endpoints of counts and adjustments: the scanners' ``/api/inventory/cycle-count`` and the panel behind it."""

from chalicelib.counts import adjustments, service
from chalicelib.counts.errors import NothingDecided, OwnCount
from chalicelib.counts.shapes import (
    AdjustmentPage,
    AdjustmentQuery,
    CountList,
    CountQuery,
    CountResult,
    CountSubmitted,
    CountView,
    DirectAdjustment,
    DirectlyAdjusted,
    NewCounts,
    OpenedCounts,
    PendingList,
    PendingQuery,
    Review,
    Reviewed,
)
from chalicelib.kernel.access import FLOOR, WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, Forbidden, IntegrityViolation, NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody

COUNT = FLOOR("count")


@endpoint("POST", "/api/inventory/cycle-count/create", allow=COUNT, errors=(BadRequest, NotFound, Forbidden))
def create_cycle_counts(call: Call[NewCounts]) -> OpenedCounts:
    """Opens counts of bins, or takes over those that are open; the present inventory is frozen as expected."""
    return service.open_counts(call.uow, call.body)


@endpoint("GET", "/api/inventory/cycle-count/{count_id}", allow=COUNT, errors=(NotFound,))
def show_cycle_count(call: Call[NoBody], count_id: PathId) -> CountView:
    """A count with its lines; expected quantities are left out of blind ones."""
    return service.show_count(call.uow, count_id)


@endpoint("POST", "/api/inventory/cycle-count/submit", allow=COUNT, errors=(BadRequest, NotFound))
def submit_cycle_count(call: Call[CountResult]) -> CountSubmitted:
    """Hands a count in; differences from the books of this moment wait as adjustments for a decision."""
    return service.submit(call.uow, call.body)


@endpoint("GET", "/api/admin/cycle-counts", allow=WMS_ADMIN)
def list_recent_cycle_counts(call: Call[NoBody], query: CountQuery) -> CountList:
    """The last 200 counts with their lines, the newest first."""
    return service.list_counts(call.uow, query)


@endpoint("GET", "/api/admin/adjustments/pending", allow=WMS_ADMIN)
def list_pending_adjustments(call: Call[NoBody], query: PendingQuery) -> PendingList:
    """Adjustments that wait for a decision, each with the moves since the bin and item were counted before."""
    return adjustments.list_pending(call.uow, query)


@endpoint(
    "POST",
    "/api/admin/adjustments/review",
    allow=WMS_ADMIN,
    errors=(BadRequest, NotFound, OwnCount, NothingDecided),
)
def review_adjustments(call: Call[Review]) -> Reviewed:
    """Approves or rejects adjustments; `results` says what became of each decision."""
    return adjustments.review(call.uow, call.body.decisions)


@endpoint("POST", "/api/admin/adjustments/direct", allow=WMS_ADMIN, status=201, errors=(BadRequest, IntegrityViolation))
def adjust_bin_directly(call: Call[DirectAdjustment]) -> DirectlyAdjusted:
    """Adds units to a bin or takes them away, approved without review."""
    return adjustments.adjust_directly(call.uow, call.body)


@endpoint("GET", "/api/admin/adjustments/list", allow=WMS_ADMIN)
def list_adjustments(call: Call[NoBody], query: AdjustmentQuery) -> AdjustmentPage:
    """All adjustments, the newest first, a page at a time."""
    return adjustments.list_adjustments(call.uow, query)
