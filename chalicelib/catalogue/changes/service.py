"""Use cases: changing one product or many, adding one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chalicelib.catalogue import facts, service
from chalicelib.catalogue.changes import rules, store
from chalicelib.catalogue.changes.rules import Entry, Outcome, Product, Sent
from chalicelib.catalogue.changes.store import Locked, Name
from chalicelib.catalogue.service import NewProduct, SkuTaken
from chalicelib.catalogue.store import Card, Change
from chalicelib.kernel.errors import Invalid, NotFound
from chalicelib.kernel.uow import UnitOfWork

IN_VARIANT = ("sku",)
COLUMNS = {"unit_price": "unit_price_minor", "bulk_price": "bulk_price_minor"}
"""Of fields whose columns are called otherwise."""


def change(uow: UnitOfWork, identifier: str, sent: Sent) -> Card:
    """Changes what was sent of one product, named by its id or a SKU; the product as it is now. At most ten statements.

    One at a time per product; nothing that was not sent is written. Raises NotFound, Invalid, SkuTaken. Whoever takes the
    same SKU in the same moment makes this run again, and then it is refused by name. Orders keep the prices they have.
    """
    found = store.lock_products(uow, [Name(0, service.as_id(identifier), identifier)])
    locked = found.by_id.get(0) or found.by_sku.get(0)
    if locked is None:
        raise NotFound("Product not found")
    if sent.get("category_id") is not None:
        service.check_category(uow, sent["category_id"])
    after = rules.changed(locked.product, _with_picture(uow, sent))
    if after.sku.upper() != locked.product.sku.upper():
        _check_sku(uow, after.sku, but_for=locked.variant_id)
    _write(uow, [(locked, after)])
    return service.identify_product(uow, str(locked.id))


def change_many(uow: UnitOfWork, entries: Sequence[Entry]) -> list[Outcome]:
    """Takes changes one after the other; what became of each, in the order given. Two statements for any number of them.

    What is wrong with one, or that it names nobody, keeps no other from being carried out. They are committed together.
    """
    found = store.lock_products(uow, [Name(entry.index, entry.id, entry.sku) for entry in entries])
    locked = {each.id: each for each in (*found.by_id.values(), *found.by_sku.values())}
    ids = {entry.index: (_id(found.by_id.get(entry.index)), _id(found.by_sku.get(entry.index))) for entry in entries}
    products = {product_id: each.product for product_id, each in locked.items()}
    good, refused = _with_pictures(uow, entries)
    outcomes = [*refused, *rules.applied(good, ids, products)]
    _write(uow, [(locked[product_id], after) for product_id, after in sorted(products.items())])
    return sorted(outcomes, key=lambda outcome: outcome.entry.index)


def create(uow: UnitOfWork, product: NewProduct) -> Card:
    """A new product with its default variant. Raises Invalid, SkuTaken; at most eight statements.

    Whoever takes the same SKU in the same moment makes this run again.
    """
    rules.check_bulk_price(product.unit_price_minor, product.bulk_price_minor, product.bulk_quantity)
    if product.category_id is not None:
        service.check_category(uow, product.category_id)
    _check_sku(uow, product.sku)
    made = service.make_products(uow, [product])[0]
    uow.audit("create", "product", made.product_id, after={"sku": made.sku, "name": product.name})
    uow.tell(facts.Created(variant_id=made.variant_id))
    return service.get_product(uow, made.product_id)


def _with_picture(_uow: UnitOfWork, sent: Sent) -> Sent:
    """With the address of our own under which a picture that was sent is kept. Raises Invalid."""
    if sent.get("image_url") is None:
        return sent
    raise Invalid.field("image_url", message="Pictures are taken as files only", type="image")


def _with_pictures(uow: UnitOfWork, entries: Sequence[Entry]) -> tuple[list[Entry], list[Outcome]]:
    """The entries with their pictures kept, and those whose picture cannot be."""
    good: list[Entry] = []
    refused: list[Outcome] = []
    for entry in entries:
        try:
            good.append(replace(entry, sent=_with_picture(uow, entry.sent)))
        except Invalid as refusal:
            refused.append(Outcome.refused(entry, None, refusal))
    return good, refused


def _check_sku(uow: UnitOfWork, sku: str, *, but_for: int | None = None) -> None:
    if service.check_new(uow, [NewProduct(sku=sku, name="", unit_price_minor=0)], but_for=but_for):
        raise SkuTaken


def _write(uow: UnitOfWork, pairs: Sequence[tuple[Locked, Product]]) -> None:
    """Writes what differs, if anything does, and says so in the audit log and to integrators."""
    differing = [(locked, after) for locked, after in pairs if after != locked.product]
    if differing:
        store.write_products(uow, [_change(locked, after) for locked, after in differing])
    for locked, after in differing:
        was, now = rules.differences(locked.product, after)
        uow.audit("update", "product", locked.id, before=was, after=now)
        uow.tell(facts.Changed(variant_id=locked.variant_id, is_active=locked.is_listed))


def _change(locked: Locked, after: Product) -> Change:
    columns: dict[str, Any] = {
        name: getattr(after, name) for name in vars(after) if getattr(after, name) != getattr(locked.product, name)
    }
    variant = {name: columns.pop(name) for name in IN_VARIANT if name in columns}
    product = {COLUMNS.get(name, name): value for name, value in columns.items()}
    return Change(product_id=locked.id, variant_id=locked.variant_id, product=product, variant=variant)


def _id(found: Locked | None) -> int | None:
    return None if found is None else found.id
