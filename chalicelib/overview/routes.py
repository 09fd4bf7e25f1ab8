"""The administrators' overview: dashboard, and what picks did not find."""

from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import Forbidden
from chalicelib.kernel.shapes import NoBody
from chalicelib.overview import service
from chalicelib.overview.shapes import Dashboard, DashboardQuery, ShortPickQuery, ShortPicks


@endpoint("GET", "/api/admin/dashboard", allow=WMS_ADMIN, errors=(Forbidden,))
def show_dashboard(call: Call[NoBody], query: DashboardQuery) -> Dashboard:
    """Figures of the moment, for all warehouses or one."""
    return service.dashboard(call.uow, query.warehouse_id)


@endpoint("GET", "/api/admin/short-picks", allow=WMS_ADMIN, errors=(Forbidden,))
def list_short_picks(call: Call[NoBody], query: ShortPickQuery) -> ShortPicks:
    """Picks of the last days that found less than the books said, the latest first."""
    return service.short_picks(call.uow, query)
