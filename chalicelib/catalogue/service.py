"""Use cases of the catalogue."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import ClassVar

import psycopg
from pydantic import BaseModel

from chalicelib.catalogue import facts, rules, store
from chalicelib.kernel.errors import Conflict, Detail, Invalid, NotFound
from chalicelib.kernel.money import AMOUNT_MAX, extend
from chalicelib.kernel.shapes import Shape
from chalicelib.kernel.uow import UnitOfWork


class CategoryTaken(Conflict):
    """There is a category of this name."""

    code = "category_taken"
    sentence = "A category of this name exists"


class SkuTaken(Conflict):
    """SKUs are unique in an organization; upper and lower case are the same."""

    code = "sku_taken"
    sentence = "This SKU belongs to another product"


class BarcodeTaken(Conflict):
    """A barcode leads to one product."""

    code = "barcode_taken"
    sentence = "This barcode belongs to another product"


class RefusedLine(Shape):
    """A line of an order that cannot be sold."""

    line: int
    product_id: int
    sku: str
    message: str


class _RefusedLines(Shape):
    lines: list[RefusedLine]


class NotForSale(Conflict):
    """Products that exist but are not sold now; `lines` names every one."""

    status_by_dialect: ClassVar = {"inventory": 422}
    code = "not_for_sale"
    sentence = "Some products are not for sale"
    Extra: ClassVar[type[BaseModel] | None] = _RefusedLines


@dataclass(frozen=True, kw_only=True)
class NewProduct:
    """A product to be created, with its default variant. Prices in minor units, weight in grams.

    What has no price yet is made with a price of 0 and not `in_stock`, so that nobody buys it for nothing.
    """

    sku: str
    name: str
    unit_price_minor: int
    category_id: int | None = None
    description: str = ""
    brand: str = ""
    unit_size: str = ""
    bulk_price_minor: int | None = None
    bulk_quantity: int | None = None
    in_stock: bool = True
    image_url: str | None = None
    is_active: bool = True
    weight_g: int | None = None
    cost_minor: int | None = None
    is_lot_tracked: bool = False
    upc: str | None = None
    barcodes: tuple[str, ...] = ()
    reorder_point: int | None = None

    @property
    def codes(self) -> list[tuple[str, str]]:
        """(code, kind) of its barcodes, the UPC first."""
        return rules.coded(self.upc, self.barcodes)


@dataclass(frozen=True)
class CreatedProduct:
    """A new product's ids; `warnings` are sentences about barcodes that look mistyped."""

    product_id: int
    variant_id: int
    sku: str
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Item:
    """A line that somebody wants: a product by id (its default variant), a variant by id, or any variant by SKU."""

    quantity: int
    product_id: int | None = None
    variant_id: int | None = None
    sku: str | None = None


@dataclass(frozen=True)
class PricedItem:
    """A line with its price in minor units of the organization's currency."""

    line: int
    product_id: int
    variant_id: int
    sku: str
    name: str
    brand: str
    unit_size: str
    quantity: int
    unit_price_minor: int
    is_bulk_price: bool

    @property
    def line_total_minor(self) -> int:
        """Exact: the unit price, so many times."""
        return extend(self.unit_price_minor, self.quantity)


def create_category(uow: UnitOfWork, name: str, description: str = "") -> int:
    """The new category's id. Raises CategoryTaken; upper and lower case are the same."""
    made = store.create_category(uow, name, description)
    if made is None:
        raise CategoryTaken
    uow.audit("create", "category", made, after={"name": name, "description": description})
    return made


def add_category(uow: UnitOfWork, name: str, description: str) -> store.Category:
    """A new category. Raises CategoryTaken."""
    return store.Category(create_category(uow, name, description), name, description)


def check_category(uow: UnitOfWork, category_id: int) -> None:
    """Raises Invalid for one that this organization does not have."""
    if not store.has_category(uow, category_id):
        raise Invalid.field("category_id", message="There is no such category", type="unknown_category")


def create_product(uow: UnitOfWork, product: NewProduct) -> CreatedProduct:
    """One product; see `create_products`."""
    return create_products(uow, [product])[0]


def create_products(uow: UnitOfWork, products: Sequence[NewProduct]) -> list[CreatedProduct]:
    """Products with their default variants and barcodes, in one statement, in the order given.

    Raises SkuTaken, BarcodeTaken, NotFound for a category that is not there. All or none.
    """
    try:
        made = make_products(uow, products)
    except psycopg.errors.UniqueViolation as error:
        raise (SkuTaken if error.diag.constraint_name == "variant_sku" else BarcodeTaken) from None
    for product, ids in zip(products, made, strict=True):
        uow.audit("create", "product", ids.product_id, after={"sku": ids.sku, "name": product.name})
        uow.tell(facts.Created(variant_id=ids.variant_id))
    return made


def make_products(uow: UnitOfWork, products: Sequence[NewProduct]) -> list[CreatedProduct]:
    """As `create_products`, without entries in the audit log. Raises psycopg.errors.UniqueViolation, NotFound."""
    rows = [{"line": line, **asdict(product)} for line, product in enumerate(products)]
    barcodes = [
        {"line": line, "place": place, "code": code, "kind": kind}
        for line, product in enumerate(products)
        for place, (code, kind) in enumerate(product.codes)
    ]
    made = store.create_products(uow, rows, barcodes)
    if len(made) != len(products):
        raise NotFound("Category not found")
    return [
        CreatedProduct(
            ids.product_id, ids.variant_id, ids.sku, rules.barcode_warnings([code for code, _ in product.codes])
        )
        for product, ids in zip(products, made, strict=True)
    ]


def ensure_categories(uow: UnitOfWork, names: Iterable[str]) -> dict[str, int]:
    """Name -> id of categories, in any case; those that are not there are made. One statement for any number."""
    return store.ensure_categories(uow, sorted(set(names)))


def check_new(uow: UnitOfWork, products: Sequence[NewProduct], *, but_for: int | None = None) -> list[rules.Code]:
    """Every SKU and barcode of these products that another item has, or an earlier line, in the order of the lines.

    One statement for any number; a GTIN counts in all its lengths. `but_for` is a variant that keeps what it has. Somebody
    else may still be quicker: whoever writes afterwards finds out by a UniqueViolation.
    """
    codes = [code for line, product in enumerate(products) for code in _codes(line, product)]
    forms = [
        {**code._asdict(), "form": form}
        for code in codes
        for form in (rules.lookup_forms(code.value) if code.kind == "barcode" else [code.value])
    ]
    taken = {*store.list_taken(uow, forms, but_for), *rules.repeated(codes)}
    return [code for code in codes if code in taken]


def _codes(line: int, product: NewProduct) -> list[rules.Code]:
    barcodes = [rules.Code(line, "barcode", code) for code, _ in product.codes]
    return [rules.Code(line, "sku", product.sku), *barcodes]


def variants_by_barcode(uow: UnitOfWork, code: str) -> list[store.Variant]:
    """What a scanned code stands for: GTIN in any length, alias or SKU; may be empty.

    Exact barcodes come first, the SKU last. Inactive variants are found too: what lies on the floor has a
    label whether or not it is still sold.
    """
    return store.list_variants_by_code(uow, rules.lookup_forms(code.strip()))


def priced(uow: UnitOfWork, items: Sequence[Item], *, loc: tuple[str | int, ...] = ("items",)) -> list[PricedItem]:
    """Every item with its price of this moment, in the order given; one statement for any number of them.

    The bulk price counts from `bulk_quantity` units in one line on. Raises Invalid (at `loc`) with every line
    that names no product or costs more than an amount can hold, NotForSale with every line whose product is
    inactive or not in stock.
    """
    wanted = [
        {"line": n, "product_id": item.product_id, "variant_id": item.variant_id, "sku": item.sku}
        for n, item in enumerate(items)
    ]
    offers = {offer.line: offer for offer in store.list_offers(uow, wanted)}
    _check_known(items, offers, loc)
    _check_sold(offers)
    lines = [_price(offers[n], item.quantity) for n, item in enumerate(items)]
    _check_amounts(lines, loc)
    return lines


@dataclass(frozen=True)
class Quote:
    """What an item costs. It need not be for sale in the shop; `is_active` says whether it is sold at all."""

    item: PricedItem
    is_active: bool


def quoted(uow: UnitOfWork, items: Sequence[Item]) -> list[Quote | None]:
    """As `priced`, for whoever orders without the shop: every item with its price and state, None for one that is unknown.

    In the order given, one statement for any number of them. Nothing is refused.
    """
    return [
        None if offer is None else Quote(_price(offer, item.quantity), offer.is_active)
        for item, offer in zip(items, offered(uow, items), strict=True)
    ]


def offered(uow: UnitOfWork, items: Sequence[Item]) -> list[store.Offer | None]:
    """What each item costs today, a few or many of it, and whether it is sold; None for one that is unknown.

    In the order given, one statement for any number of them.
    """
    wanted = [
        {"line": n, "product_id": item.product_id, "variant_id": item.variant_id, "sku": item.sku}
        for n, item in enumerate(items)
    ]
    offers = {offer.line: offer for offer in store.list_offers(uow, wanted)}
    return [offers.get(n) for n in range(len(items))]


def _named_by(item: Item) -> str:
    if item.product_id is not None:
        return "product_id"
    return "sku" if item.variant_id is None else "variant_id"


def _check_known(items: Sequence[Item], offers: dict[int, store.Offer], loc: tuple[str | int, ...]) -> None:
    unknown: list[Detail] = [
        {
            "type": "unknown_product",
            "loc": [*loc, n, _named_by(item)],
            "msg": "There is no such product",
        }
        for n, item in enumerate(items)
        if n not in offers
    ]
    if unknown:
        raise Invalid(unknown)


def _check_sold(offers: dict[int, store.Offer]) -> None:
    refused = [
        RefusedLine(line=o.line, product_id=o.product_id, sku=o.sku, message=_why_not(o))
        for o in offers.values()
        if not (o.is_active and o.in_stock)
    ]
    if refused:
        sentence = "; ".join(line.message for line in refused[:3]) + ("; ..." if len(refused) > 3 else "")
        raise NotForSale(sentence, lines=[line.model_dump() for line in refused])


def _why_not(offer: store.Offer) -> str:
    return f"{offer.name} ({offer.sku}) is {'out of stock' if offer.is_active else 'no longer sold'}"


def _price(offer: store.Offer, quantity: int) -> PricedItem:
    bulk = rules.is_bulk(quantity, offer.bulk_quantity)
    unit_price = offer.bulk_price_minor if bulk and offer.bulk_price_minor is not None else offer.unit_price_minor
    return PricedItem(
        line=offer.line,
        product_id=offer.product_id,
        variant_id=offer.variant_id,
        sku=offer.sku,
        name=offer.name,
        brand=offer.brand,
        unit_size=offer.unit_size,
        quantity=quantity,
        unit_price_minor=unit_price,
        is_bulk_price=bulk,
    )


def _check_amounts(lines: Sequence[PricedItem], loc: tuple[str | int, ...]) -> None:
    too_much: list[Detail] = [
        {
            "type": "amount_range",
            "loc": [*loc, item.line, "quantity"],
            "msg": "The line costs more than an order can hold",
        }
        for item in lines
        if item.line_total_minor > AMOUNT_MAX
    ]
    if too_much:
        raise Invalid(too_much)


def list_products(uow: UnitOfWork, wanted: store.Selection, search: str | None = None) -> tuple[list[store.Card], int]:
    """A page of products and the total. A search text without letters or digits finds nothing, an empty one all."""
    text = (search or "").strip()
    if not text:
        return store.list_cards(uow, wanted)
    words = rules.search_words(text)
    if not words:
        return [], 0
    return store.list_cards(uow, replace(wanted, words=words, codes=tuple(rules.lookup_forms(text))))


def get_product(uow: UnitOfWork, product_id: int) -> store.Card:
    """A product that is sold. Raises NotFound."""
    return _sold(store.find_card(uow, product_id=product_id))


def get_product_by_sku(uow: UnitOfWork, sku: str) -> store.Card:
    """A product that is sold, by the SKU of any of its variants, in any case. Raises NotFound."""
    return _sold(store.find_card(uow, sku=sku))


def identify_product(uow: UnitOfWork, identifier: str) -> store.Card:
    """A product by id or SKU, sold or not. Raises NotFound."""
    card = store.find_card(uow, product_id=as_id(identifier), sku=identifier)
    if card is None:
        raise NotFound("Product not found")
    return card


def as_id(identifier: str) -> int | None:
    """The id that an identifier may be; None for what can only be a SKU."""
    is_id = identifier.isascii() and identifier.isdecimal() and int(identifier) in range(1, 2**31)
    return int(identifier) if is_id else None


def _sold(card: store.Card | None) -> store.Card:
    if card is None or not card.is_active:
        raise NotFound("Product not found")
    return card


def list_categories(uow: UnitOfWork) -> list[store.Category]:
    """All categories by name."""
    return store.list_categories(uow)
