"""What the endpoints of items read and say."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from chalicelib.catalogue.items.rules import grams
from chalicelib.catalogue.items.store import Item
from chalicelib.catalogue.rules import pounds
from chalicelib.catalogue.service import NewProduct
from chalicelib.catalogue.shapes import Name, NewBarcode, NewSku
from chalicelib.kernel.money import Amount, parse_price
from chalicelib.kernel.paging import Paged, PageQuery
from chalicelib.kernel.shapes import QUANTITY_MAX, Instant, Note, Shape

POUNDS_MAX = 100_000
ALIASES_MAX = 100


def _grams(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("decimal_type", "Weight should be a number")
    if not 0 <= value <= POUNDS_MAX:
        raise PydanticCustomError("weight_range", "Weight should be between 0 and 100000 pounds")
    return grams(float(value))


def _amount(value: Any) -> int | None:
    return None if value is None else parse_price(value)


_NUMBER = WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]})
Aliases = Annotated[list[NewBarcode], Field(max_length=ALIASES_MAX)]
Pounds = Annotated[int | None, BeforeValidator(_grams), _NUMBER]
"""A weight in pounds; grams after parsing."""
Price = Annotated[int | None, BeforeValidator(_amount), _NUMBER]
"""An amount that may be 0; minor units after parsing."""
ReorderPoint = Annotated[StrictInt, Field(ge=0, le=QUANTITY_MAX)]
Search = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class ItemQuery(PageQuery):
    """Which items."""

    category: Search | None = Field(None, description="Name of a category, in any case")
    active: bool | None = Field(None, description="Only those that are sold, or only archived ones")
    q: Search = Field("", description="A part of a SKU, name or barcode, in any case; best match first")


class NewItem(Shape):
    """An item to be made. Without a price the shop does not sell it before it gets one."""

    sku: NewSku
    item_name: Name
    description: Note = ""
    upc: NewBarcode | None = None
    barcode_aliases: Aliases = Field(default_factory=list)
    category: Name | None = Field(None, description="Name of a category, in any case; a new one is made")
    weight_lbs: Pounds = None
    unit_price: Price = None
    unit_cost: Price = None
    is_active: StrictBool = True
    is_lot_tracked: StrictBool = False
    reorder_point: ReorderPoint | None = Field(None, description="With fewer units available the item counts as low")

    def product(self, category_id: int | None = None) -> NewProduct:
        """The product that is made of it."""
        return NewProduct(
            sku=self.sku,
            name=self.item_name,
            description=self.description,
            category_id=category_id,
            unit_price_minor=self.unit_price or 0,
            in_stock=bool(self.unit_price),
            is_active=self.is_active,
            weight_g=self.weight_lbs,
            cost_minor=self.unit_cost,
            is_lot_tracked=self.is_lot_tracked,
            upc=self.upc,
            barcodes=tuple(self.barcode_aliases),
            reorder_point=self.reorder_point,
        )


class ItemChanges(Shape):
    """What is to be changed; a field that is left out stays."""

    sku: NewSku | None = None
    item_name: Name | None = None
    description: Note | None = None
    upc: NewBarcode | None = None
    barcode_aliases: Aliases | None = None
    category: Name | None = None
    weight_lbs: Pounds = None
    unit_price: Price = None
    unit_cost: Price = None
    is_active: StrictBool | None = None
    is_lot_tracked: StrictBool | None = None
    reorder_point: ReorderPoint | None = None


class ItemView(Shape):
    """An item."""

    item_id: int
    sku: str
    item_name: str
    description: str
    upc: str | None
    barcode_aliases: list[str]
    category: str | None
    weight_lbs: float | None
    unit_price: Amount | None = Field(description="null: nobody priced it yet, and the shop does not sell it")
    unit_cost: Amount | None
    is_active: bool
    is_for_sale: bool = Field(description="Whether the shop sells it: active, priced, and not taken off sale")
    is_lot_tracked: bool
    reorder_point: int | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def fields_of(cls, item: Item) -> dict[str, Any]:
        """From the row."""
        return {
            "item_id": item.id,
            "sku": item.sku,
            "item_name": item.name,
            "description": item.description,
            "upc": item.upc,
            "barcode_aliases": item.aliases,
            "category": item.category,
            "weight_lbs": None if item.weight_g is None else pounds(item.weight_g),
            "unit_price": item.unit_price_minor or None,
            "unit_cost": item.cost_minor,
            "is_active": item.is_listed,
            "is_for_sale": item.is_listed and item.in_stock,
            "is_lot_tracked": item.is_lot_tracked,
            "reorder_point": item.reorder_point,
            "created_at": item.created_at,
            "updated_at": item.updated_at,
        }

    @classmethod
    def of(cls, item: Item) -> "ItemView":
        """From the row."""
        return cls(**cls.fields_of(item))


class ItemSaved(ItemView):
    """An item as it is now; `warnings` are sentences about barcodes that look mistyped."""

    warnings: list[str]


class ItemPage(Paged):
    """A page of items. `total` stops counting 10,000 items after the page, a search at its 1,000 best."""

    items: list[ItemView]


class ItemLevel(Shape):
    """Units of an item in one bin."""

    bin_id: int
    bin_code: str
    zone_name: str | None
    warehouse_id: int
    lot_number: str | None
    quantity_on_hand: int
    quantity_allocated: int
    quantity_available: int = Field(
        description="Neither allocated to a pick, nor in quality control, damaged or barred"
    )

    @classmethod
    def of(cls, row: dict[str, Any]) -> "ItemLevel":
        """From the row."""
        same = ("bin_id", "bin_code", "zone_name", "warehouse_id", "lot_number")
        counted = ("on_hand", "allocated", "available")
        return cls(**{name: row[name] for name in same}, **{f"quantity_{name}": row[name] for name in counted})


class ItemPlace(Shape):
    """A bin where an item is to be put away."""

    preferred_bin_id: int
    bin_id: int
    bin_code: str
    bin_barcode: str
    zone_name: str | None
    warehouse_id: int
    priority: int

    @classmethod
    def of(cls, row: dict[str, Any]) -> "ItemPlace":
        """From the row."""
        return cls(preferred_bin_id=row["id"], **{name: value for name, value in row.items() if name != "id"})


class ItemDetail(ItemView):
    """An item with the bins where it lies and those where it belongs; at most 1,000 of each."""

    inventory: list[ItemLevel]
    preferred_bins: list[ItemPlace]


class ItemDeleted(Shape):
    """Gone for good."""

    message: str = "Item deleted"
    item_id: int
