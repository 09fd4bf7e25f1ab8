"""Use cases of the warehouses."""

from chalicelib import stock
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.paging import paged
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.places import rules
from chalicelib.places import service as places
from chalicelib.places.errors import InUse
from chalicelib.places.warehouses import store
from chalicelib.places.warehouses.shapes import (
    ChangedWarehouse,
    Message,
    NewWarehouse,
    WarehouseDetail,
    WarehousePage,
    WarehouseQuery,
    WarehouseView,
    ZoneOfWarehouse,
)

_COLUMNS = {"warehouse_code": "code", "warehouse_name": "name"}
"""Field of the contract -> column, where they differ."""


def browse(uow: UnitOfWork, query: WarehouseQuery) -> WarehousePage:
    """A page of all warehouses, closed ones too."""
    rows, total = store.list_warehouses(uow, query)
    return WarehousePage(warehouses=[WarehouseView.of(row) for row in rows], **paged(query, total))


def show(uow: UnitOfWork, warehouse_id: int) -> WarehouseDetail:
    """A warehouse with its zones. Raises NotFound."""
    row = store.show_warehouse(uow, warehouse_id)
    if row is None:
        raise NotFound("Warehouse not found")
    zones = [ZoneOfWarehouse(**zone) for zone in row["zones"]]
    return WarehouseDetail(warehouse=WarehouseView.of(row), zones=zones, bin_count=row["bin_count"])


def create(uow: UnitOfWork, new: NewWarehouse) -> WarehouseView:
    """A warehouse with all it needs. Raises CodeTaken."""
    made = places.create_warehouse(
        uow, code=new.warehouse_code, name=new.warehouse_name, address=new.address or "", preference=new.preference
    )
    return WarehouseView(
        id=made.id,
        warehouse_id=made.id,
        warehouse_code=made.code,
        warehouse_name=made.name,
        address=made.address,
        preference=made.preference,
        is_active=True,
        created_at=uow.now,
    )


def update(uow: UnitOfWork, warehouse_id: int, change: ChangedWarehouse) -> WarehouseView:
    """Changes what is named; nothing named changes nothing. Raises NotFound, CodeTaken."""
    row = store.lock_warehouse(uow, warehouse_id)
    if row is None:
        raise NotFound("Warehouse not found")
    before, after = rules.changes(row, change.model_dump(), _COLUMNS)
    if after:
        row = {**row, **after}
        store.update_warehouse(uow, row)
        uow.audit("update", "warehouse", warehouse_id, before=before, after=after)
    return WarehouseView.of(row)


def delete(uow: UnitOfWork, warehouse_id: int) -> Message:
    """Removes a warehouse that nothing names, for good; its hidden bin and accounts go with it.

    Looked at before anybody is made to wait, and again under the locks. Raises NotFound, InUse with what is in the way.
    """
    # As postings lock: accounts, then the warehouse that their new rows refer to.
    stock.lock_places(uow, _check_free(uow, warehouse_id))
    row = store.lock_for_deletion(uow, warehouse_id)
    if row is None:
        raise NotFound("Warehouse not found")
    _check_free(uow, warehouse_id)
    store.delete_warehouse(uow, warehouse_id)
    uow.audit("delete", "warehouse", warehouse_id, before=row)
    return Message(message="Warehouse deleted")


def _check_free(uow: UnitOfWork, warehouse_id: int) -> list[int]:
    """The accounts of a warehouse that nothing names. Raises NotFound, InUse."""
    found = store.what_is_in_the_way(uow, warehouse_id)
    if found is None:
        raise NotFound("Warehouse not found")
    obstacles, account_ids = found
    if obstacles:
        raise InUse(f"Cannot delete warehouse with existing {', '.join(obstacles)}")
    return account_ids
