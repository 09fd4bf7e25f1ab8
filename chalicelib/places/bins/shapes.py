"""Requests and replies of zones and bins."""

from typing import Annotated, Any

from pydantic import Field, StrictBool, StringConstraints

from chalicelib.kernel.ids import Id, PathId
from chalicelib.kernel.paging import Paged, PageQuery
from chalicelib.kernel.shapes import Barcode, OptionalText, Shape
from chalicelib.places.rules import AnyBinKind, ShelfKind, ZoneKind
from chalicelib.places.shapes import Code, LabelPart, Name, Sequence

SearchText = Annotated[str, StringConstraints(max_length=128)]


class ZoneQuery(PageQuery):
    """Which zones."""

    warehouse_id: PathId | None = None


class NewZone(Shape):
    """A zone to be made."""

    warehouse_id: Id
    zone_code: Code
    zone_name: Name
    zone_type: ZoneKind


class ChangedZone(Shape):
    """What is to change; a field that is left out or null stays as it is."""

    warehouse_id: Id | None = None
    zone_code: Code | None = None
    zone_name: Name | None = None
    zone_type: ZoneKind | None = None
    is_active: StrictBool | None = None


class ZoneView(Shape):
    """A zone as the admin panel sees it."""

    id: int
    zone_id: int
    warehouse_id: int
    zone_code: str
    zone_name: str
    zone_type: str
    is_active: bool

    @classmethod
    def of(cls, row: dict[str, Any]) -> "ZoneView":
        """From the row."""
        return cls(
            id=row["id"],
            zone_id=row["id"],
            warehouse_id=row["warehouse_id"],
            zone_code=row["code"],
            zone_name=row["name"],
            zone_type=row["kind"],
            is_active=row["is_active"],
        )


class ZonePage(Paged):
    """A page of zones."""

    zones: list[ZoneView]


class BinQuery(PageQuery):
    """Which bins."""

    warehouse_id: PathId | None = None
    zone_id: PathId | None = None
    bin_type: AnyBinKind | None = None
    q: SearchText | None = Field(None, description="Part of a code or barcode, in any case; the first 1,000 are found")


class NewBin(Shape):
    """A bin to be made. Parts of its address may be numbers; they come back as text."""

    zone_id: Id
    warehouse_id: Id
    bin_code: Code
    bin_barcode: Barcode
    bin_type: ShelfKind
    aisle: LabelPart | None = None
    row_num: LabelPart | None = None
    level_num: LabelPart | None = None
    position_num: LabelPart | None = None
    pick_sequence: Sequence | None = None
    putaway_sequence: Sequence | None = None
    description: OptionalText | None = None


class ChangedBin(Shape):
    """What is to change; a field that is left out or null stays as it is."""

    zone_id: Id | None = None
    warehouse_id: Id | None = None
    bin_code: Code | None = None
    bin_barcode: Barcode | None = None
    bin_type: ShelfKind | None = None
    aisle: LabelPart | None = None
    row_num: LabelPart | None = None
    level_num: LabelPart | None = None
    position_num: LabelPart | None = None
    pick_sequence: Sequence | None = None
    putaway_sequence: Sequence | None = None
    description: OptionalText | None = None
    is_active: StrictBool | None = None


class BinView(Shape):
    """A bin as the admin panel sees it; `zone_name` is the zone's code where it has no name, "" without a zone."""

    id: int
    bin_id: int
    warehouse_id: int
    zone_id: int | None
    zone_name: str
    zone_type: str | None
    bin_code: str
    bin_barcode: str
    bin_type: str
    aisle: str
    row_num: str
    level_num: str
    position_num: str
    pick_sequence: int
    putaway_sequence: int
    description: str
    is_active: bool

    @classmethod
    def of(cls, row: dict[str, Any]) -> "BinView":
        """From the row."""
        same = (
            "id",
            "warehouse_id",
            "zone_id",
            "zone_name",
            "aisle",
            "row_num",
            "level_num",
            "position_num",
            "pick_sequence",
            "putaway_sequence",
            "description",
            "is_active",
        )
        return cls(
            bin_id=row["id"],
            zone_type=row["zone_kind"],
            bin_code=row["code"],
            bin_barcode=row["barcode"],
            bin_type=row["kind"],
            **{name: row[name] for name in same},
        )


class BinPage(Paged):
    """A page of bins. `total` stops counting 10,000 bins after the page."""

    bins: list[BinView]


class BinContent(Shape):
    """Units of one item (and lot) in a bin."""

    item_id: int
    sku: str
    item_name: str
    lot_number: str | None
    quantity_on_hand: int
    quantity_allocated: int
    quantity_available: int


class BinDetail(Shape):
    """A bin with what lies in it: the first 1,000 of its items, by SKU."""

    bin: BinView
    inventory: list[BinContent]
