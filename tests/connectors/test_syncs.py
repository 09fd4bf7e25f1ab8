"""Syncs with the shop double: what comes in once, what goes out once, and what becomes of failures."""

import json
from typing import Any
from uuid import uuid4

import pytest

from chalicelib import orders
from chalicelib.connectors import imports, store
from chalicelib.connectors.shops.base import ShopLine, ShopOrder
from tests.client import Reply
from tests.factories.connectors import MAPPING, Connection, make_shop, order, product
from tests.factories.floor import make_floor
from tests.factories.stock import make_shelf
from tests.providers import Providers
from tests.tenant import Clock, Tenant
from tests.threads import together


@pytest.fixture
def shop(tenant: Tenant, providers: Providers) -> Connection:
    return make_shop(tenant, providers)


def counts(state: dict[str, Any]) -> tuple[str, int, int]:
    return state["sync_status"], state["records_synced"], state["records_failed"]


# Asking for one.


def test_asking_for_a_sync(shop: Connection) -> None:
    reply = shop.request("orders")
    assert (reply.status, reply.statements) == (202, 6)
    assert reply.json == {
        "message": "Sync queued",
        "task_id": reply.json["task_id"],
        "connector": "rest",
        "warehouse_id": shop.tenant.warehouse_id,
        "sync_type": "orders",
        "sync_status": "running",
    }
    assert shop.state("orders")["task_id"] == reply.json["task_id"]
    again = shop.request("orders")
    assert (again.status, again.json) == (409, {"error": "A sync of this type is already running"})
    assert shop.request("items").status == 202


def test_a_type_that_there_is_not(shop: Connection) -> None:
    reply = shop.request("customers")
    assert (reply.status, reply.json) == (400, {"error": "Connector rest cannot sync customers"})
    assert shop.tenant.rows("SELECT id FROM connector_sync") == []


def test_a_repeated_key_asks_once(shop: Connection) -> None:
    first, second = (shop.request("orders", idempotency_key="sync-once") for _ in range(2))
    assert (first.status, second.status) == (202, 202)
    assert first.json == second.json
    assert shop.tenant.value("SELECT count(*) FROM outbox WHERE topic = 'connectors.sync'") == 1


def test_of_fifty_at_once_one_starts(shop: Connection) -> None:
    replies: list[Reply] = together(50, lambda _: shop.request("items"))
    assert sorted(reply.status for reply in replies) == [202] + [409] * 49
    assert shop.tenant.value("SELECT count(*) FROM outbox WHERE topic = 'connectors.sync'") == 1


def test_a_state_of_every_type(shop: Connection) -> None:
    reply = shop.client.get(f"{shop.url}/sync-status?warehouse_id={shop.tenant.warehouse_id}")
    assert (reply.status, reply.statements) == (200, 4)
    states = reply.json["sync_states"]
    assert [state["sync_type"] for state in states] == ["orders", "items", "inventory", "fulfillment"]
    assert {state["sync_status"] for state in states} == {"idle"}
    assert {state["last_synced_at"] for state in states} == {None}


# Items.


def test_items_become_products_page_by_page_and_once(shop: Connection) -> None:
    shop.fill(products=12)
    assert counts(shop.sync("items")) == ("idle", 12, 0)
    products = shop.tenant.rows(
        "SELECT v.sku, p.name, p.unit_price_minor FROM variant v JOIN product p ON p.id = v.product_id ORDER BY v.sku"
    )
    assert len(products) == 12
    assert products[1] == {"sku": "SHOP-00002", "name": "Shop product 2", "unit_price_minor": 350}
    shop.fill(products=14)
    assert counts(shop.sync("items")) == ("idle", 14, 0)
    assert shop.tenant.value("SELECT count(*) FROM variant") == 14
    assert shop.tenant.value("SELECT count(*) FROM connector_record") == 14


def test_items_that_are_here_already_are_left_alone(shop: Connection) -> None:
    shelf = make_shelf(shop.tenant, free=3)
    mine = product(sku=shelf.sku.lower(), title="Another name", price="99.00")
    shop.fill(products=[mine, product(barcode=shelf.barcode), product(sku="NEW"), product(sku="new")])
    assert counts(shop.sync("items")) == ("idle", 4, 0)
    assert shop.tenant.value("SELECT count(*) FROM variant") == 3
    (mapped,) = shop.tenant.rows("SELECT variant_id FROM connector_record WHERE external_id = %(id)s", id=mine["id"])
    assert mapped == {"variant_id": shelf.variant_id}
    assert shop.tenant.value("SELECT count(*) FROM barcode WHERE code = %(code)s", code=shelf.barcode) == 1


def test_items_that_cannot_be_read_are_named_and_stop_nobody(shop: Connection) -> None:
    wrong = [product(price="free"), product(sku=""), product(sku="X" * 70), product(id="a\0b")]
    shop.fill(products=[*wrong, product(sku="GOOD")])
    state = shop.sync("items")
    assert counts(state) == ("idle", 1, 4)
    assert {failure["external_id"] for failure in state["failures"]} == {each["id"] for each in wrong[:3]}
    assert [row["sku"] for row in shop.tenant.rows("SELECT sku FROM variant")] == ["GOOD"]
    shop.fill(products=[{**wrong[0], "price": "1.00"}])
    assert shop.sync("items")["records_failed"] == 3


# Orders.


def test_orders_are_placed_and_held(shop: Connection) -> None:
    shelf = make_shelf(shop.tenant, free=5)
    first, second = order((shelf.sku, 3)), order((shelf.sku, "4"), name="Ana Reyes")
    shop.fill(orders=[first, second])
    assert counts(shop.sync("orders")) == ("idle", 2, 0)
    whole, short = shop.orders()
    assert (whole["barcode"], whole["state"], whole["channel"], whole["is_short"]) == (
        first["number"],
        "pending",
        "wms",
        False,
    )
    assert (short["delivery_name"], short["delivery_address"], short["is_short"]) == (
        "Ana Reyes",
        "12 Harbor Street, Chicago",
        True,
    )
    assert {whole["hold_expires_at"], short["hold_expires_at"]} == {None}
    assert shop.tenant.value("SELECT sum(quantity) FROM stock_hold") == 5
    floor = make_floor(shop.tenant)
    with shop.tenant.uow() as uow:
        ready = orders.get(uow, whole["id"])
    floor.pick_all(ready)
    assert floor.state(ready) == "picked"


def test_orders_are_imported_once_however_often_they_are_listed(shop: Connection) -> None:
    shelf = make_shelf(shop.tenant, free=100)
    shop.fill(orders=[order((shelf.sku, 1)) for _ in range(7)])
    for _ in range(3):
        assert shop.sync("orders")["sync_status"] == "idle"
    assert len(shop.orders()) == 7
    assert shelf.free() == 93


def test_an_unknown_sku_is_that_orders_failure_and_mended_later(shop: Connection) -> None:
    shelf = make_shelf(shop.tenant, free=10)
    wrong, good = order((shelf.sku, 1), ("LATER", 2)), order((shelf.sku, 1))
    broken = [order((shelf.sku, 0)), order((shelf.sku, "1.5")), order()]
    shop.fill(orders=[wrong, *broken, good])
    state = shop.sync("orders")
    assert counts(state) == ("idle", 1, 4)
    assert {failure["error"] for failure in state["failures"]} == {
        "Item not found: LATER",
        "Line 1 has no usable SKU or quantity",
        "It has no lines, or more than 500",
    }
    assert [row["external_id"] for row in shop.orders()] == [good["id"]]
    shop.fill(products=[product(sku="LATER")])
    shop.sync("items")
    assert counts(shop.sync("orders")) == ("idle", 1, 3)
    assert [row["external_id"] for row in shop.orders()] == [good["id"], wrong["id"]]


def test_an_order_number_that_is_taken_stays_without_a_barcode(shop: Connection) -> None:
    shelf = make_shelf(shop.tenant, free=10)
    same = [order((shelf.sku, 1), number="1001") for _ in range(2)]
    shop.fill(orders=same)
    assert counts(shop.sync("orders")) == ("idle", 2, 0)
    assert [row["barcode"] for row in shop.orders()] == ["1001", None]


def test_orders_of_a_csv_file(tenant: Tenant, providers: Providers) -> None:
    mapping = {
        "orders": {
            "path": "/orders.csv",
            "format": "csv",
            "fields": {"id": "order", "number": "number", "name": "name", "city": "city"},
            "lines": {"fields": {"sku": "sku", "quantity": "quantity"}},
        }
    }
    shop = make_shop(tenant, providers, mapping=mapping)
    shelves = [make_shelf(tenant, free=10) for _ in range(2)]
    shop.fill(
        orders=[order(*[(shelf.sku, 2) for shelf in shelves], name='A "quoted", name'), order((shelves[0].sku, 1))]
    )
    assert counts(shop.sync("orders")) == ("idle", 2, 0)
    assert shop.orders()[0]["delivery_name"] == 'A "quoted", name'
    assert [shelf.free() for shelf in shelves] == [7, 8]
    items = shop.sync("items")
    assert (items["sync_status"], items["last_error_message"]) == ("error", "The mapping document has no section items")


def test_pages_that_are_found_by_a_cursor(tenant: Tenant, providers: Providers) -> None:
    paging = {
        "style": "cursor",
        "parameter": "cursor",
        "next": "meta.next_cursor",
        "size_parameter": "per_page",
        "size": 5,
    }
    shop = make_shop(tenant, providers, mapping={"items": {**MAPPING["items"], "paging": paging}})
    shop.fill(products=15)
    assert counts(shop.sync("items")) == ("idle", 15, 0)
    providers.fail("shop", "products.list", times=None, lie={"meta": {"next_cursor": "p1"}})
    state = shop.sync("items")
    assert (state["sync_status"], state["last_error_message"]) == ("error", "Its pages do not lead on")


# Inventory and fulfilment.


def test_levels_go_out_when_they_changed(shop: Connection, providers: Providers) -> None:
    shelves = [make_shelf(shop.tenant, free=units) for units in (4, 9)]
    sold = [product(sku=shelf.sku) for shelf in shelves] + [product()]
    shop.fill(products=sold)
    shop.sync("items")
    assert counts(shop.sync("inventory")) == ("idle", 3, 0)
    levels = {level["id"]: level["available"] for level in providers.records("shop.level")}
    assert levels == {sold[0]["id"]: 4, sold[1]["id"]: 9, sold[2]["id"]: 0}
    shop.fill(orders=[order((shelves[1].sku, 5))])
    shop.sync("orders")
    assert counts(shop.sync("inventory")) == ("idle", 1, 0)
    assert {level["id"]: (level["available"], level["times"]) for level in providers.records("shop.level")} == {
        sold[0]["id"]: (4, 1),
        sold[1]["id"]: (4, 2),
        sold[2]["id"]: (0, 1),
    }


def test_a_level_that_the_shop_does_not_take_is_that_items_failure(shop: Connection, providers: Providers) -> None:
    shelves = [make_shelf(shop.tenant, free=1) for _ in range(3)]
    shop.fill(products=[product(sku=shelf.sku) for shelf in shelves])
    shop.sync("items")
    providers.fail("shop", "inventory.set", status=422, skip=1)
    state = shop.sync("inventory")
    assert counts(state) == ("idle", 2, 1)
    (failure,) = state["failures"]
    assert "It answers 422" in failure["error"]
    state = shop.sync("inventory")
    assert (counts(state), state["failures"]) == (("idle", 1, 0), [])


def shipped(shop: Connection, units: int = 1) -> dict[str, Any]:
    """An order of the shop that has left here."""
    shelf, placed = make_shelf(shop.tenant, free=units), order()
    placed["lines"] = [{"sku": shelf.sku, "quantity": units}]
    shop.fill(orders=[placed])
    shop.sync("orders")
    floor, order_id = make_floor(shop.tenant), shop.orders()[-1]["id"]
    with shop.tenant.uow() as uow:
        ours = orders.get(uow, order_id)
    floor.pick_all(ours)
    assert floor.verify(ours, shelf.sku, units).status == 200
    assert floor.pack(ours).status == 200
    assert floor.fulfil(ours).status == 200
    return placed


def test_shipments_are_reported_once(shop: Connection, providers: Providers) -> None:
    placed = shipped(shop)
    assert counts(shop.sync("fulfillment")) == ("idle", 1, 0)
    (told,) = providers.records("shop.fulfillment")
    assert (told["order"], told["tracking"]) == (placed["id"], {"number": "1Z999AA10123456784", "carrier": "by UPS"})
    assert counts(shop.sync("fulfillment")) == ("idle", 0, 0)


def test_a_shipment_whose_answer_is_lost_is_reported_again_with_its_key(
    shop: Connection, providers: Providers, clock: Clock
) -> None:
    shipped(shop)
    providers.fail("shop", "fulfillments.create", drop="after")
    assert shop.sync("fulfillment")["sync_status"] == "error"
    assert counts(shop.sync("fulfillment")) == ("idle", 1, 0)
    assert len(providers.records("shop.fulfillment")) == 1


def test_more_records_than_one_step_sends(shop: Connection, providers: Providers, monkeypatch: Any) -> None:
    monkeypatch.setattr("chalicelib.connectors.syncs.TELL_MAX", 3)
    shop.fill(products=8)
    shop.sync("items")
    assert counts(shop.sync("inventory")) == ("idle", 8, 0)
    assert {level["times"] for level in providers.records("shop.level")} == {1}


def test_secrets_are_in_no_state_and_no_queue(shop: Connection, providers: Providers) -> None:
    providers.fail("shop", "*", times=None, status=401)
    state = shop.sync("items")
    assert state["last_error_message"] == "It does not accept the credentials (401)"
    everything = json.dumps(shop.tenant.rows("SELECT payload, last_error FROM outbox"), default=str)
    assert "shop-token" not in everything
    assert providers.url not in everything


def test_a_line_that_costs_too_much_is_that_orders_failure(shop: Connection) -> None:
    dear, cheap = make_shelf(shop.tenant, free=5, price_minor=10**11), make_shelf(shop.tenant, free=5)
    shop.fill(orders=[order((dear.sku, 10**6)), order((cheap.sku, 1)), order((dear.sku, 1))])
    state = shop.sync("orders")
    assert counts(state) == ("idle", 2, 1)
    assert [failure["error"] for failure in state["failures"]] == ["The line costs more than an order can hold"]


def test_a_page_of_orders_costs_the_same_however_many_they_are(shop: Connection) -> None:
    shelf = make_shelf(shop.tenant, free=1000)
    seen = []
    for size in (1, 5):
        with shop.tenant.uow() as uow:
            run = store.Run(0, uuid4(), "rest", shop.tenant.warehouse_id, "orders", None, 0, 0, 0, None, False)
            records = [ShopOrder(f"s{size}-{n}", (ShopLine(shelf.sku, 1),), f"N{size}-{n}") for n in range(size)]
            before = uow.statements
            assert imports.take_orders(uow, run, records) == (size, 0)
            seen.append(uow.statements - before)
    assert seen == [9, 9]
