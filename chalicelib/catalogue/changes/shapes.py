"""What the endpoints of changes read and say."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt, ValidationError, WrapValidator, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from chalicelib.catalogue.changes.rules import Entry, Outcome, Sent
from chalicelib.catalogue.images import ImageUrl
from chalicelib.catalogue.service import NewProduct
from chalicelib.catalogue.shapes import Name, NewSku, ProductView
from chalicelib.kernel.ids import Id
from chalicelib.kernel.money import AmountIn, PriceIn
from chalicelib.kernel.shapes import QUANTITY_MAX, Note, OptionalText, Shape, Sku

ENTRIES_MAX = 1000

BulkQuantity = Annotated[StrictInt, Field(ge=2, le=QUANTITY_MAX)]


def unsent(description: str | None = None) -> Any:
    """A field that may be left out: what is not sent stays. It shows no default, for there is none."""
    return Field(default_factory=lambda: None, description=description)


class Price(Shape):
    """The prices of a product. What is left out stays; null ends the bulk price, which needs its quantity."""

    unit_price: PriceIn = Field(description="0: it has no price, and is not for sale before it gets one")
    bulk_price: AmountIn | None = unsent("For each unit of a line of `bulk_quantity` or more; at most `unit_price`")
    bulk_quantity: BulkQuantity | None = unsent()


class InStock(Shape):
    """The seller's switch; how many units there are is the ledger's to say."""

    in_stock: StrictBool


class SoldAs(Shape):
    """What one product or many are changed to. What is left out stays; null empties a text."""

    name: Name = unsent()
    description: Note | None = unsent()
    unit_price: PriceIn = unsent("0: it has no price, and is not for sale before it gets one")
    bulk_price: AmountIn | None = unsent(
        "For each unit of a line of `bulk_quantity` or more; at most `unit_price`. null: there is none any more"
    )
    bulk_quantity: BulkQuantity | None = unsent()
    unit_size: OptionalText | None = unsent()
    brand: OptionalText | None = unsent()
    in_stock: StrictBool = unsent("The seller's switch; the first price turns it on, a price of 0 off")
    image_url: ImageUrl | None = unsent()


class ProductChanges(SoldAs):
    """Full or partial change of a product."""

    category_id: Id | None = unsent()
    sku: NewSku = unsent()


class EntryChanges(SoldAs):
    """A change of the product with this id or SKU. With both, the SKU must be one of the product's."""

    id: Id = unsent()
    sku: Sku = unsent("Names the product; it is not changed")

    @model_validator(mode="after")
    def _is_named(self) -> "EntryChanges":
        if not self.model_fields_set & {"id", "sku"}:
            raise PydanticCustomError("unnamed", "One of id and sku is required")
        return self


class Unreadable(Shape):
    """An entry that cannot be read: what it seems to name, and what is wrong with it."""

    id: int | None
    sku: str | None
    details: list[dict[str, Any]]


def _read_each(value: Any, _read: Any) -> "EntryChanges | Unreadable":
    """One wrong entry must not stop the others."""
    try:
        return EntryChanges.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        details = [{"type": e["type"], "loc": list(e["loc"]), "msg": e["msg"]} for e in found]
        named = value if isinstance(value, dict) else {}
        product_id, sku = named.get("id"), named.get("sku")
        return Unreadable(
            id=product_id if type(product_id) is int and abs(product_id) < 2**53 else None,
            sku=sku[:64] if isinstance(sku, str) else None,
            details=details,
        )


class BulkUpdate(Shape):
    """Changes of many products, taken in order: what two entries say of one product is both applied, the later over the
    earlier."""

    products: Annotated[
        list[Annotated[EntryChanges | SkipJsonSchema[Unreadable], WrapValidator(_read_each)]],
        Field(min_length=1, max_length=ENTRIES_MAX),
    ]


class FieldFlaw(Shape):
    """What is wrong with a field of an entry."""

    type: str
    loc: list[str | int]
    msg: str


class Named(Shape):
    """An entry by its place in the request, from 0, and what it named. `product_id` is null where that is nobody."""

    index: int
    id: int | None
    sku: str | None
    product_id: int | None


class Updated(Named):
    """An entry that changed its product."""

    changed: list[str] = Field(description="Names of the fields that differ from what they were")


class Skipped(Named):
    """An entry that had nothing to change."""

    reason: str = Field(description="not_found or unchanged", examples=["not_found"])
    message: str


class Failed(Named):
    """An entry that cannot be carried out."""

    reason: str = Field(description="invalid", examples=["invalid"])
    message: str
    details: list[FieldFlaw]


class BulkUpdated(Shape):
    """What became of each entry. All changes are committed together, before this is answered."""

    success: bool = Field(description="Whether no entry is in error")
    updated_count: int
    skipped_count: int
    error_count: int
    updated: list[Updated]
    skipped: list[Skipped]
    errors: list[Failed]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], unreadable: Sequence[tuple[int, Unreadable]]) -> "BulkUpdated":
        """From the outcomes, each kind in the order of the entries."""
        updated = [Updated(**_named(o), changed=list(o.changed)) for o in outcomes if o.kind == "updated"]
        skipped = [Skipped(**_named(o), reason=o.reason, message=o.message) for o in outcomes if o.kind == "skipped"]
        refused = [
            Failed(**_named(o), reason=o.reason, message=o.message, details=_flaws(o.details))
            for o in outcomes
            if o.kind == "error"
        ]
        for index, entry in unreadable:
            flaws = _flaws(entry.details)
            message = "; ".join(flaw.msg for flaw in flaws)
            named = {"index": index, "id": entry.id, "sku": entry.sku, "product_id": None}
            refused.append(Failed(**named, reason="invalid", message=message, details=flaws))
        return cls(
            success=not refused,
            updated_count=len(updated),
            skipped_count=len(skipped),
            error_count=len(refused),
            updated=updated,
            skipped=skipped,
            errors=sorted(refused, key=lambda failed: failed.index),
        )


class ProductSaved(Shape):
    """A product as it is now."""

    success: bool = True
    product: ProductView


class NewShopProduct(Shape):
    """A product to be added to the shop."""

    name: Name
    description: Note = ""
    category_id: Id
    sku: NewSku
    unit_price: PriceIn = Field(description="0: it has no price yet, and is not for sale before it gets one")
    bulk_price: AmountIn | None = Field(None, description="For each unit of a line of `bulk_quantity` or more")
    bulk_quantity: BulkQuantity | None = None
    unit_size: OptionalText = ""
    brand: OptionalText = ""
    image_url: ImageUrl | None = None

    def product(self) -> NewProduct:
        """The product that is made of it."""
        return NewProduct(
            sku=self.sku,
            name=self.name,
            description=self.description,
            category_id=self.category_id,
            unit_price_minor=self.unit_price,
            bulk_price_minor=self.bulk_price,
            bulk_quantity=self.bulk_quantity,
            unit_size=self.unit_size,
            brand=self.brand,
            in_stock=self.unit_price > 0,
        )


class NewCategory(Shape):
    """A category to be made."""

    name: Name
    description: Note = ""


def sent(shape: Shape, *, but: frozenset[str] = frozenset()) -> Sent:
    """The fields that came, by name."""
    return {name: getattr(shape, name) for name in shape.model_fields_set - but}


def entries(body: BulkUpdate) -> tuple[list[Entry], list[tuple[int, Unreadable]]]:
    """The entries that can be carried out, and those that cannot, each with its place."""
    good: list[Entry] = []
    bad: list[tuple[int, Unreadable]] = []
    for index, each in enumerate(body.products):
        if isinstance(each, Unreadable):
            bad.append((index, each))
        else:
            good.append(Entry(index, each.id, each.sku, sent(each, but=frozenset({"id", "sku"}))))
    return good, bad


def _named(outcome: Outcome) -> dict[str, Any]:
    entry = outcome.entry
    return {"index": entry.index, "id": entry.id, "sku": entry.sku, "product_id": outcome.product_id}


def _flaws(details: Sequence[Any]) -> list[FieldFlaw]:
    return [FieldFlaw(**detail) for detail in details]
