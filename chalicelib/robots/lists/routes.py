"""GET of requests, jobs and the inventory, in pages, with filters, search and sorting. One statement each."""

from typing import TYPE_CHECKING, TypeAlias

from chalicelib.kernel.access import STORAGE
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.listing import ListQuery, Page
from chalicelib.kernel.shapes import NoBody
from chalicelib.robots.lists import shapes, store
from chalicelib.robots.shapes import JobView, RequestView

if TYPE_CHECKING:
    RequestsQuery: TypeAlias = ListQuery
    JobsQuery: TypeAlias = ListQuery
    InventoryQuery: TypeAlias = ListQuery
else:
    RequestsQuery = store.REQUESTS.query_model
    JobsQuery = store.JOBS.query_model
    InventoryQuery = store.INVENTORY.query_model


@endpoint("GET", "/api/v2/requests", allow=STORAGE())
def list_storage_requests(call: Call[NoBody], query: RequestsQuery) -> Page[RequestView]:
    """Requests, the newest first unless asked otherwise."""
    found = store.list_requests(call.uow, query)
    return Page.of([shapes.request_of(row) for row in found.rows], query, found.total)


@endpoint("GET", "/api/v2/jobs", allow=STORAGE())
def list_storage_jobs(call: Call[NoBody], query: JobsQuery) -> Page[JobView]:
    """Jobs, the newest first unless asked otherwise."""
    found = store.list_jobs(call.uow, query)
    return Page.of([shapes.job_of(row) for row in found.rows], query, found.total)


@endpoint("GET", "/api/v2/inventory_view", allow=STORAGE())
def view_storage_inventory(call: Call[NoBody], query: InventoryQuery) -> Page[shapes.InventoryRow]:
    """What lies in which box of which carrier, and where there is space."""
    found = store.list_inventory(call.uow, query)
    return Page.of([shapes.inventory_of(row) for row in found.rows], query, found.total)
