"""Endpoints of put-away: the scanners' ``/api/putaway`` and the panel's preferred bins."""

from chalicelib.kernel.access import FLOOR, WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, Forbidden, IntegrityViolation, NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.putaway import service
from chalicelib.putaway.shapes import (
    Message,
    NewPreferredBin,
    PendingItems,
    PendingQuery,
    Preference,
    PreferenceSet,
    PreferredBinPage,
    PreferredBinQuery,
    PreferredBinView,
    PutAway,
    Reranked,
    Suggestion,
    SuggestQuery,
)
from chalicelib.transfers import BinMove

PUTAWAY = FLOOR("putaway")


@endpoint("GET", "/api/putaway/pending/{warehouse_id}", allow=PUTAWAY, errors=(Forbidden,))
def list_pending_putaway(call: Call[NoBody], warehouse_id: PathId, query: PendingQuery) -> PendingItems:
    """What lies in the staging bins of a warehouse and waits for put-away."""
    return service.list_pending(call.uow, warehouse_id, query.limit)


@endpoint("GET", "/api/putaway/suggest/{item_id}", allow=PUTAWAY, errors=(Forbidden, NotFound))
def suggest_putaway_bin(call: Call[NoBody], item_id: PathId, query: SuggestQuery) -> Suggestion:
    """Where to put an item away: a preferred bin, else one that holds it already, else an empty one."""
    return service.suggest(call.uow, item_id, query.warehouse_id)


@endpoint("POST", "/api/putaway/confirm", allow=PUTAWAY, errors=(BadRequest, NotFound))
def confirm_putaway(call: Call[BinMove]) -> PutAway:
    """Confirms that units were carried from a staging bin to where they are stored.

    Without `lot_number` the first to expire go, and units without a lot last.
    """
    return service.confirm(call.uow, call.body)


@endpoint("POST", "/api/putaway/update-preferred", allow=PUTAWAY, errors=(BadRequest, NotFound))
def set_preferred_bin(call: Call[Preference]) -> PreferenceSet:
    """Makes a bin the item's primary one, or the last of its preferred ones."""
    return service.prefer(call.uow, call.body)


@endpoint("GET", "/api/admin/preferred-bins", allow=WMS_ADMIN)
def list_preferred_bins(call: Call[NoBody], query: PreferredBinQuery) -> PreferredBinPage:
    """Preferred bins, item by item."""
    return service.list_preferred(call.uow, query)


@endpoint("POST", "/api/admin/preferred-bins", allow=WMS_ADMIN, errors=(BadRequest, IntegrityViolation))
def create_preferred_bin(call: Call[NewPreferredBin]) -> PreferredBinView:
    """Makes a bin preferred by an item, or changes it if it is already."""
    return service.create_preferred(call.uow, call.body)


@endpoint("PUT", "/api/admin/preferred-bins/{preferred_bin_id}", allow=WMS_ADMIN, errors=(BadRequest, NotFound))
def rerank_preferred_bin(call: Call[Reranked], preferred_bin_id: PathId) -> PreferredBinView:
    """Changes the priority of a preferred bin."""
    return service.rerank(call.uow, preferred_bin_id, call.body)


@endpoint("DELETE", "/api/admin/preferred-bins/{preferred_bin_id}", allow=WMS_ADMIN, errors=(NotFound,))
def delete_preferred_bin(call: Call[NoBody], preferred_bin_id: PathId) -> Message:
    """Removes a preferred bin."""
    service.delete_preferred(call.uow, preferred_bin_id)
    return Message(message="Preferred bin deleted")
