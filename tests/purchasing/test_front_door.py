"""What other contexts may ask of purchasing, and the rules behind it."""

import pytest

from chalicelib import purchasing
from chalicelib.kernel.errors import IntegrityViolation
from chalicelib.purchasing import NewLine, NewOrder, rules
from chalicelib.purchasing.service import NumberTaken
from tests.factories.purchasing import make_purchase_order
from tests.factories.stock import Shelf, make_shelf
from tests.tenant import Tenant


def order(tenant: Tenant, number: str, *lines: NewLine, **more: object) -> NewOrder:
    fields: dict[str, object] = {"number": number, "warehouse_id": tenant.warehouse_id, "lines": lines, **more}
    return NewOrder(**fields)  # type: ignore[arg-type]  # a test's shorthand


def by_id(shelf: Shelf, position: int = 1) -> NewLine:
    return NewLine(quantity=2, position=position, variant_id=shelf.variant_id)


def by_sku(shelf: Shelf, position: int = 1) -> NewLine:
    return NewLine(quantity=3, position=position, sku=shelf.sku.lower())


def test_many_orders_are_checked_and_made_in_a_statement_each(tenant: Tenant) -> None:
    shelves = [make_shelf(tenant, free=0) for _ in range(3)]
    orders = [order(tenant, f"I-{n:03d}", by_id(shelves[n % 3]), by_sku(shelves[(n + 1) % 3], 2)) for n in range(200)]
    with tenant.uow() as uow:
        assert purchasing.check_orders(uow, orders) == [[]] * 200
        made = purchasing.create_orders(uow, orders)
        assert uow.statements == 4
    rows = tenant.rows(
        "SELECT o.id, o.number, array_agg(l.variant_id ORDER BY l.position) AS items, sum(l.quantity) AS units"
        " FROM purchase_order o JOIN purchase_order_line l ON l.purchase_order_id = o.id GROUP BY o.id ORDER BY o.number"
    )
    assert [row["id"] for row in rows] == made
    assert {row["units"] for row in rows} == {5}
    assert rows[1]["items"] == [shelves[1].variant_id, shelves[2].variant_id]


def test_a_check_says_what_is_wrong_with_each_order(tenant: Tenant, other_tenant: Tenant) -> None:
    shelf, foreign = make_shelf(tenant, free=0), make_shelf(other_tenant)
    make_purchase_order(tenant, (shelf, 1), number="TAKEN", barcode="B-TAKEN")
    orders = [
        order(tenant, "GOOD", by_id(shelf), barcode="B-1"),
        order(tenant, "TAKEN", by_sku(shelf)),
        order(tenant, "GOOD", by_id(shelf)),
        order(tenant, "X-1", by_id(shelf), barcode="B-1"),
        order(tenant, "X-2", by_id(shelf), barcode="B-TAKEN"),
        order(tenant, "X-3", by_id(foreign), by_sku(shelf, 2), NewLine(quantity=1, position=3, sku="NOPE")),
        order(tenant, "X-4", by_id(shelf), warehouse_id=other_tenant.warehouse_id),
    ]
    with tenant.uow() as uow:
        assert purchasing.check_orders(uow, orders) == [
            [],
            ["Duplicate PO number: TAKEN"],
            ["Duplicate PO number: GOOD"],
            ["Duplicate PO barcode: B-1"],
            ["Duplicate PO barcode: B-TAKEN"],
            [f"Unknown item: {foreign.variant_id}", "Unknown SKU: NOPE"],
            [f"Unknown warehouse: {other_tenant.warehouse_id}"],
        ]


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"number": "TAKEN"}, NumberTaken),
        ({"warehouse_id": 999_999}, IntegrityViolation),
        ({"lines": [NewLine(quantity=1, position=1, sku="NOPE")]}, IntegrityViolation),
        ({"lines": [NewLine(quantity=1, position=1, variant_id=999_999)]}, IntegrityViolation),
    ],
)
def test_one_wrong_order_and_none_is_made(wrong: dict[str, object], refusal: type[Exception], tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=0)
    make_purchase_order(tenant, (shelf, 1), number="TAKEN")
    bad = NewOrder(**{"number": "BAD", "warehouse_id": tenant.warehouse_id, "lines": [by_id(shelf)], **wrong})  # type: ignore[arg-type]  # a test's shorthand
    with pytest.raises(refusal), tenant.uow() as uow:
        purchasing.create_orders(uow, [order(tenant, "GOOD", by_id(shelf)), bad])
    assert tenant.value("SELECT count(*) FROM purchase_order") == 1


@pytest.mark.parametrize(
    ("given", "numbers"),
    [([None, None], [1, 2]), ([10, None, 5, None], [10, 11, 5, 6]), ([None, 1], [1, 1]), ([], [])],
)
def test_lines_without_a_number_come_after_the_one_before(given: list[int | None], numbers: list[int]) -> None:
    assert rules.positions(given) == numbers


@pytest.mark.parametrize(
    ("ordered", "received", "status"),
    [(5, 0, "PENDING"), (5, 1, "PARTIAL"), (5, 5, "RECEIVED"), (5, 7, "RECEIVED")],
)
def test_the_status_of_a_line(ordered: int, received: int, status: str) -> None:
    assert purchasing.line_status(ordered, received) == status


@pytest.mark.parametrize(("text", "pattern"), [("Acme", "%acme%"), ("5%_\\", "%5\\%\\_\\\\%")])
def test_signs_of_a_pattern_stand_for_themselves(text: str, pattern: str) -> None:
    assert rules.like_pattern(text) == pattern
