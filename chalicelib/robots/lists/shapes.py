"""Rows of the storage surface's lists."""

from decimal import Decimal
from typing import Any

from chalicelib.kernel.legacy_time import LegacyTime, UtcTime, utc_twin_of
from chalicelib.kernel.shapes import Shape
from chalicelib.robots.shapes import EntityView, JobView, RequestView


class InventoryRow(Shape):
    """A load (a SKU, and lot, in a box), an empty box (`sku_id` null) or a carrier's free space (`box_id` null).

    `item_count` and `system_quantity` are units; `item_count_max` is how many the box may hold, null: unlimited.
    `content_codes` is the lot's number. `eta` is in seconds: 0 at a balcony, else how long carriers take on average,
    null before the first trip. `box_size` counts sections of 32; heights are in mm.
    """

    id: str
    box_id: int | None
    box_size: int
    box_size_string: str
    box_height_string_max: int
    carrier_id: str
    content_codes: str | None
    depth: int
    eta: float | None
    eta_int: int | None
    item_count: int | None
    item_count_max: int | None
    level_id: int
    measurement_unit: str | None
    on_empty_sku_action: str | None
    position_x: int
    position_y: int
    section_code: str
    section_code_32: int
    sku_id: str | None
    sku_name: str | None
    system_quantity: int | None
    updated_at: LegacyTime
    updated_at_utc: UtcTime = utc_twin_of("updated_at")


def request_of(row: dict[str, Any]) -> RequestView:
    """A request from a row of the list."""
    return RequestView(**{**row, "entities": [EntityView(**entity) for entity in row["entities"]]})


def job_of(row: dict[str, Any]) -> JobView:
    """A job from a row of the list."""
    return JobView(**row)


def inventory_of(row: dict[str, Any]) -> InventoryRow:
    """A row of the inventory view."""
    keys = (row.pop("space_id"), row.pop("variant_id"), row.pop("lot_id"))
    loaded, eta = row.pop("loaded"), row["eta"]
    units = 0 if loaded is None and row["box_id"] is not None else loaded
    return InventoryRow(
        **{
            **row,
            "id": "-".join(str(key) for key in keys if key is not None),
            "eta_int": None if eta is None else int(Decimal(eta).quantize(Decimal(1))),
            "item_count": units,
            "system_quantity": units,
        }
    )
