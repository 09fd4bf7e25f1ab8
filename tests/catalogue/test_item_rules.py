"""What a change makes of an item, without a database."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalogue.items import rules
from chalicelib.catalogue.items.store import Item
from chalicelib.catalogue.rules import pounds

THEN = datetime(2026, 3, 1, tzinfo=UTC)


def item(**fields: Any) -> Item:
    """An item, valid without arguments."""
    plain: dict[str, Any] = {
        "id": 7,
        "product_id": 3,
        "is_default": True,
        "sku": "A",
        "own_name": "",
        "product_name": "Box",
        "description": "",
        "codes": ["U", "X"],
        "has_upc": True,
        "category": "Boxes",
        "category_id": 5,
        "weight_g": 100,
        "unit_price_minor": 250,
        "bulk_price_minor": None,
        "cost_minor": None,
        "in_stock": True,
        "is_listed": True,
        "is_lot_tracked": False,
        "reorder_point": None,
        "created_at": THEN,
        "updated_at": THEN,
    }
    return Item(**{**plain, **fields})


@pytest.mark.parametrize(
    ("_case", "before", "changes", "after"),
    [
        ("nothing", {}, {}, {"sku": "A", "product_name": "Box", "own_name": "", "category_id": 5, "in_stock": True}),
        ("the product's name", {}, {"item_name": "Crate"}, {"product_name": "Crate", "own_name": ""}),
        ("its own name", {"own_name": "Lid"}, {"item_name": "Cap"}, {"product_name": "Box", "own_name": "Cap"}),
        ("of one of several", {"is_default": False}, {"item_name": "Lid"}, {"product_name": "Box", "own_name": "Lid"}),
        ("the same name", {"is_default": False}, {"item_name": "Box"}, {"product_name": "Box", "own_name": ""}),
        ("no category", {}, {"category": None}, {"category_id": None}),
        ("another category", {}, {"category": "Lids"}, {"category_id": 9}),
        ("another price", {}, {"unit_price": 300}, {"unit_price_minor": 300, "in_stock": True}),
        ("the price taken away", {}, {"unit_price": None}, {"unit_price_minor": 0, "in_stock": False}),
        ("the first price", {"unit_price_minor": 0, "in_stock": False}, {"unit_price": 1}, {"in_stock": True}),
        ("off sale", {"in_stock": False}, {"unit_price": 1}, {"unit_price_minor": 1, "in_stock": False}),
        ("unpriced and untouched", {"unit_price_minor": 0, "in_stock": False}, {"sku": "B"}, {"sku": "B", "in_stock": False}),
        ("a weight taken away", {}, {"weight_lbs": None}, {"weight_g": None}),
    ],
)  # fmt: skip
def test_changes(_case: str, before: dict[str, Any], changes: dict[str, Any], after: dict[str, Any]) -> None:
    made = rules.changed(item(**before), changes, 9 if changes.get("category") else None)
    written = {**vars(item(**before)), **made.product, **made.variant}
    written |= {"product_name": made.product["name"], "own_name": made.variant["name"]}
    assert {name: written[name] for name in after} == after


@pytest.mark.parametrize(
    ("_case", "before", "changes", "after"),
    [
        ("untouched", {}, {"sku": "B"}, None),
        ("another UPC", {}, {"upc": "V"}, [("V", "gtin"), ("X", "alias")]),
        ("an alias becomes the UPC", {}, {"upc": "X"}, [("X", "gtin")]),
        ("no UPC", {}, {"upc": None}, [("X", "alias")]),
        ("other aliases", {}, {"barcode_aliases": ["Y", "U", "Y"]}, [("U", "gtin"), ("Y", "alias")]),
        ("nothing left", {}, {"upc": None, "barcode_aliases": []}, []),
        ("the first UPC", {"has_upc": False}, {"upc": "W"}, [("W", "gtin"), ("U", "alias"), ("X", "alias")]),
    ],
)
def test_codes(
    _case: str, before: dict[str, Any], changes: dict[str, Any], after: list[tuple[str, str]] | None
) -> None:
    assert rules.changed_codes(item(**before), changes) == after


def test_null_leaves_what_an_item_cannot_be_without() -> None:
    changes = {"sku": None, "item_name": None, "is_active": None, "upc": None, "weight_lbs": None, "description": ""}
    assert rules.given(changes) == {"upc": None, "weight_lbs": None, "description": ""}


@given(st.integers(0, 10_000_000))
def test_a_weight_comes_back_as_it_was_given(hundredths: int) -> None:
    assert pounds(rules.grams(hundredths / 100)) == hundredths / 100
