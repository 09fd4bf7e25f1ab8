"""The demo company in a real database: everything arrives, and the books are whole."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import orders, stock
from chalicelib.kernel import clock
from chalicelib.kernel.uow import as_machine, unit_of_work
from infra.local import demo
from infra.local.demo.company import PASSWORD, company
from infra.local.demo.loader import DemoCredentials
from infra.local.postgres import Cluster
from tests.client import Client

COUNT = "SELECT count(*) AS rows FROM "


@pytest.fixture(scope="module")
def loaded(database: Cluster, aws: None) -> Iterator[DemoCredentials]:
    made = demo.load({**os.environ, "QM_DATABASE_OWNER_URL": database.owner_url()})
    yield made
    with unit_of_work(as_machine(made.organization_id, "test")) as uow:
        uow.execute("UPDATE organization SET host = 'demo.test', is_default = false")


@pytest.fixture(scope="module")
def shop(loaded: DemoCredentials) -> Client:
    with unit_of_work(as_machine(loaded.organization_id, "test")) as uow:
        uow.execute("UPDATE organization SET host = 'demo.test'")
    return Client("demo.test")


def rows(loaded: DemoCredentials, sql: str) -> list[dict[str, Any]]:
    with unit_of_work(as_machine(loaded.organization_id, "test")) as uow:
        return uow.rows(sql)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("category", len(company().categories)),
        ("product", len(company().products)),
        ("variant", len(company().products)),
        ("barcode", len(company().products)),
        ("warehouse", len(company().warehouses)),
        ("zone", len(company().zones)),
        ("lot", len(company().lots)),
        ("stock_move", len(company().stock)),
        ("customer", len(company().customers)),
        ("staff", len(company().staff)),
        ("api_key", len(company().api_keys)),
        ("carrier", len(company().robot_storage.carriers)),
        ("balcony", len(company().robot_storage.balconies)),
        ("robot_level", len(company().robot_storage.levels)),
        ("bot", 3),
        # the company's own, the hidden one of each warehouse, the staging bin of each balcony
        ("bin", len(company().bins) + len(company().warehouses) + len(company().robot_storage.balconies)),
        ("carrier_space WHERE bin_id IS NOT NULL", sum(place.box is not None for place in company().bins)),
    ],
)
def test_everything_arrives(loaded: DemoCredentials, table: str, expected: int) -> None:
    assert rows(loaded, COUNT + table)[0]["rows"] == expected


def test_the_books_are_whole(loaded: DemoCredentials) -> None:
    with unit_of_work(as_machine(loaded.organization_id, "test")) as uow:
        books, holds = stock.check_books(uow), orders.check_holds(uow)
    assert books.is_whole
    assert books.units_moved == sum(row.quantity for row in company().stock)
    assert holds.wrong_lines == 0


def test_every_unit_lies_where_the_company_says(loaded: DemoCredentials) -> None:
    found = rows(
        loaded,
        "SELECT w.code AS warehouse, b.code AS bin, v.sku, l.number AS lot, s.on_hand FROM stock_level s"
        " JOIN bin b ON b.account_id = s.account_id JOIN warehouse w ON w.id = b.warehouse_id"
        " JOIN variant v ON v.id = s.variant_id LEFT JOIN lot l ON l.id = s.lot_id WHERE s.on_hand > 0",
    )
    expected: dict[tuple[str, str, str, str | None], int] = {}
    for row in company().stock:
        key = (row.warehouse, row.bin, row.sku, row.lot)
        expected[key] = expected.get(key, 0) + row.quantity
    assert {(r["warehouse"], r["bin"], r["sku"], r["lot"]): r["on_hand"] for r in found} == expected


def test_boxes_are_on_their_carriers(loaded: DemoCredentials) -> None:
    found = rows(
        loaded,
        "SELECT b.code, b.barcode, c.code AS carrier, s.section_code::text AS section FROM carrier_space s"
        " JOIN bin b ON b.id = s.bin_id JOIN carrier c ON c.id = s.carrier_id",
    )
    assert {(r["code"], r["barcode"], r["carrier"], r["section"]) for r in found} == {
        (place.code, place.barcode, place.box.carrier, place.box.section_code_32)
        for place in company().bins
        if place.box is not None
    }


def test_the_company_opened_a_month_ago_and_lots_expire_from_today(loaded: DemoCredentials) -> None:
    moved = rows(loaded, "SELECT max(occurred_at) AS latest FROM stock_move")[0]["latest"]
    assert clock.now() - moved > timedelta(days=29)
    lot = company().lots[0]
    expires = rows(loaded, f"SELECT expires_on FROM lot WHERE number = '{lot.code}'")[0]["expires_on"]
    assert abs((expires - clock.now().date()).days - lot.expires_in_days) <= 1


def test_a_customer_and_a_picker_can_sign_in(loaded: DemoCredentials, shop: Client) -> None:
    buyer = shop.post("/api/login", {"username": loaded.customers[0], "password": PASSWORD})
    picker = shop.post("/api/auth/login", {"username": "p.nguyen", "password": PASSWORD})
    assert (buyer.status, picker.status) == (200, 200)


def test_keys_have_their_known_values(loaded: DemoCredentials, shop: Client) -> None:
    assert set(loaded.api_keys) == {"inventory", "voice", "storage"}
    reply = shop.as_bearer(loaded.api_keys["inventory"]).get("/api/v1/products?per_page=1")
    assert (reply.status, reply.json["total"]) == (200, len(company().products))
    assert shop.as_key(loaded.api_keys["storage"]).get("/api/v1/products").status == 403


def test_the_shop_shows_and_finds_its_goods(loaded: DemoCredentials, shop: Client) -> None:
    assert len(shop.get("/api/categories").json) == len(company().categories)
    product = company().products[0]
    assert shop.get(f"/api/products/sku/{product.sku}").json["unit_price"] == product.unit_price_cents / 100
    assert shop.get("/api/products?search=long+grian+rice").json["products"][0]["sku"] == product.sku
