"""What integrators see of stock (inventory contract)."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt, model_validator

from chalicelib.kernel.ids import Id, PathId
from chalicelib.kernel.shapes import QUANTITY_MAX, Instant, Note, Shape, Sku, TimeIn

PAGE_MAX = 10_000
Page = Annotated[int, Field(ge=1, le=PAGE_MAX)]
PerPage = Annotated[int, Field(ge=1, le=200)]


class LevelQuery(Shape):
    """Filters of the stock levels; `as_of` asks for what lay there at an instant."""

    variant_id: PathId | None = None
    sku: Sku | None = None
    location_id: PathId | None = None
    as_of: TimeIn | None = None
    page: Page = 1
    per_page: PerPage = 50


class LevelView(Shape):
    """One variant at one location. on_hand = available + reserved + what may not be sold."""

    variant_id: int
    sku: str
    product_id: int
    product_name: str
    location_id: int
    location_name: str
    on_hand: int
    available: int | None
    """None in the past: holds are not part of the ledger."""
    reserved: int | None
    updated_at: Instant


class LevelPage(Shape):
    """A page of levels."""

    inventory_levels: list[LevelView]
    page: int
    per_page: int


class MoveQuery(Shape):
    """Filters of the ledger."""

    variant_id: PathId | None = None
    location_id: PathId | None = None
    entry_type: Annotated[str, Field(max_length=64)] | None = None
    reference: Annotated[str, Field(max_length=128)] | None = None
    created_after: TimeIn | None = None
    created_before: TimeIn | None = None
    page: Page = 1
    per_page: PerPage = 50


class MoveView(Shape):
    """One move: units that left one place and came to another."""

    id: int
    variant_id: int
    sku: str
    lot_id: int | None
    lot_number: str | None
    quantity: int
    entry_type: str
    reference: str
    note: str
    actor: str
    created_at: Instant
    from_kind: str
    from_location_id: int | None
    from_bin: str | None
    to_kind: str
    to_location_id: int | None
    to_bin: str | None


class MovePage(Shape):
    """A page of the ledger, newest first."""

    inventory_ledger: list[MoveView]
    page: int
    per_page: int


Reason = Literal["adjustment", "shrinkage", "damage", "found", "cycle_count_adjustment", "opening_balance"]


class Adjust(Shape):
    """A correction by hand: `quantity` units more (positive) or fewer (negative) of a variant at a location."""

    variant_id: Id | None = None
    sku: Sku | None = None
    location_id: Id
    quantity: Annotated[StrictInt, Field(ge=-QUANTITY_MAX, le=QUANTITY_MAX)]
    reason: Reason = "adjustment"
    note: Note = ""

    @model_validator(mode="after")
    def _named(self) -> "Adjust":
        if (self.variant_id is None) == (self.sku is None):
            raise ValueError("give either variant_id or sku")
        if self.quantity == 0:
            raise ValueError("quantity must not be 0")
        return self


class AdjustmentView(Shape):
    """What the adjustment left."""

    variant_id: int
    sku: str
    location_id: int
    quantity: int
    reason: str
    on_hand: int
    available: int
    released_order_ids: list[int]
    """Orders that lost their hold because reality has less than was promised; the youngest first."""
    created_at: Instant
