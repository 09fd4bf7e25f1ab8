"""Endpoints of the look-ups: the scanners' ``/api/lookup``."""

from chalicelib.kernel.access import WMS_USER
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.shapes import Barcode, NoBody
from chalicelib.lookups import service
from chalicelib.lookups.shapes import BinHit, BinLookup, ItemHit, ItemLookup, OrderLookup, SearchQuery


@endpoint("GET", "/api/lookup/item/search", allow=WMS_USER)
def search_lookup_items(call: Call[NoBody], query: SearchQuery) -> list[ItemHit]:
    """Items whose SKU, name or UPC contains a text, in any case; the best fifty."""
    return service.search_items(call.uow, query.q)


@endpoint("GET", "/api/lookup/item/{item_barcode}", allow=WMS_USER, errors=(NotFound,))
def look_up_item(call: Call[NoBody], item_barcode: Barcode) -> ItemLookup:
    """An item by UPC, SKU or alias, and where it lies in the caller's warehouses."""
    return service.look_up_item(call.uow, item_barcode)


@endpoint("GET", "/api/lookup/bin/search", allow=WMS_USER)
def search_lookup_bins(call: Call[NoBody], query: SearchQuery) -> list[BinHit]:
    """Bins of the caller's warehouses whose code or barcode contains a text, in any case; the best fifty."""
    return service.search_bins(call.uow, query.q)


@endpoint("GET", "/api/lookup/bin/{bin_barcode}", allow=WMS_USER, errors=(NotFound,))
def look_up_bin(call: Call[NoBody], bin_barcode: Barcode) -> BinLookup:
    """A bin by barcode or code, and what lies in it."""
    return service.look_up_bin(call.uow, bin_barcode)


@endpoint("GET", "/api/lookup/so/{so_barcode}", allow=WMS_USER, errors=(NotFound,))
def look_up_sales_order(call: Call[NoBody], so_barcode: Barcode) -> OrderLookup:
    """A sales order by barcode or number, and how far each of its lines is."""
    return service.look_up_order(call.uow, so_barcode)
