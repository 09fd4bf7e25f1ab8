"""Requests and replies of the catalogue's endpoints."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from chalicelib.catalogue import images
from chalicelib.catalogue.rules import RESERVED_SKUS, Place
from chalicelib.catalogue.store import Card, Category, Selection
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.money import Amount
from chalicelib.kernel.paging import pages
from chalicelib.kernel.shapes import Barcode, Instant, Shape, Sku, Text

PAGE_MAX = 100_000
PER_PAGE_MAX = 500


def _refuse_reserved(value: str) -> str:
    if value.lower() in RESERVED_SKUS:
        raise PydanticCustomError("reserved_word", "This word cannot be a SKU or barcode")
    return value


NewSku = Annotated[Sku, AfterValidator(_refuse_reserved)]
NewBarcode = Annotated[Barcode, AfterValidator(_refuse_reserved)]
Name = Annotated[Text, AfterValidator(str.strip), Field(pattern=r"\S")]
SearchText = Annotated[str, StringConstraints(max_length=200)]
PageNumber = Annotated[int, Field(ge=1, le=PAGE_MAX)]
PerPage = Annotated[int, Field(ge=1, le=PER_PAGE_MAX)]
Identifier = Sku
"""A product's id or a SKU, as it stands in a path."""


def _place(value: Any) -> Any:
    place = Place.read(value) if isinstance(value, str) else None
    if place is None:
        raise PydanticCustomError("cursor", "This is no place in a list of products")
    return place


After = Annotated[Place, PlainValidator(_place), WithJsonSchema({"type": "string", "maxLength": 2000})]


class _ListQuery(Shape):
    page: PageNumber = 1
    per_page: PerPage = 100
    after: After | None = Field(
        None, description="`next` of the last answer: goes on there, however far that is, and counts before `page`"
    )

    def selection(self, **which: Any) -> Selection:
        """The products that are asked for."""
        return Selection(limit=self.per_page, offset=(self.page - 1) * self.per_page, after=self.after, **which)

    @property
    def position(self) -> int:
        """How many products come before the page."""
        return (self.page - 1) * self.per_page if self.after is None else self.after.position

    def paged(self, cards: list[Card], total: int) -> dict[str, Any]:
        """The fields around a page, but for its number."""
        end = self.position + len(cards)
        token = Place(end, cards[-1].id, cards[-1].name).token if cards and end < total else None
        return {"total": total, "pages": pages(total, self.per_page), "per_page": self.per_page, "next": token}


class ShopQuery(_ListQuery):
    """Which products the shop shows."""

    category_id: PathId | None = None
    category: Annotated[str, StringConstraints(max_length=255)] | None = Field(
        None, description="Name of a category, in any case; `category_id` counts if both are given"
    )
    search: SearchText | None = Field(
        None, description="A SKU or its beginning, a barcode, or words of name, brand and description; best match first"
    )


class ProductQuery(_ListQuery):
    """Which products an integrator wants."""

    per_page: PerPage = 50
    category_id: PathId | None = None
    search: SearchText = ""
    in_stock: bool | None = None


class ShopProduct(Shape):
    """A product as the shop shows it."""

    id: int
    name: str
    description: str
    category_id: int | None
    sku: str
    unit_price: Amount
    bulk_price: Amount | None
    bulk_quantity: int | None = Field(description="Units in one line from which on the bulk price counts")
    unit_size: str
    brand: str
    image_url: str | None
    in_stock: bool = Field(description="The seller's switch: whether it is offered at all")
    available: int = Field(
        description="Units that one order can have now: on hand less held, in the warehouse that has most of it"
    )

    @classmethod
    def of(cls, card: Card) -> "ShopProduct":
        """From the row."""
        return cls(**_shown(card))


class ShopPage(Shape):
    """A page of the shop's products. `total` stops counting 10,000 products after the page, a search at its 1,000 best."""

    products: list[ShopProduct]
    total: int
    pages: int
    current_page: int
    per_page: int
    next: str | None = Field(description="`after` of the page that follows; null: there is none")

    @classmethod
    def of(cls, cards: list[Card], total: int, query: ShopQuery) -> "ShopPage":
        """From the rows."""
        return cls(
            products=[ShopProduct.of(card) for card in cards],
            current_page=query.position // query.per_page + 1,
            **query.paged(cards, total),
        )


class ProductView(ShopProduct):
    """A product as integrators see it, with its default variant."""

    variant_id: int
    category: str | None
    barcodes: list[str]
    weight_g: int | None
    is_lot_tracked: bool
    is_active: bool
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, card: Card) -> "ProductView":
        """From the row."""
        more = (
            "variant_id",
            "category",
            "barcodes",
            "weight_g",
            "is_lot_tracked",
            "is_active",
            "created_at",
            "updated_at",
        )
        return cls(**_shown(card), **{name: getattr(card, name) for name in more})


class ProductPage(Shape):
    """A page of products. `total` stops counting 10,000 products after the page, a search at its 1,000 best."""

    products: list[ProductView]
    total: int
    page: int
    per_page: int
    pages: int
    next: str | None = Field(description="`after` of the page that follows; null: there is none")

    @classmethod
    def of(cls, cards: list[Card], total: int, query: ProductQuery) -> "ProductPage":
        """From the rows."""
        return cls(
            products=[ProductView.of(card) for card in cards],
            page=query.position // query.per_page + 1,
            **query.paged(cards, total),
        )


class ProductFound(Shape):
    """One product."""

    product: ProductView


class CategoryView(Shape):
    """A category."""

    id: int
    name: str
    description: str

    @classmethod
    def of(cls, category: Category) -> "CategoryView":
        """From the row."""
        return cls(id=category.id, name=category.name, description=category.description)


class Categories(Shape):
    """All categories by name."""

    categories: list[CategoryView]


def _shown(card: Card) -> dict[str, Any]:
    same = (
        "id",
        "name",
        "description",
        "category_id",
        "sku",
        "bulk_quantity",
        "unit_size",
        "brand",
        "in_stock",
        "available",
    )
    return {
        **{name: getattr(card, name) for name in same},
        "image_url": images.shown_url(card.image_url),
        "unit_price": card.unit_price_minor,
        "bulk_price": card.bulk_price_minor,
    }
