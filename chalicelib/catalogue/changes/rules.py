"""Pure decisions about changes of products: what becomes of one, and of a thousand one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from chalicelib.catalogue.rules import bulk_price_flaw, in_stock_after
from chalicelib.kernel.errors import Detail, Invalid
from chalicelib.kernel.money import render_amount

Sent = Mapping[str, Any]
"""Fields of a request that were sent, by name; amounts in minor units."""

AMOUNTS = ("unit_price", "bulk_price")
MAY_BE_EMPTY = ("description", "brand", "unit_size")
"""Texts that null makes empty."""
UNCHANGED = "Nothing differs from what it was"
_PRICES = {"unit_price", "bulk_price", "bulk_quantity"}


@dataclass(frozen=True)
class Product:
    """What changes can change of a product, its default variant's SKU included. Amounts in minor units, 0: no price."""

    name: str
    description: str
    category_id: int | None
    sku: str
    unit_price: int
    bulk_price: int | None
    bulk_quantity: int | None
    unit_size: str
    brand: str
    in_stock: bool
    image_url: str | None


@dataclass(frozen=True)
class Entry:
    """One change of many: whom it names, by id or SKU or both, and what it sends."""

    index: int
    id: int | None
    sku: str | None
    sent: Sent


@dataclass(frozen=True)
class Outcome:
    """What became of an entry. `product_id` is that of the product it named, None where it named none."""

    entry: Entry
    kind: Literal["updated", "skipped", "error"]
    product_id: int | None = None
    reason: str = ""
    message: str = ""
    changed: tuple[str, ...] = ()
    details: Sequence[Detail] = field(default_factory=tuple)

    @classmethod
    def refused(cls, entry: Entry, product_id: int | None, refusal: Invalid) -> "Outcome":
        """An entry that cannot be carried out."""
        message = "; ".join(detail["msg"] for detail in refusal.details)
        return cls(entry, "error", product_id, "invalid", message, details=refusal.details)


def changed(before: Product, sent: Sent) -> Product:
    """The product with what was sent. Null empties a text, takes it out of its category, ends its bulk price.

    The first price opens the sale and a price of 0 ends it, unless `in_stock` says otherwise. Raises Invalid.
    """
    given = {name: "" if value is None and name in MAY_BE_EMPTY else value for name, value in sent.items()}
    after = replace(before, **{**given, **_bulk(given)})
    if "unit_price" in given and "in_stock" not in given:
        switch = in_stock_after(before.in_stock, was_minor=before.unit_price, is_minor=after.unit_price)
        after = replace(after, in_stock=switch)
    if after.in_stock and after.unit_price == 0 and given.keys() & {"unit_price", "in_stock"}:
        raise Invalid.field("in_stock", message="What has no price is not for sale", type="not_priced")
    if given.keys() & _PRICES:
        check_bulk_price(after.unit_price, after.bulk_price, after.bulk_quantity)
    return after


def _bulk(given: Sent) -> dict[str, Any]:
    """A bulk price ends together with its quantity, whichever of the two is taken away."""
    sent = [given[name] for name in ("bulk_price", "bulk_quantity") if name in given]
    is_ended = bool(sent) and all(value is None for value in sent)
    return {"bulk_price": None, "bulk_quantity": None} if is_ended else {}


def check_bulk_price(unit_price: int, bulk_price: int | None, bulk_quantity: int | None) -> None:
    """A bulk price and the quantity from which on it counts are both there or neither. Raises Invalid."""
    if (bulk_price is None) != (bulk_quantity is None):
        missing = "bulk_price" if bulk_price is None else "bulk_quantity"
        raise Invalid.field(missing, message="A bulk price and its quantity belong together", type="bulk_incomplete")
    flaw = bulk_price_flaw(unit_price, bulk_price)
    if flaw is not None:
        raise Invalid.field("bulk_price", message=flaw, type="bulk_price_range")


def differences(before: Product, after: Product) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was and what is, of the fields that differ; amounts as numbers with two decimals."""
    names = [f.name for f in fields(Product) if getattr(before, f.name) != getattr(after, f.name)]
    return _shown(before, names), _shown(after, names)


def _shown(product: Product, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(product, name) for name in names}
    return {n: render_amount(v) if n in AMOUNTS and v is not None else v for n, v in values.items()}


def applied(
    entries: Sequence[Entry], named: Mapping[int, tuple[int | None, int | None]], products: dict[int, Product]
) -> Iterator[Outcome]:
    """What becomes of entries that are taken one after the other, as if each were a request of its own.

    `named`: the products that an entry's id and SKU lead to, by index. `products` by id are changed on the way: what two
    entries say of one product is both applied, the later over the earlier.
    """
    for entry in entries:
        outcome = _applied(entry, *named.get(entry.index, (None, None)), products)
        yield outcome


def without_picture(outcome: Outcome) -> Outcome:
    """What became of an entry whose picture turned out to be the very one that its product shows already."""
    changed = tuple(name for name in outcome.changed if name != "image_url")
    if changed or outcome.kind != "updated":
        return replace(outcome, changed=changed)
    return replace(outcome, kind="skipped", changed=(), reason="unchanged", message=UNCHANGED)


def _applied(entry: Entry, by_id: int | None, by_sku: int | None, products: dict[int, Product]) -> Outcome:
    product_id = by_sku if entry.id is None else by_id
    if product_id is None:
        return Outcome(entry, "skipped", None, "not_found", "There is no such product")
    if entry.sku is not None and by_sku != product_id:
        message = "This SKU is not one of the product with this id"
        return Outcome.refused(entry, product_id, Invalid.field("sku", message=message, type="sku_mismatch"))
    try:
        after = changed(products[product_id], entry.sent)
    except Invalid as refusal:
        return Outcome.refused(entry, product_id, refusal)
    names = tuple(differences(products[product_id], after)[1])
    if not names:
        return Outcome(entry, "skipped", product_id, "unchanged", UNCHANGED)
    products[product_id] = after
    return Outcome(entry, "updated", product_id, changed=names)
