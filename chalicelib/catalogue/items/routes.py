"""Items, for the warehouse's administrators."""

from chalicelib.catalogue.items import service
from chalicelib.catalogue.items.service import DuplicateCode, ItemInUse
from chalicelib.catalogue.items.shapes import (
    ItemChanges,
    ItemDeleted,
    ItemDetail,
    ItemPage,
    ItemQuery,
    ItemSaved,
    ItemView,
    NewItem,
)
from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody


@endpoint("GET", "/api/admin/items", allow=WMS_ADMIN)
def list_items(call: Call[NoBody], query: ItemQuery) -> ItemPage:
    """Items by SKU or, with `q`, best match first; archived ones too."""
    return service.list_items(call.uow, query)


@endpoint("GET", "/api/admin/items/{item_id}", allow=WMS_ADMIN, errors=(NotFound,))
def show_item(call: Call[NoBody], item_id: PathId) -> ItemDetail:
    """One item with its inventory per bin and lot, and its preferred bins."""
    return service.show_item(call.uow, item_id)


@endpoint("POST", "/api/admin/items", allow=WMS_ADMIN, status=201, errors=(DuplicateCode,))
def create_item(call: Call[NewItem]) -> ItemSaved:
    """Creates an item; a barcode with a wrong check digit is taken and warned about."""
    return service.create_item(call.uow, call.body)


@endpoint("PUT", "/api/admin/items/{item_id}", allow=WMS_ADMIN, errors=(NotFound, DuplicateCode))
def update_item(call: Call[ItemChanges], item_id: PathId) -> ItemSaved:
    """Changes the fields that are given."""
    return service.update_item(call.uow, item_id, call.body)


@endpoint("POST", "/api/admin/items/{item_id}/archive", allow=WMS_ADMIN, errors=(NotFound,))
def toggle_item_archived(call: Call[NoBody], item_id: PathId) -> ItemView:
    """Archives an item, or restores an archived one."""
    return service.toggle_archived(call.uow, item_id)


@endpoint("DELETE", "/api/admin/items/{item_id}", allow=WMS_ADMIN, errors=(NotFound, ItemInUse))
def delete_item(call: Call[NoBody], item_id: PathId) -> ItemDeleted:
    """Deletes an item for good; refused while there is inventory or history."""
    return service.delete_item(call.uow, item_id)
