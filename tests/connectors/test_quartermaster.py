"""One Quartermaster feeds another: what the one sells, the other stores and ships, through its published interface."""

from collections.abc import Iterator

import pytest

from chalicelib import orders
from tests.client import Client
from tests.connectors.bridge import served
from tests.factories.connectors import Connection
from tests.factories.floor import make_floor
from tests.factories.identity import make_api_key, make_staff
from tests.factories.stock import Shelf, make_shelf
from tests.tenant import Tenant

SellersLevel = dict[str, int]


@pytest.fixture
def seller(other_tenant: Tenant) -> Client:
    """The integrator's view of the installation that sells."""
    return Client(other_tenant.host).as_key(make_api_key(other_tenant))


@pytest.fixture
def storage(tenant: Tenant, other_tenant: Tenant) -> Iterator[Connection]:
    """The installation that stores, connected to the one that sells."""
    connection = Connection(tenant, make_staff(tenant), "quartermaster")
    with served(other_tenant.host) as url:
        key = make_api_key(other_tenant)
        reply = connection.store(base_url=url, api_key=key, location_id=str(other_tenant.warehouse_id))
        assert reply.json["missing"] == []
        yield connection


def ordered(seller: Client, *lines: tuple[Shelf, int]) -> int:
    """An order that the seller has taken and reserved."""
    items = [{"sku": shelf.sku, "quantity": units} for shelf, units in lines]
    placed = seller.post("/api/v1/orders", {"line_items": items, "customer_name": "Ana Reyes"}).json
    assert seller.post(f"/api/v1/orders/{placed['id']}/reserve").status == 200
    return int(placed["id"])


def available(seller: Client, sku: str) -> int:
    levels = seller.get(f"/api/v1/inventory_levels?sku={sku}").json["inventory_levels"]
    return int(levels[0]["available"]) if levels else 0


def test_the_connection(storage: Connection, other_tenant: Tenant) -> None:
    assert storage.test().json == {"connected": True, "message": "Connected: 1 locations"}
    storage.store(location_id="77")
    assert storage.test().json == {"connected": False, "message": "It has no location 77"}
    storage.store(api_key="qmk_nobodys")
    assert storage.test().json == {"connected": False, "message": "It does not accept the credentials (401)"}


def test_what_the_seller_has_is_known_here_with_its_barcodes(storage: Connection, other_tenant: Tenant) -> None:
    shelves = [make_shelf(other_tenant, free=1) for _ in range(3)]
    assert storage.sync("items")["records_synced"] == 3
    ours = storage.tenant.rows(
        "SELECT v.sku, b.code FROM variant v JOIN barcode b ON b.variant_id = v.id ORDER BY v.id"
    )
    assert {(row["sku"], row["code"]) for row in ours} == {(shelf.sku, shelf.barcode) for shelf in shelves}


def test_an_order_there_is_picked_and_shipped_here_and_fulfilled_there(
    storage: Connection, seller: Client, other_tenant: Tenant
) -> None:
    theirs = make_shelf(other_tenant, free=9)
    ours = make_shelf(storage.tenant, free=9, sku=theirs.sku)
    storage.sync("items")
    order_id = ordered(seller, (theirs, 4))
    unreserved = seller.post("/api/v1/orders", {"line_items": [{"sku": theirs.sku, "quantity": 1}]}).json["id"]
    for _ in range(2):
        assert storage.sync("orders")["sync_status"] == "idle"
    (imported,) = storage.orders()
    assert (imported["external_id"], imported["delivery_name"], ours.free()) == (str(order_id), "Ana Reyes", 5)
    assert storage.sync("fulfillment")["records_synced"] == 0
    floor = make_floor(storage.tenant)
    with storage.tenant.uow() as uow:
        order = orders.get(uow, imported["id"])
    floor.pick_all(order)
    assert floor.verify(order, ours.sku, 4).status == 200
    assert floor.pack(order).status == 200
    assert floor.fulfil(order).status == 200
    state = storage.sync("fulfillment")
    assert (state["sync_status"], state["records_synced"], state["failures"]) == ("idle", 1, [])
    assert seller.get(f"/api/v1/orders/{order_id}").json["status"] == "fulfilled"
    assert seller.get(f"/api/v1/orders/{unreserved}").json["status"] == "pending"
    assert (available(seller, theirs.sku), ours.free()) == (5, 5)


def test_what_is_available_here_becomes_available_there(
    storage: Connection, seller: Client, other_tenant: Tenant
) -> None:
    more, fewer, same = (make_shelf(other_tenant, free=units) for units in (2, 9, 5))
    for shelf, units in ((more, 7), (fewer, 3), (same, 5)):
        make_shelf(storage.tenant, free=units, sku=shelf.sku)
    storage.sync("items")
    for _ in range(2):
        assert storage.sync("inventory")["failures"] == []
    assert [available(seller, shelf.sku) for shelf in (more, fewer, same)] == [7, 3, 5]
    ledger = seller.get("/api/v1/inventory_ledger?entry_type=adjustment").json["inventory_ledger"]
    assert sorted(move["quantity"] for move in ledger) == [5, 6]


def test_an_order_that_the_seller_has_fulfilled_by_himself_counts_as_told(
    storage: Connection, seller: Client, other_tenant: Tenant
) -> None:
    theirs = make_shelf(other_tenant, free=9)
    make_shelf(storage.tenant, free=9, sku=theirs.sku)
    done, cancelled = (ordered(seller, (theirs, 1)) for _ in range(2))
    storage.sync("orders")
    storage.tenant.rows("UPDATE sales_order SET state = 'shipped' RETURNING id")
    assert seller.post(f"/api/v1/orders/{done}/fulfill").status == 200
    assert seller.post(f"/api/v1/orders/{cancelled}/cancel").status == 200
    state = storage.sync("fulfillment")
    assert (state["records_synced"], state["records_failed"]) == (1, 1)
    (failure,) = state["failures"]
    assert failure["external_id"] == str(cancelled)
    assert failure["error"].startswith("It does not fulfil the order:")
