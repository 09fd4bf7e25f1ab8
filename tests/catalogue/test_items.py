"""Items, as the warehouse's administrators keep them."""

from collections import Counter
from typing import Any

import pytest

from chalicelib import catalogue, orders, places
from chalicelib.kernel.errors import Refusal
from chalicelib.kernel.pipeline import Trace, repeating
from tests.client import Client
from tests.factories.catalogue import make_category, make_product
from tests.factories.floor import make_lot
from tests.factories.identity import make_staff
from tests.factories.places import make_bins
from tests.factories.stock import Shelf, make_shelf
from tests.tenant import Tenant
from tests.threads import together

ITEMS = "/api/admin/items"
EVERYTHING = {
    "sku": "WID-001",
    "item_name": "Blue Widget",
    "description": "Two lines\nof text",
    "upc": "036000291452",
    "barcode_aliases": ["WID-A", "WID-B"],
    "category": "Widgets",
    "weight_lbs": 2.5,
    "unit_price": 12.5,
    "unit_cost": 0.75,
    "is_lot_tracked": True,
    "reorder_point": 5,
}


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    """An administrator of the warehouse."""
    return make_staff(tenant).client()


def make(admin: Client, **fields: Any) -> dict[str, Any]:
    """An item that was made through the API."""
    reply = admin.post(ITEMS, {"sku": "ITEM-1", "item_name": "Item", **fields})
    assert reply.status == 201, reply.json
    made: dict[str, Any] = reply.json
    return made


def test_an_item_is_made_with_everything(admin: Client, tenant: Tenant) -> None:
    reply = admin.post(ITEMS, EVERYTHING)
    assert (reply.status, reply.statements) == (201, 8)
    made = reply.json
    times = {name: made.pop(name) for name in ("created_at", "updated_at")}
    item_id = made.pop("item_id")
    assert made == {**EVERYTHING, "is_active": True, "is_for_sale": True, "warnings": []}
    shown = admin.get(f"{ITEMS}/{item_id}")
    assert (shown.status, shown.statements) == (200, 4)
    del made["warnings"]
    assert shown.json == {"item_id": item_id, **made, **times, "inventory": [], "preferred_bins": []}
    entries = tenant.rows(
        "SELECT action, entity_id, before, after->>'sku' AS sku FROM audit_entry WHERE entity = 'item'"
    )
    assert entries == [{"action": "create", "entity_id": str(item_id), "before": None, "sku": "WID-001"}]


def test_an_item_needs_a_sku_and_a_name_only_and_is_not_for_sale_before_it_is_priced(
    admin: Client, api: Client, tenant: Tenant
) -> None:
    made = make(admin, sku="BARE", item_name="Bare")
    assert (made["unit_price"], made["is_for_sale"], made["is_active"]) == (None, False, True)
    card = api.get("/api/products/sku/BARE").json
    assert card["in_stock"] is False
    with tenant.uow() as uow, pytest.raises(catalogue.NotForSale):
        catalogue.priced(uow, [catalogue.Item(1, sku="BARE")])
    priced = admin.put(f"{ITEMS}/{made['item_id']}", {"unit_price": 3}).json
    assert (priced["unit_price"], priced["is_for_sale"]) == (3.0, True)
    with tenant.uow() as uow:
        assert catalogue.priced(uow, [catalogue.Item(1, sku="BARE")])[0].unit_price_minor == 300
    for nothing in (None, 0):
        assert admin.put(f"{ITEMS}/{made['item_id']}", {"unit_price": nothing}).json["is_for_sale"] is False


def test_who_took_an_item_off_sale_keeps_it_off_when_the_price_changes(admin: Client, tenant: Tenant) -> None:
    made = make_product(tenant, in_stock=False)
    reply = admin.put(f"{ITEMS}/{made.variant_id}", {"unit_price": 5, "item_name": "New name"})
    assert (reply.json["is_for_sale"], reply.json["unit_price"]) == (False, 5.0)


@pytest.mark.parametrize(
    ("_case", "body", "kind", "field"),
    [
        ("no SKU", {"item_name": "x"}, "missing", "sku"),
        ("no name", {"sku": "x"}, "missing", "item_name"),
        ("an empty SKU", {"sku": " ", "item_name": "x"}, "string_too_short", "sku"),
        ("a blank name", {"sku": "x", "item_name": "  "}, "string_pattern_mismatch", "item_name"),
        ("a long SKU", {"sku": "x" * 65, "item_name": "x"}, "string_too_long", "sku"),
        ("a control character", {"sku": "x", "item_name": "a\tb"}, "string_unprintable", "item_name"),
        ("a word of our paths", {"sku": "Search", "item_name": "x"}, "reserved_word", "sku"),
        ("an unknown field", {"sku": "x", "item_name": "x", "no_such_field": 1}, "extra_forbidden", "no_such_field"),
        ("a negative weight", {"sku": "x", "item_name": "x", "weight_lbs": -1}, "weight_range", "weight_lbs"),
        ("a weight in words", {"sku": "x", "item_name": "x", "weight_lbs": "2"}, "decimal_type", "weight_lbs"),
        ("a negative price", {"sku": "x", "item_name": "x", "unit_price": -1}, "greater_than_equal", "unit_price"),
        ("a price of mills", {"sku": "x", "item_name": "x", "unit_price": 1.005}, "decimal_max_places", "unit_price"),
        ("text as truth", {"sku": "x", "item_name": "x", "is_active": "yes"}, "bool_type", "is_active"),
        ("a negative threshold", {"sku": "x", "item_name": "x", "reorder_point": -1}, "greater_than_equal", "reorder_point"),
    ],
)  # fmt: skip
def test_wrong_fields(_case: str, body: dict[str, Any], kind: str, field: str, admin: Client, tenant: Tenant) -> None:
    reply = admin.post(ITEMS, body)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [(d["type"], d["loc"]) for d in reply.json["details"]] == [(kind, [field])]
    assert tenant.value("SELECT count(*) FROM variant") == 0


@pytest.mark.parametrize(
    ("_case", "fields", "sentence"),
    [
        ("the SKU", {"sku": "TAKEN"}, "Duplicate SKU: TAKEN"),
        ("the SKU in another case", {"sku": "taken"}, "Duplicate SKU: taken"),
        ("the UPC", {"upc": "036000291452"}, "Duplicate UPC/barcode: 036000291452"),
        ("the UPC as an alias", {"barcode_aliases": ["036000291452"]}, "Duplicate UPC/barcode: 036000291452"),
        ("the UPC in another length", {"upc": "0036000291452"}, "Duplicate UPC/barcode: 0036000291452"),
        ("an alias", {"barcode_aliases": ["fine", "ALIAS"]}, "Duplicate UPC/barcode: ALIAS"),
        ("several", {"sku": "TAKEN", "upc": "ALIAS"}, "Duplicate SKU: TAKEN; Duplicate UPC/barcode: ALIAS"),
    ],
)
def test_duplicates_are_named(_case: str, fields: dict[str, Any], sentence: str, admin: Client, tenant: Tenant) -> None:
    make(admin, sku="TAKEN", upc="036000291452", barcode_aliases=["ALIAS"])
    other = make(admin, sku="OTHER", upc="4006381333931")
    reply = admin.post(ITEMS, {"sku": "NEW", "item_name": "New", **fields})
    assert (reply.status, reply.json) == (400, {"error": sentence})
    reply = admin.put(f"{ITEMS}/{other['item_id']}", fields)
    assert (reply.status, reply.json) == (400, {"error": sentence})
    assert tenant.value("SELECT count(*) FROM variant") == 2
    assert tenant.value("SELECT count(*) FROM barcode") == 3


def test_of_many_who_take_one_sku_at_once_one_gets_it(admin: Client, tenant: Tenant) -> None:
    body = {"sku": "ONE", "item_name": "One", "upc": "036000291452", "category": "New"}
    replies = together(20, lambda _: admin.post(ITEMS, body))
    assert Counter(reply.status for reply in replies) == {201: 1, 400: 19}
    assert {reply.json["error"] for reply in replies if reply.status == 400} == {
        "Duplicate SKU: ONE; Duplicate UPC/barcode: 036000291452"
    }
    assert tenant.value("SELECT count(*) FROM category") == 1


def test_a_wrong_check_digit_is_taken_with_a_warning(admin: Client) -> None:
    made = make(admin, upc="036000291453")
    assert (made["upc"], made["warnings"]) == (
        "036000291453",
        ["Barcode 036000291453: the check digit should be 2, not 3"],
    )


def test_a_upc_of_any_form_is_the_upc(admin: Client) -> None:
    made = make(admin, upc="UPC-7", barcode_aliases=["4006381333931", "UPC-7", "4006381333931"])
    assert (made["upc"], made["barcode_aliases"]) == ("UPC-7", ["4006381333931"])
    changed = admin.put(f"{ITEMS}/{made['item_id']}", {"upc": "4006381333931"}).json
    assert (changed["upc"], changed["barcode_aliases"]) == ("4006381333931", [])
    changed = admin.put(f"{ITEMS}/{made['item_id']}", {"upc": None, "barcode_aliases": ["036000291452"]}).json
    assert (changed["upc"], changed["barcode_aliases"]) == (None, ["036000291452"])


def test_a_category_is_found_in_any_case_or_made(admin: Client, tenant: Tenant) -> None:
    make_category(tenant, name="Tape")
    assert make(admin, sku="A", category="TAPE")["category"] == "Tape"
    assert make(admin, sku="B", category="Glue")["category"] == "Glue"
    assert tenant.value("SELECT count(*) FROM category") == 2


def test_an_idempotency_key_makes_one_item(admin: Client, tenant: Tenant) -> None:
    body = {"sku": "ONCE", "item_name": "Once", "category": "Any"}
    first, second = (admin.post(ITEMS, body, idempotency_key="item-1") for _ in range(2))
    assert (first.status, first.statements) == (201, 10)
    assert (second.status, second.json) == (201, first.json)
    assert tenant.value("SELECT count(*) FROM variant") == 1


# Changing.


def test_only_what_is_given_changes(admin: Client, tenant: Tenant) -> None:
    made = make(admin, **EVERYTHING)
    reply = admin.put(f"{ITEMS}/{made['item_id']}", {"item_name": "Red Widget", "reorder_point": None})
    assert (reply.status, reply.statements) == (200, 8)
    expected = {**made, "item_name": "Red Widget", "reorder_point": None, "updated_at": reply.json["updated_at"]}
    assert reply.json == expected
    entry = tenant.rows("SELECT action, before, after FROM audit_entry ORDER BY id")[-1]
    assert entry == {
        "action": "update",
        "before": {"item_name": "Blue Widget", "reorder_point": 5},
        "after": {"item_name": "Red Widget", "reorder_point": None},
    }


def test_everything_can_change_in_ten_statements(admin: Client) -> None:
    made = make(admin)
    reply = admin.put(f"{ITEMS}/{made['item_id']}", EVERYTHING)
    assert (reply.status, reply.statements) == (200, 10)
    assert {name: reply.json[name] for name in EVERYTHING} == EVERYTHING


@pytest.mark.parametrize("body", [{}, {"sku": None, "item_name": None, "is_active": None, "barcode_aliases": None}])
def test_nothing_given_changes_nothing(body: dict[str, Any], admin: Client, tenant: Tenant) -> None:
    made = make(admin, **EVERYTHING)
    entries = tenant.value("SELECT count(*) FROM audit_entry")
    reply = admin.put(f"{ITEMS}/{made['item_id']}", body)
    assert (reply.status, reply.json) == (200, made)
    assert tenant.value("SELECT count(*) FROM audit_entry") == entries


def test_two_changes_at_once_both_count(admin: Client) -> None:
    made = make(admin)
    bodies = [{"upc": "036000291452"}, {"barcode_aliases": ["A", "B"]}, {"weight_lbs": 3}, {"category": "C"}]
    replies = together(4, lambda n: admin.put(f"{ITEMS}/{made['item_id']}", bodies[n]))
    assert [reply.status for reply in replies] == [200] * 4
    now = admin.get(f"{ITEMS}/{made['item_id']}").json
    assert (now["upc"], now["barcode_aliases"], now["weight_lbs"], now["category"]) == (
        "036000291452",
        ["A", "B"],
        3.0,
        "C",
    )


def test_the_name_of_one_of_several_variants_is_its_own(admin: Client, tenant: Tenant) -> None:
    made = make_product(tenant, sku="BOX", name="Box")
    sql = """
        INSERT INTO variant (product_id, is_default, sku, created_at) VALUES (%(p)s, false, 'BOX-L', now()) RETURNING id
    """
    large = tenant.value(sql, p=made.product_id)
    assert admin.get(f"{ITEMS}/{large}").json["item_name"] == "Box"
    assert admin.put(f"{ITEMS}/{large}", {"item_name": "Box, large"}).json["item_name"] == "Box, large"
    assert admin.put(f"{ITEMS}/{made.variant_id}", {"item_name": "Carton"}).json["item_name"] == "Carton"
    assert [admin.get(f"{ITEMS}/{each}").json["item_name"] for each in (made.variant_id, large)] == [
        "Carton",
        "Box, large",
    ]


def test_what_is_not_there_or_another_organizations(admin: Client, other_tenant: Tenant) -> None:
    foreign = make_product(other_tenant).variant_id
    for item_id in (foreign, 2**31 - 1):
        calls = [
            admin.get(f"{ITEMS}/{item_id}"),
            admin.put(f"{ITEMS}/{item_id}", {"item_name": "Mine"}),
            admin.post(f"{ITEMS}/{item_id}/archive"),
            admin.delete(f"{ITEMS}/{item_id}"),
        ]
        assert [(call.status, call.json) for call in calls] == [(404, {"error": "Item not found"})] * 4
    assert admin.get(f"{ITEMS}/x").status == 404


# Archiving and deleting.


def test_archiving_toggles_and_the_shop_follows(admin: Client, api: Client, tenant: Tenant) -> None:
    made = make(admin, sku="A", unit_price=1)
    reply = admin.post(f"{ITEMS}/{made['item_id']}/archive")
    assert (reply.status, reply.json["is_active"], reply.json["is_for_sale"]) == (200, False, False)
    assert reply.statements == 8
    assert api.get("/api/products/sku/A").status == 404
    reply = admin.post(f"{ITEMS}/{made['item_id']}/archive")
    assert reply.json["is_active"] is True
    assert api.get("/api/products/sku/A").status == 200
    assert admin.put(f"{ITEMS}/{made['item_id']}", {"is_active": False}).json["is_active"] is False
    actions = [row["action"] for row in tenant.rows("SELECT action FROM audit_entry WHERE entity = 'item' ORDER BY id")]
    assert actions == ["create", "archive", "restore", "archive"]


def test_a_product_is_sold_while_one_of_its_items_is(admin: Client, tenant: Tenant) -> None:
    made = make_product(tenant)
    sql = (
        "INSERT INTO variant (product_id, is_default, sku, created_at) VALUES (%(p)s, false, 'V2', now()) RETURNING id"
    )
    second = tenant.value(sql, p=made.product_id)
    state = """
        SELECT p.is_active, bool_and(v.is_listed) AS all_listed
          FROM product p JOIN variant v ON v.product_id = p.id GROUP BY p.id
    """
    admin.post(f"{ITEMS}/{second}/archive")
    assert tenant.rows(state) == [{"is_active": True, "all_listed": False}]
    admin.post(f"{ITEMS}/{made.variant_id}/archive")
    assert tenant.rows(state) == [{"is_active": False, "all_listed": False}]
    for item_id in (second, made.variant_id):
        assert admin.post(f"{ITEMS}/{item_id}/archive").json["is_active"] is True
    assert tenant.rows(state) == [{"is_active": True, "all_listed": True}]


def test_many_toggles_at_once_take_turns(admin: Client) -> None:
    made = make(admin)
    replies = together(10, lambda _: admin.post(f"{ITEMS}/{made['item_id']}/archive"))
    assert Counter((reply.status, reply.json["is_active"]) for reply in replies) == {(200, False): 5, (200, True): 5}


def test_an_item_without_a_history_can_be_deleted(admin: Client, tenant: Tenant) -> None:
    made = make(admin, sku="GONE", upc="036000291452", barcode_aliases=["A"])
    (bin_,) = make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="P"))
    sql = """
        INSERT INTO preferred_bin (variant_id, bin_id, priority, created_at, updated_at)
        VALUES (%(v)s, %(b)s, 1, now(), now()) RETURNING id
    """
    tenant.rows(sql, v=made["item_id"], b=bin_.id)
    reply = admin.delete(f"{ITEMS}/{made['item_id']}")
    assert (reply.status, reply.json, reply.statements) == (
        200, {"message": "Item deleted", "item_id": made["item_id"]}, 9,
    )  # fmt: skip
    left = "SELECT (SELECT count(*) FROM {}) AS n"
    tables = ("variant", "product", "barcode", "preferred_bin")
    assert [tenant.value(left.format(table)) for table in tables] == [0, 0, 0, 0]
    assert make(admin, sku="GONE", upc="036000291452")["sku"] == "GONE"
    entry = tenant.rows("SELECT before->>'sku' AS sku, after FROM audit_entry WHERE action = 'delete'")[0]
    assert entry == {"sku": "GONE", "after": None}


def test_the_last_item_takes_its_product_along(admin: Client, tenant: Tenant) -> None:
    made = make_product(tenant)
    sql = (
        "INSERT INTO variant (product_id, is_default, sku, created_at) VALUES (%(p)s, false, 'V2', now()) RETURNING id"
    )
    second = tenant.value(sql, p=made.product_id)
    assert admin.delete(f"{ITEMS}/{second}").status == 200
    assert tenant.value("SELECT count(*) FROM product") == 1
    assert admin.delete(f"{ITEMS}/{made.variant_id}").status == 200
    assert tenant.value("SELECT count(*) FROM product") == 0


def test_an_item_with_a_history_stays(admin: Client, tenant: Tenant) -> None:
    lying, ordered = make_shelf(tenant, free=1), make_shelf(tenant, free=0)
    assert _order(tenant, ordered) == 201
    lot = make_shelf(tenant, free=0)
    make_lot(tenant, lot, expires_on=None)
    sentences = {
        lying: "it has stock, stock movements",
        ordered: "it has sales orders",
        lot: "it has lots",
    }
    for shelf, why in sentences.items():
        reply = admin.delete(f"{ITEMS}/{shelf.variant_id}")
        assert reply.json == {"error": f"Item {shelf.sku} cannot be deleted: {why}. Archive it instead"}
        assert reply.status == 409
    assert tenant.value("SELECT count(*) FROM variant") == 3
    assert tenant.value("SELECT count(*) FROM barcode") == 3


def _order(tenant: Tenant, shelf: Shelf) -> int:
    """An integrator's order for what is not in stock, run again as the kernel does; the status it would have."""
    new = orders.NewOrder(
        channel="inventory", payment_method="net30", customer_id=None, delivery={}, warehouse_id=tenant.warehouse_id
    )

    def run() -> None:
        with tenant.uow() as uow:
            orders.place_unheld(uow, new, [orders.Asked(catalogue.Item(1, sku=shelf.sku))])

    try:
        repeating(run, Trace())
    except Refusal as refusal:
        return refusal.status
    return 201


def test_an_item_that_is_ordered_while_it_is_deleted_is_one_or_the_other(admin: Client, tenant: Tenant) -> None:
    for _ in range(8):
        shelf = make_shelf(tenant, free=0)

        def act(number: int, shelf: Shelf = shelf) -> int:
            return admin.delete(f"{ITEMS}/{shelf.variant_id}").status if number == 0 else _order(tenant, shelf)

        deleted, *ordered = together(4, act)
        assert (deleted, set(ordered)) in [(200, {400}), (409, {201})]
        there = tenant.value("SELECT count(*) FROM variant WHERE id = %(id)s", id=shelf.variant_id)
        assert there == (1 if deleted == 409 else 0)
