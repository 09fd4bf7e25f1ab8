"""Use cases: changing one product or many, adding one.

A picture that is sent along is drawn anew and stored between two transactions (images/service.py); everything else happens
in the second one. Without a picture there is only one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.catalogue import facts, images, service
from chalicelib.catalogue.changes import rules, store
from chalicelib.catalogue.changes.rules import Entry, Outcome, Product, Sent
from chalicelib.catalogue.changes.shapes import BulkUpdate, BulkUpdated, NewShopProduct, ProductSaved, entries
from chalicelib.catalogue.changes.store import Locked, Name
from chalicelib.catalogue.images.rules import path_of
from chalicelib.catalogue.service import NewProduct, SkuTaken
from chalicelib.catalogue.shapes import ProductView, ShopProduct
from chalicelib.catalogue.store import Change
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Invalid, NotFound
from chalicelib.kernel.images import BadImage, is_data_url
from chalicelib.kernel.uow import UnitOfWork

COLUMNS = {"unit_price": "unit_price_minor", "bulk_price": "bulk_price_minor"}
"""Of fields whose columns are called otherwise."""
Pictures = Mapping[str, images.Stored]
"""Images that were sent, by the address under which a product shows them."""
NO_PICTURES: Pictures = {}
Pair = tuple[Locked, Product]
"""A product as it is, and as it is to be."""


def change_all(uow: UnitOfWork, identifier: str, sent: Sent) -> ProductSaved | Outside[Any, ProductSaved]:
    """As `change`, the picture included. Nothing is stored for a product that is not there."""
    text = sent.get("image_url")
    if text is not None and is_data_url(text):
        service.identify_product(uow, identifier)

    def then(uow: UnitOfWork, image: images.Stored | None) -> ProductSaved:
        if image is None:
            return change(uow, identifier, sent)
        address = path_of(image.name)
        return change(uow, identifier, {**sent, "image_url": address}, {address: image})

    return images.from_field(uow, text, then)


def change(uow: UnitOfWork, identifier: str, sent: Sent, pictures: Pictures = NO_PICTURES) -> ProductSaved:
    """Changes what was sent of one product, named by its id or a SKU; the product as it is now. Nine statements at most, three
    more with a picture.

    One at a time per product; nothing that was not sent is written. Raises NotFound, Invalid, SkuTaken. Whoever takes the
    same SKU in the same moment makes this run again, and then it is refused by name. Orders keep the prices they have.
    """
    found = store.lock_products(uow, [Name(0, service.as_id(identifier), identifier)])
    locked = found.by_id.get(0) or found.by_sku.get(0)
    if locked is None:
        raise NotFound("Product not found")
    if sent.get("category_id") is not None:
        service.check_category(uow, sent["category_id"])
    after = rules.changed(locked.product, sent)
    if after.sku.upper() != locked.product.sku.upper():
        _check_sku(uow, after.sku, but_for=locked.variant_id)
    _write(uow, [(locked, after)], pictures)
    return ProductSaved(product=ProductView.of(service.identify_product(uow, str(locked.id))))


def change_many(uow: UnitOfWork, body: BulkUpdate) -> BulkUpdated | Outside[Any, BulkUpdated]:
    """Takes changes one after the other; what became of each, in the order given.

    What is wrong with one, or that it names nobody, keeps no other from being carried out. They are committed together. Two
    statements for any number of them, five more with pictures.
    """
    good, bad = entries(body)

    def then(uow: UnitOfWork, given: Sequence[images.Given]) -> BulkUpdated:
        return BulkUpdated.of(_with_images(uow, good, given), bad)

    return images.from_fields(uow, [entry.sent.get("image_url") for entry in good], then)


def _with_images(uow: UnitOfWork, wanted: Sequence[Entry], given: Sequence[images.Given]) -> list[Outcome]:
    good: list[Entry] = []
    refused: list[Outcome] = []
    for entry, image in zip(wanted, given, strict=True):
        if isinstance(image, BadImage):
            flaw = Invalid.field("image_url", message=image.message, type=image.code)
            refused.append(Outcome.refused(entry, None, flaw))
        elif image is None:
            good.append(entry)
        else:
            good.append(replace(entry, sent={**entry.sent, "image_url": path_of(image.name)}))
    outcomes = _change_many(uow, good, _by_address(given))
    return sorted([*refused, *outcomes], key=lambda outcome: outcome.entry.index)


def _change_many(uow: UnitOfWork, wanted: Sequence[Entry], pictures: Pictures) -> list[Outcome]:
    found = store.lock_products(uow, [Name(entry.index, entry.id, entry.sku) for entry in wanted])
    locked = {each.id: each for each in (*found.by_id.values(), *found.by_sku.values())}
    ids = {entry.index: (_id(found.by_id.get(entry.index)), _id(found.by_sku.get(entry.index))) for entry in wanted}
    products = {product_id: each.product for product_id, each in locked.items()}
    outcomes = list(rules.applied(wanted, ids, products))
    same = _write(uow, [(locked[product_id], after) for product_id, after in sorted(products.items())], pictures)
    return [rules.without_picture(each) if each.product_id in same else each for each in outcomes]


def create(uow: UnitOfWork, new: NewShopProduct) -> ShopProduct | Outside[Any, ShopProduct]:
    """A new product with its default variant, and its picture. Raises Invalid, SkuTaken; at most eight statements, four more
    with a picture.

    Whoever takes the same SKU in the same moment makes this run again.
    """
    product = new.product()
    if new.image_url is not None and is_data_url(new.image_url):
        _check_new(uow, product)  # before a picture is stored for nothing
    return images.from_field(uow, new.image_url, lambda uow, image: _create(uow, product, image))


def _create(uow: UnitOfWork, product: NewProduct, image: images.Stored | None) -> ShopProduct:
    _check_new(uow, product)
    made = service.make_products(uow, [product])[0]
    if image is not None:
        images.attach(uow, {made.product_id: image})
    uow.audit("create", "product", made.product_id, after={"sku": made.sku, "name": product.name})
    uow.tell(facts.Created(variant_id=made.variant_id))
    return ShopProduct.of(service.get_product(uow, made.product_id))


def _check_new(uow: UnitOfWork, product: NewProduct) -> None:
    rules.check_bulk_price(product.unit_price_minor, product.bulk_price_minor, product.bulk_quantity)
    if product.category_id is not None:
        service.check_category(uow, product.category_id)
    _check_sku(uow, product.sku)


def _check_sku(uow: UnitOfWork, sku: str, *, but_for: int | None = None) -> None:
    if service.check_new(uow, [NewProduct(sku=sku, name="", unit_price_minor=0)], but_for=but_for):
        raise SkuTaken


def _by_address(given: Sequence[images.Given]) -> dict[str, images.Stored]:
    return {path_of(image.name): image for image in given if isinstance(image, images.Stored)}


def _write(uow: UnitOfWork, pairs: Sequence[Pair], pictures: Pictures) -> set[int]:
    """Writes what differs, if anything does, and says so in the audit log and to integrators.

    The ids of products whose new picture is the very one that they show already: that does not differ.
    """
    wanted = {
        locked.id: pictures.get(after.image_url or "")
        for locked, after in pairs
        if after.image_url != locked.product.image_url
    }
    shown = {each.product_id: each.after for each in images.attach(uow, wanted)} if wanted else {}
    same = wanted.keys() - shown.keys()
    pairs = [
        (each, replace(after, image_url=each.product.image_url) if each.id in same else after) for each, after in pairs
    ]
    changes = [_change(*pair) for pair in pairs]
    written = [each for each in changes if each.product or each.variant]
    if written:
        store.write_products(uow, written)
    for locked, after in pairs:
        was, now = rules.differences(locked.product, after)
        if now:
            uow.audit("update", "product", locked.id, before=was, after=now)
            uow.tell(facts.Changed(variant_id=locked.variant_id, is_active=locked.is_listed))
    return set(same)


def _change(locked: Locked, after: Product) -> Change:
    """The columns that differ; the picture's is written with the picture."""
    was = locked.product
    columns = {
        name: value for name, value in vars(after).items() if value != getattr(was, name) and name != "image_url"
    }
    variant = {"sku": columns.pop("sku")} if "sku" in columns else {}
    product = {COLUMNS.get(name, name): value for name, value in columns.items()}
    return Change(product_id=locked.id, variant_id=locked.variant_id, product=product, variant=variant)


def _id(found: Locked | None) -> int | None:
    return None if found is None else found.id
