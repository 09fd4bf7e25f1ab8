"""Requests and replies of the warehouses' endpoints."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt

from chalicelib.kernel.paging import Paged, PageQuery
from chalicelib.kernel.shapes import Instant, OptionalText, Shape
from chalicelib.places.shapes import Code, Name

Preference = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
"""The lower, the sooner orders are served from the warehouse."""


class WarehouseQuery(PageQuery):
    """Which page of the warehouses."""


class NewWarehouse(Shape):
    """A warehouse to be made."""

    warehouse_code: Code
    warehouse_name: Name
    address: OptionalText | None = None
    preference: Preference = 100


class ChangedWarehouse(Shape):
    """What is to change; a field that is left out or null stays as it is."""

    warehouse_code: Code | None = None
    warehouse_name: Name | None = None
    address: OptionalText | None = None
    preference: Preference | None = None
    is_active: StrictBool | None = None


class WarehouseView(Shape):
    """A warehouse as the admin panel sees it."""

    id: int
    warehouse_id: int
    warehouse_code: str
    warehouse_name: str
    address: str
    preference: int
    is_active: bool
    created_at: Instant

    @classmethod
    def of(cls, row: dict[str, Any]) -> "WarehouseView":
        """From the row."""
        created_at: datetime = row["created_at"]
        return cls(
            id=row["id"],
            warehouse_id=row["id"],
            warehouse_code=row["code"],
            warehouse_name=row["name"],
            address=row["address"],
            preference=row["preference"],
            is_active=row["is_active"],
            created_at=created_at,
        )


class WarehousePage(Paged):
    """A page of warehouses."""

    warehouses: list[WarehouseView]


class ZoneOfWarehouse(Shape):
    """A zone within its warehouse; `bin_count` leaves closed bins out."""

    id: int
    zone_id: int
    warehouse_id: int
    zone_code: str
    zone_name: str
    zone_type: str
    is_active: bool
    bin_count: int


class WarehouseDetail(Shape):
    """A warehouse with its zones; `bin_count` counts all its open bins but the hidden one, robots' boxes included."""

    warehouse: WarehouseView
    zones: list[ZoneOfWarehouse]
    bin_count: int


class Message(Shape):
    """What was done."""

    message: str
