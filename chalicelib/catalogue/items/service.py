"""Use cases of the administrators' items."""

from dataclasses import replace
from typing import Any

import psycopg

from chalicelib.catalogue import facts, images, service
from chalicelib.catalogue.items import rules, store
from chalicelib.catalogue.items.shapes import (
    ItemChanges,
    ItemDeleted,
    ItemDetail,
    ItemLevel,
    ItemPage,
    ItemPlace,
    ItemQuery,
    ItemSaved,
    ItemView,
    NewItem,
)
from chalicelib.catalogue.rules import Code, barcode_warnings, bulk_price_flaw, lookup_forms
from chalicelib.catalogue.service import NewProduct
from chalicelib.catalogue.store import Change
from chalicelib.kernel.errors import BadRequest, Conflict, NotFound
from chalicelib.kernel.paging import paged, window
from chalicelib.kernel.uow import UnitOfWork


class DuplicateCode(BadRequest):
    """SKUs and barcodes lead to one item."""

    code = "duplicate_code"


class ItemInUse(Conflict):
    """What was done with an item would lose its name."""

    code = "item_in_use"


def list_items(uow: UnitOfWork, query: ItemQuery) -> ItemPage:
    """A page of items, archived ones too unless the query says otherwise; one statement."""
    wanted = store.Wanted(query.category or None, query.active, query.q, lookup_forms(query.q))
    items, total = store.list_items(uow, wanted, window(query))
    return ItemPage(items=[ItemView.of(item) for item in items], **paged(query, total))


def show_item(uow: UnitOfWork, item_id: int) -> ItemDetail:
    """An item with its stock and preferred bins, in one statement. Raises NotFound."""
    found = store.show_item(uow, item_id)
    if found is None:
        raise NotFound("Item not found")
    item, levels, places = found
    return ItemDetail(
        **ItemView.fields_of(item),
        inventory=[ItemLevel.of(level) for level in levels],
        preferred_bins=[ItemPlace.of(place) for place in places],
    )


def create_item(uow: UnitOfWork, new: NewItem) -> ItemSaved:
    """Makes an item, in ten statements at most. Raises DuplicateCode.

    Whoever takes the same SKU or barcode in the same moment makes this run again, and then it is refused by name.
    """
    product = new.product()
    _check_free(service.check_new(uow, [product]))
    if new.category is not None:
        product = replace(product, category_id=_category_id(uow, new.category))
    made = service.make_products(uow, [product])[0]
    saved = _shown(uow, made.variant_id)
    uow.audit("create", "item", made.variant_id, after=_audited(saved))
    uow.tell(facts.Created(variant_id=made.variant_id))
    return _saved(saved)


def update_item(uow: UnitOfWork, item_id: int, changes: ItemChanges) -> ItemSaved:
    """Changes the fields that were given, in ten statements at most. Raises NotFound, DuplicateCode.

    One at a time per item: a later change builds upon an earlier one.
    """
    before = _locked(uow, item_id)
    given = rules.given(changes.model_dump(exclude_unset=True))
    active = given.pop("is_active", None)
    if not given and active in (None, before.is_listed):
        return _saved(before)
    codes = rules.changed_codes(before, given)
    if "sku" in given or codes:
        barcodes = tuple(code for code, _ in codes or ())
        wanted = NewProduct(sku=given.get("sku", before.sku), name="", unit_price_minor=0, barcodes=barcodes)
        _check_free(service.check_new(uow, [wanted], but_for=item_id))
    category_id = _category_id(uow, given["category"]) if given.get("category") else None
    change = rules.changed(before, given, category_id)
    flaw = bulk_price_flaw(change.product.get("unit_price_minor", 0), before.bulk_price_minor)
    if flaw is not None:
        raise BadRequest(flaw)
    return _write(uow, before, change, codes=codes, active=active)


def toggle_archived(uow: UnitOfWork, item_id: int) -> ItemView:
    """Archives an active item, restores an archived one; many at once take turns. Raises NotFound."""
    before = _locked(uow, item_id)
    saved = _write(uow, before, rules.changed(before, {}, None), codes=None, active=not before.is_listed)
    return ItemView(**saved.model_dump(exclude={"warnings"}))


def delete_item(uow: UnitOfWork, item_id: int) -> ItemDeleted:
    """Removes an item that nothing was ever done with, and its product with its last item.

    Its barcodes and preferred bins go with it. Raises NotFound, ItemInUse; an order that is placed meanwhile is either found
    here, or does not find the item.
    """
    before = _locked(uow, item_id, to_delete=True)
    uses = store.find_uses(uow, item_id)
    if uses:
        raise ItemInUse(f"Item {before.sku} cannot be deleted: it has {', '.join(uses)}. Archive it instead")
    images.drop_of_item(uow, item_id)
    try:
        store.delete_item(uow, item_id)
    except psycopg.errors.ForeignKeyViolation:
        raise ItemInUse(f"Item {before.sku} cannot be deleted: other records refer to it. Archive it instead") from None
    uow.audit("delete", "item", item_id, before=_audited(before))
    uow.tell(facts.Deleted(variant_id=item_id))
    return ItemDeleted(item_id=item_id)


def _locked(uow: UnitOfWork, item_id: int, *, to_delete: bool = False) -> store.Item:
    """The item as it is once it is ours: read after the lock, for what was waited for changed it."""
    if not store.lock_item(uow, item_id, to_delete=to_delete):
        raise NotFound("Item not found")
    return _shown(uow, item_id)


def _shown(uow: UnitOfWork, item_id: int) -> store.Item:
    item = store.find_item(uow, item_id)
    assert item is not None
    return item


def _write(
    uow: UnitOfWork,
    before: store.Item,
    change: Change,
    *,
    codes: list[tuple[str, str]] | None,
    active: bool | None,
) -> ItemSaved:
    store.update_item(uow, change, codes=codes, active=active)
    after = _shown(uow, before.id)
    was, now = rules.differences(_audited(before), _audited(after))
    if now:
        action = {True: "restore", False: "archive"}[after.is_listed] if set(now) <= _SHELVED else "update"
        uow.audit(action, "item", before.id, before=was, after=now)
        uow.tell(facts.Changed(variant_id=before.id, is_active=after.is_listed))
    return _saved(after)


_SHELVED = {"is_active", "is_for_sale"}
"""What archiving changes of an item."""


def _check_free(taken: list[Code]) -> None:
    if taken:
        words = {"sku": "Duplicate SKU", "barcode": "Duplicate UPC/barcode"}
        raise DuplicateCode("; ".join(f"{words[code.kind]}: {code.value}" for code in taken))


def _category_id(uow: UnitOfWork, name: str) -> int:
    return service.ensure_categories(uow, [name])[name]


def _audited(item: store.Item) -> dict[str, Any]:
    return ItemView.of(item).model_dump(mode="json", exclude={"item_id", "created_at", "updated_at"})


def _saved(item: store.Item) -> ItemSaved:
    return ItemSaved(**ItemView.fields_of(item), warnings=barcode_warnings(item.codes))
