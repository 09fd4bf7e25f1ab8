"""Pure decisions about items: what a change makes of one."""

from collections.abc import Mapping
from typing import Any

from chalicelib.catalogue.items.store import Item
from chalicelib.catalogue.rules import GRAMS_PER_POUND, coded, in_stock_after
from chalicelib.catalogue.store import Change

KEPT_WHEN_NULL = ("sku", "item_name", "description", "barcode_aliases", "is_active", "is_lot_tracked")
"""Fields that an item cannot be without: panels send null for what was not touched."""


def grams(pounds: float) -> int:
    """Whole grams of a weight in pounds."""
    return round(pounds * GRAMS_PER_POUND)


def given(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fields that stay as they are."""
    return {name: value for name, value in changes.items() if value is not None or name not in KEPT_WHEN_NULL}


def changed(item: Item, changes: Mapping[str, Any], category_id: int | None) -> Change:
    """The columns of the item and of its product after the changes.

    A name belongs to the product while the item has none of its own and is what the product is known by.
    """
    name = changes.get("item_name", item.name)
    is_products = not item.own_name and item.is_default
    product = {
        "name": name if is_products else item.product_name,
        "description": changes.get("description", item.description),
        "category_id": category_id if "category" in changes else item.category_id,
    }
    if "unit_price" in changes:
        price = changes["unit_price"] or 0
        product["unit_price_minor"] = price
        product["in_stock"] = in_stock_after(item.in_stock, was_minor=item.unit_price_minor, is_minor=price)
    variant = {
        "sku": changes.get("sku", item.sku),
        "name": item.own_name if is_products or name == item.name else name,
        "weight_g": changes.get("weight_lbs", item.weight_g),
        "cost_minor": changes.get("unit_cost", item.cost_minor),
        "is_lot_tracked": changes.get("is_lot_tracked", item.is_lot_tracked),
        "reorder_point": changes.get("reorder_point", item.reorder_point),
    }
    return Change(product_id=item.product_id, product=product, variant_id=item.id, variant=variant)


def changed_codes(item: Item, changes: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """(code, kind) of the barcodes after the changes, the UPC first; None when they stay.

    From then on only the UPC is a ``gtin``, so that it is the one that is shown.
    """
    if not changes.keys() & {"upc", "barcode_aliases"}:
        return None
    aliases = changes.get("barcode_aliases", item.aliases)
    upc = changes.get("upc", item.upc)
    return coded(upc, aliases) if upc else [(code, "alias") for code in dict.fromkeys(aliases)]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was and what is, of the fields that differ."""
    names = [name for name in after if before[name] != after[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}
