"""What a record of each kind may say. Names stand for ids: warehouse_code, zone_code and sku are looked up."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictInt, field_validator, model_validator

from chalicelib.catalogue import NewItem
from chalicelib.imports.rules import NoFormula, Plain, neutralised, refuse_formula
from chalicelib.kernel.ids import Id
from chalicelib.kernel.money import PriceIn
from chalicelib.kernel.shapes import Barcode, Day, Note, OptionalText, Quantity, Shape, Sku
from chalicelib.places import LabelPart

Line = Annotated[OptionalText, Plain]
Notes = Annotated[Note, Plain]
Code = Annotated[Sku, NoFormula]
Label = Annotated[Barcode, NoFormula]
Sequence = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]


class ItemRecord(NewItem):
    """An item, as one that is made by hand. Without a price the shop does not sell it before it gets one."""

    @field_validator("item_name", "description", "category")
    @classmethod
    def _plain(cls, text: str | None) -> str | None:
        return None if text is None else neutralised(text)

    @field_validator("sku", "upc", "barcode_aliases")
    @classmethod
    def _no_formula(cls, codes: str | list[str] | None) -> str | list[str] | None:
        for code in [codes] if isinstance(codes, str) else codes or ():
            refuse_formula(code)
        return codes


class _InWarehouse(Shape):
    warehouse_id: Id | None = None
    warehouse_code: Code | None = None

    @model_validator(mode="after")
    def _warehouse_named(self) -> Self:
        if (self.warehouse_id is None) == (self.warehouse_code is None):
            raise ValueError("give either warehouse_id or warehouse_code")
        return self


class BinRecord(_InWarehouse):
    """A bin in a zone."""

    zone_id: Id | None = None
    zone_code: Code | None = None
    bin_code: Code
    bin_barcode: Label
    bin_type: Literal["Pickable", "PickableStaging", "Staging"] = "Pickable"
    aisle: LabelPart = ""
    row_num: LabelPart = ""
    level_num: LabelPart = ""
    position_num: LabelPart = ""
    pick_sequence: Sequence = 0
    putaway_sequence: Sequence = 0
    description: Line = ""

    @model_validator(mode="after")
    def _zone_named(self) -> Self:
        if (self.zone_id is None) == (self.zone_code is None):
            raise ValueError("give either zone_id or zone_code")
        return self


class LineRecord(Shape):
    """One line of an order."""

    item_id: Id | None = None
    sku: Code | None = None
    quantity_ordered: Quantity

    @model_validator(mode="after")
    def _item_named(self) -> Self:
        if (self.item_id is None) == (self.sku is None):
            raise ValueError("give either item_id or sku")
        return self


class PurchaseLine(LineRecord):
    """A line of a purchase order, with what a unit costs."""

    unit_cost: PriceIn | None = None


class SalesLine(LineRecord):
    """A line of a sales order; without a price it costs what the catalogue says."""

    unit_price: PriceIn | None = None


OF_LINE = {*PurchaseLine.model_fields, *SalesLine.model_fields}
LINES_MAX = 2000


class _OrderRecord(_InWarehouse):
    @model_validator(mode="before")
    @classmethod
    def _flat(cls, record: Any) -> Any:
        """A line of a file is an order with one line; imports/entities.py joins those with one number."""
        if not isinstance(record, Mapping) or "lines" in record:
            return record
        of_line = {name: record[name] for name in OF_LINE if name in record}
        return {name: value for name, value in record.items() if name not in of_line} | {"lines": [of_line]}


class PurchaseOrderRecord(_OrderRecord):
    """A purchase order, whole or one of its lines; lines of a file with one number make one order."""

    lines: Annotated[list[PurchaseLine], Field(min_length=1, max_length=LINES_MAX)]
    po_number: Label
    po_barcode: Label | None = None
    vendor_name: Line = ""
    expected_date: Day | None = None
    notes: Notes = ""


class SalesOrderRecord(_OrderRecord):
    """A sales order, whole or one of its lines; lines of a file with one number make one order."""

    lines: Annotated[list[SalesLine], Field(min_length=1, max_length=LINES_MAX)]
    so_number: Label
    so_barcode: Label | None = None
    customer_name: Line = ""
    customer_phone: Line | None = None
    ship_address: Line = ""
    ship_method: Line | None = None
    notes: Notes = ""
