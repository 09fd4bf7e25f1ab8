"""What the overview's endpoints read and say."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import Instant, Shape

COUNT_MAX = 10_000
DAYS_MAX = 365


class DashboardQuery(Shape):
    """All warehouses, or one."""

    warehouse_id: PathId | None = None


class Activity(Shape):
    """Something that somebody did lately."""

    at: Instant
    user: str
    action: str
    entity_type: str
    entity_id: str
    description: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Activity":
        """From the row."""
        action, entity = row["action"], row["entity"].replace("_", " ")
        told = action.replace(".", " ").replace("_", " ")
        return cls(
            at=row["at"],
            user=row["username"] or row["actor"],
            action=action,
            entity_type=row["entity"],
            entity_id=row["entity_id"],
            description=f"{told}: {entity} {row['entity_id']}",
        )


class Dashboard(Shape):
    """Figures of the moment. What counts orders or places to put away stops at 10,000, which then means as many or more."""

    open_pos: int
    """Purchase orders of which nothing has arrived."""
    pending_receipts: int
    """Purchase orders of which something is still to arrive."""
    items_awaiting_putaway: int
    """Items, by bin and lot, that wait where goods arrive."""
    open_sos: int
    orders_ready_to_pick: int
    """OPEN sales orders that nobody has to pay or approve before."""
    orders_in_picking: int
    ready_to_pack: int
    ready_to_ship: int
    orders_packed: int
    total_skus: int
    """Items that are not archived."""
    total_bins: int
    low_stock_items: int
    """Items of which fewer units are available than their reorder point says."""
    short_picks_7d: int
    pending_adjustments: int
    require_packing: bool
    recent_activity: list[Activity]


class ShortPickQuery(Shape):
    """How far back, and where."""

    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 30
    warehouse_id: PathId | None = None


class ShortPick(Shape):
    """A pick that found less than the books said."""

    pick_task_id: int
    batch_id: int
    batch_number: str
    warehouse_id: int
    so_numbers: list[str]
    item_id: int
    sku: str
    item_name: str
    bin_id: int
    bin_code: str
    lot_number: str | None
    quantity_to_pick: int
    quantity_picked: int
    shortage: int
    reported_by: str
    reported_at: Instant


class ShortPicks(Shape):
    """Short picks, the latest first; 500 at most. `total` counts all of them, up to 10,000."""

    short_picks: list[ShortPick]
    total: int
    days: int
