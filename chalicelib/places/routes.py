"""Warehouses, for integrators (inventory contract) and scanners (wms contract)."""

from chalicelib.kernel.access import KEY, WMS_USER
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.shapes import NoBody
from chalicelib.places import service
from chalicelib.places.shapes import Locations, LocationView, WarehouseChoice, WarehouseChoices


@endpoint("GET", "/api/v1/locations", allow=KEY("inventory:read"))
def list_locations(call: Call[NoBody]) -> Locations:
    """All storage locations (warehouses and stores)."""
    return Locations(locations=[LocationView.of(found) for found in service.list_locations(call.uow)])


@endpoint("GET", "/api/warehouses/list", allow=WMS_USER)
def list_warehouses(call: Call[NoBody]) -> WarehouseChoices:
    """The active warehouses that the user may work in."""
    found = service.list_own_warehouses(call.uow, call.actor)
    return WarehouseChoices(warehouses=[WarehouseChoice(id=w.id, name=w.name, code=w.code) for w in found])
