"""What changes make of products, without a database."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.catalogue.changes.rules import Entry, Product, applied, changed, differences
from chalicelib.catalogue.rules import Place, in_stock_after
from chalicelib.kernel.errors import Invalid

GLOVES = Product(
    name="Gloves",
    description="",
    category_id=None,
    sku="G-1",
    unit_price=1000,
    bulk_price=900,
    bulk_quantity=5,
    unit_size="",
    brand="",
    in_stock=True,
    image_url=None,
)
PRICES = st.integers(0, 2000)
SENT = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Gloves", "Boxes"]),
        "brand": st.sampled_from([None, "Harrow"]),
        "unit_price": PRICES,
        "bulk_price": st.none() | st.integers(1, 2000),
        "bulk_quantity": st.none() | st.integers(2, 9),
        "in_stock": st.booleans(),
    },
)


BUSY = settings(suppress_health_check=[HealthCheck.too_slow])
"""The first example of such a dictionary takes a second on a busy machine."""


@BUSY
@given(SENT)
def test_what_comes_out_can_be_sold(sent: dict[str, Any]) -> None:
    try:
        after = changed(GLOVES, sent)
    except Invalid:
        return
    assert (after.bulk_price is None) == (after.bulk_quantity is None)
    assert after.bulk_price is None or after.unit_price == 0 or after.bulk_price <= after.unit_price
    assert after.unit_price > 0 or not after.in_stock
    assert changed(after, sent) == after, "the same again changes nothing"
    untouched = {n: v for n, v in vars(GLOVES).items() if n not in {*sent, "in_stock", "bulk_price", "bulk_quantity"}}
    assert {name: getattr(after, name) for name in untouched} == untouched


@BUSY
@given(st.lists(st.tuples(st.integers(1, 3), SENT), max_size=12))
def test_many_changes_are_as_many_requests_in_order(asked: list[tuple[int, dict[str, Any]]]) -> None:
    start = {n: replace(GLOVES, sku=f"G-{n}") for n in (1, 2)}
    together, one_by_one = dict(start), dict(start)
    entries = [Entry(index, product_id, None, sent) for index, (product_id, sent) in enumerate(asked)]
    named = {e.index: (e.id if e.id in start else None, None) for e in entries}
    outcomes = list(applied(entries, named, together))
    assert [outcome.entry.index for outcome in outcomes] == list(range(len(asked)))
    for outcome, (product_id, sent) in zip(outcomes, asked, strict=True):
        if product_id not in start:
            assert (outcome.kind, outcome.reason) == ("skipped", "not_found")
            continue
        before = one_by_one[product_id]
        try:
            one_by_one[product_id] = changed(before, sent)
        except Invalid:
            assert outcome.kind == "error"
            continue
        assert outcome.kind == ("skipped" if one_by_one[product_id] == before else "updated")
        assert set(outcome.changed) == differences(before, one_by_one[product_id])[1].keys()
    assert together == one_by_one


@pytest.mark.parametrize(
    ("_case", "in_stock", "was", "now", "after"),
    [
        ("another price", True, 5, 6, True),
        ("another price, off sale", False, 5, 6, False),
        ("the first price", False, 0, 6, True),
        ("no price any more", True, 5, 0, False),
        ("still no price", False, 0, 0, False),
    ],
)
def test_what_a_price_makes_of_the_switch(_case: str, in_stock: bool, was: int, now: int, after: bool) -> None:
    assert in_stock_after(in_stock, was_minor=was, is_minor=now) is after


@given(
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**31 - 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=255),
)
def test_a_place_is_read_as_it_was_written(position: int, product_id: int, name: str) -> None:
    place = Place(position, product_id, name)
    assert Place.read(place.token) == (None if "\0" in name else place)
    assert len(place.token) <= 2000


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_what_is_no_place_is_none(token: str) -> None:
    place = Place.read(token)
    assert place is None or Place.read(place.token) == place
