"""Endpoints of zones and bins: the admin panel's ``/api/admin/zones`` and ``/api/admin/bins``."""

from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import IntegrityViolation, NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.places.bins import service, zones
from chalicelib.places.bins.shapes import (
    BinDetail,
    BinPage,
    BinQuery,
    BinView,
    ChangedBin,
    ChangedZone,
    NewBin,
    NewZone,
    ZonePage,
    ZoneQuery,
    ZoneView,
)
from chalicelib.places.errors import CodeTaken, InUse, PlacesDiffer, ZoneClosed
from chalicelib.stock import SetAside


@endpoint("GET", "/api/admin/zones", allow=WMS_ADMIN)
def browse_zones(call: Call[NoBody], query: ZoneQuery) -> ZonePage:
    """Zones by warehouse and code, of all warehouses or of one."""
    return zones.browse(call.uow, query)


@endpoint("POST", "/api/admin/zones", allow=WMS_ADMIN, status=201, errors=(CodeTaken, IntegrityViolation))
def create_zone(call: Call[NewZone]) -> ZoneView:
    """Creates a zone. What lies in zones of the kinds QUALITY and DAMAGE is on hand but not sold."""
    return zones.create(call.uow, call.body)


@endpoint(
    "PUT",
    "/api/admin/zones/{zone_id}",
    allow=WMS_ADMIN,
    errors=(NotFound, CodeTaken, IntegrityViolation, InUse, SetAside),
)
def update_zone(call: Call[ChangedZone], zone_id: PathId) -> ZoneView:
    """Changes what the body names. With its kind the zone's stock is barred from sale or admitted again, all or none.

    Orders whose units are barred lose their hold, the youngest first, and are flagged; units allocated to picks refuse.
    """
    return zones.update(call.uow, zone_id, call.body)


@endpoint("GET", "/api/admin/bins", allow=WMS_ADMIN)
def browse_bins(call: Call[NoBody], query: BinQuery) -> BinPage:
    """Bins by warehouse and code. Hidden default bins and robots' boxes come only if `bin_type` asks for them."""
    return service.browse(call.uow, query)


@endpoint("GET", "/api/admin/bins/{bin_id}", allow=WMS_ADMIN, errors=(NotFound,))
def show_bin(call: Call[NoBody], bin_id: PathId) -> BinDetail:
    """One bin of any kind with what lies in it."""
    return service.show(call.uow, bin_id)


@endpoint(
    "POST",
    "/api/admin/bins",
    allow=WMS_ADMIN,
    status=201,
    errors=(CodeTaken, PlacesDiffer, ZoneClosed, IntegrityViolation),
)
def create_bin(call: Call[NewBin]) -> BinView:
    """Creates a bin in a zone."""
    return service.create(call.uow, call.body)


@endpoint(
    "PUT",
    "/api/admin/bins/{bin_id}",
    allow=WMS_ADMIN,
    errors=(NotFound, CodeTaken, PlacesDiffer, ZoneClosed, IntegrityViolation, InUse, SetAside),
)
def update_bin(call: Call[ChangedBin], bin_id: PathId) -> BinView:
    """Changes what the body names. In another kind of zone the bin's stock is barred or admitted as with the zone itself.

    A bin with stock cannot be closed; one that ever had stock stays in its warehouse. Hidden default bins and robots'
    boxes stay as they are.
    """
    return service.update(call.uow, bin_id, call.body)
