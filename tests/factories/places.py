"""Warehouses, zones and bins, made through the places' front door."""

from itertools import count
from typing import Any

from chalicelib import places
from tests.tenant import Tenant

_numbers = count(1)


def make_warehouse(tenant: Tenant, *, code: str | None = None, **fields: Any) -> places.Warehouse:
    """Another warehouse of the organization."""
    code = code or f"X{next(_numbers)}"
    with tenant.uow() as uow:
        return places.create_warehouse(uow, **{"code": code, "name": f"Warehouse {code}", **fields})


def make_zone(tenant: Tenant, *, kind: places.ZoneKind = "STORAGE", warehouse_id: int | None = None) -> int:
    """A zone's id."""
    with tenant.uow() as uow:
        return places.create_zone(
            uow, warehouse_id=warehouse_id or tenant.warehouse_id, code=f"Z{next(_numbers)}", kind=kind
        )


def make_bins(tenant: Tenant, *bins: places.NewBin) -> list[places.Bin]:
    """Bins in one statement."""
    with tenant.uow() as uow:
        return places.create_bins(uow, bins)
