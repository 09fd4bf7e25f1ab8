"""Requests and replies about vendors and what they offer (commerce contract, procurement)."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.kernel.emails import Email
from chalicelib.kernel.ids import Id
from chalicelib.kernel.money import Amount, PriceIn
from chalicelib.kernel.paging import PER_PAGE_MAX, PageQuery
from chalicelib.kernel.shapes import Note, OptionalText, Shape, Text
from chalicelib.purchasing.vendors import rules
from chalicelib.purchasing.vendors.store import Product, Vendor


def _refuse_scripts(value: str) -> str:
    if value and not rules.is_website(value):
        raise PydanticCustomError("website", "Input should be a web address")
    return value


Website = Annotated[OptionalText, AfterValidator(_refuse_scripts)]
EmailIfAny = Annotated[Email | None, BeforeValidator(lambda value: None if value == "" else value)]
LeadTime = Annotated[int, Field(strict=True, ge=0, le=3650)]
PER_PAGE = PER_PAGE_MAX


class ListQuery(PageQuery):
    """Which records; the answer is a list, without a total."""

    per_page: Annotated[int, Field(ge=1, le=PER_PAGE_MAX)] = PER_PAGE
    all: Annotated[str, StringConstraints(max_length=20)] = Field("0", description="`1`: inactive ones as well")

    @property
    def inactive(self) -> bool:
        """Whether inactive ones are wanted."""
        return rules.is_set(self.all)


class ProductQuery(ListQuery):
    """Which products of all vendors."""

    category: OptionalText | None = Field(None, description="Of this category only, in any case")


class _VendorFields(Shape):
    website: Website | None = None
    phone: OptionalText | None = Field(None, description="As it is written, extension and all")
    email: EmailIfAny = None
    contact_name: OptionalText | None = None
    address: Note | None = None
    notes: Note | None = None


class NewVendor(_VendorFields):
    """A vendor to be made."""

    name: Text
    active: StrictBool = True

    def columns(self) -> dict[str, Any]:
        """As the table takes it."""
        given = self.model_dump(exclude={"active"})
        return {name: value or "" for name, value in given.items()} | {"is_active": self.active}


class VendorChanges(_VendorFields):
    """What is to be another way; what is left out stays.

    `null` empties a field; a name and whether it is active cannot be empty, there it means that they stay.
    """

    name: Text | None = None
    active: StrictBool | None = None

    def columns(self) -> dict[str, Any]:
        """Columns that change."""
        given = self.model_dump(exclude_unset=True, exclude={"name", "active"})
        kept = {"name": self.name, "is_active": self.active}
        return {n: v or "" for n, v in given.items()} | {n: v for n, v in kept.items() if v is not None}


class VendorView(Shape):
    """A vendor."""

    id: int
    name: str
    website: str | None
    phone: str | None
    email: str | None
    contact_name: str | None
    address: str | None
    notes: str | None
    active: bool

    @classmethod
    def of(cls, vendor: Vendor) -> "VendorView":
        """From the row."""
        return cls(**vendor_fields(vendor))


def vendor_fields(vendor: Vendor) -> dict[str, Any]:
    """A vendor's fields in the contract's words."""
    texts = ("website", "phone", "email", "contact_name", "address", "notes")
    said = {name: getattr(vendor, name) or None for name in texts}
    return {"id": vendor.id, "name": vendor.name, "active": vendor.is_active, **said}


class ProductView(Shape):
    """What a vendor offers."""

    id: int
    vendor_id: int
    name: str
    category: str | None
    description: str | None
    model_number: str | None
    est_price_min: Amount | None
    est_price_max: Amount | None
    lead_time_days: int | None
    notes: str | None
    active: bool

    @classmethod
    def of(cls, product: Product) -> "ProductView":
        """From the row."""
        texts = ("category", "description", "model_number", "notes")
        return cls(
            id=product.id,
            vendor_id=product.vendor_id,
            name=product.name,
            est_price_min=product.est_price_min_minor,
            est_price_max=product.est_price_max_minor,
            lead_time_days=product.lead_time_days,
            active=product.is_active,
            **{name: getattr(product, name) or None for name in texts},
        )


class VendorWithProducts(VendorView):
    """A vendor with what it offers, inactive products too: the first 1,000 by name."""

    products: list[ProductView]

    @classmethod
    def with_products(cls, vendor: Vendor, products: list[Product]) -> "VendorWithProducts":
        """From the rows."""
        return cls(**vendor_fields(vendor), products=[ProductView.of(product) for product in products])


class _ProductFields(Shape):
    category: OptionalText | None = None
    description: Note | None = None
    model_number: OptionalText | None = None
    est_price_min: PriceIn | None = None
    est_price_max: PriceIn | None = None
    lead_time_days: LeadTime | None = None
    notes: Note | None = None


_COLUMNS = {"est_price_min": "est_price_min_minor", "est_price_max": "est_price_max_minor"}
_NULLABLE = {"lead_time_days", *_COLUMNS}
_CANNOT_BE_EMPTY = {"name", "active", "vendor_id"}


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    return {_COLUMNS.get(n, n): v if n in _NULLABLE else v or "" for n, v in given.items() if n not in _CANNOT_BE_EMPTY}


class NewProduct(_ProductFields):
    """A product of a vendor to be made."""

    name: Text
    active: StrictBool = True

    def columns(self, vendor_id: int) -> dict[str, Any]:
        """As the table takes it."""
        kept = {"vendor_id": vendor_id, "name": self.name, "is_active": self.active}
        return {**_columns(self.model_dump()), **kept}


class ProductChanges(_ProductFields):
    """What is to be another way; what is left out stays.

    `null` empties a field; name, vendor and whether it is active cannot be empty, there it means that they stay.
    """

    name: Text | None = None
    active: StrictBool | None = None
    vendor_id: Id | None = None

    def columns(self) -> dict[str, Any]:
        """Columns that change."""
        kept = {"vendor_id": self.vendor_id, "name": self.name, "is_active": self.active}
        given = _columns(self.model_dump(exclude_unset=True))
        return given | {name: value for name, value in kept.items() if value is not None}


class Done(Shape):
    """It is gone."""

    success: bool = True
