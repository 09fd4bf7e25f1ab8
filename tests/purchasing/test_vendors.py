"""/api/procurement: vendors and what they offer."""

from typing import Any

import pytest

from tests.client import Client, Reply
from tests.factories.purchasing import make_purchase_order
from tests.factories.stock import make_shelf
from tests.factories.vendors import PRODUCTS, VENDORS, buyer, make_offer, make_vendor
from tests.tenant import Tenant
from tests.threads import together

ACME: dict[str, Any] = {
    "name": "Acme Glassware",
    "website": "https://acme.example/catalogue?page=1",
    "phone": "+1 (212) 555-0100 ext. 4",
    "email": "Sales@ACME.example",
    "contact_name": "Maria Olsen",
    "address": "12 Harbor Road\nTillerby, NY 10001",
    "notes": "Pays freight from $500",
    "active": True,
}
TUMBLER: dict[str, Any] = {
    "name": "Tumbler 12 oz",
    "category": "Glassware",
    "description": "Toughened",
    "model_number": "T-12",
    "est_price_min": 1.1,
    "est_price_max": 1.35,
    "lead_time_days": 21,
    "notes": "Pallets of 40",
    "active": True,
}


@pytest.fixture
def manager(tenant: Tenant) -> Client:
    return buyer(tenant)


def names(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    return [each["name"] for each in reply.json]


def wrong(reply: Reply) -> list[list[str]]:
    assert (reply.status, reply.json["error"]) == (400, "validation_error"), reply.body
    return [detail["loc"] for detail in reply.json["details"]]


def test_a_vendor_and_its_products(manager: Client) -> None:
    made = manager.post(VENDORS, ACME)
    vendor = {"id": made.json["id"], **ACME, "email": "Sales@acme.example"}
    assert (made.status, made.json, made.statements) == (201, vendor, 5)
    path = f"{VENDORS}/{vendor['id']}"
    offer = manager.post(f"{path}/products", TUMBLER)
    product = {"id": offer.json["id"], "vendor_id": vendor["id"], **TUMBLER}
    assert (offer.status, offer.json, offer.statements) == (201, product, 6)
    shown = manager.get(path)
    assert (shown.status, shown.json, shown.statements) == (200, {**vendor, "products": [product]}, 5)
    assert (manager.get(VENDORS).json, manager.get(PRODUCTS).json) == ([vendor], [product])
    assert manager.get(f"{path}/products").json == [product]


def test_a_name_is_enough(manager: Client) -> None:
    vendor, empty = make_vendor(manager, name="Bare"), dict.fromkeys(ACME, None)
    assert vendor == {**empty, "id": vendor["id"], "name": "Bare", "active": True}
    offer, nothing = make_offer(manager, vendor["id"], name="Thing"), dict.fromkeys(TUMBLER, None)
    assert offer == {**nothing, "id": offer["id"], "vendor_id": vendor["id"], "name": "Thing", "active": True}


def test_lists_show_active_ones_by_name(manager: Client) -> None:
    ids = {name: make_vendor(manager, name=name, active=name != "Closed")["id"] for name in ("Zed", "Closed", "Acme")}
    assert names(manager.get(VENDORS)) == ["Acme", "Zed"]
    for off in ("0", "", "false", "No"):
        assert names(manager.get(f"{VENDORS}?all={off}")) == ["Acme", "Zed"]
    for on in ("1", "true", "yes", "x"):
        assert names(manager.get(f"{VENDORS}?all={on}")) == ["Acme", "Closed", "Zed"]
    assert names(manager.get(f"{VENDORS}?all=1&page=2&per_page=2")) == ["Zed"]
    assert manager.get(f"{VENDORS}?per_page=1001").status == 400

    make_offer(manager, ids["Zed"], name="B", category="Paper Goods")
    make_offer(manager, ids["Zed"], name="C", category="paper goods", active=False)
    make_offer(manager, ids["Acme"], name="A", category="Ölkannen")
    assert names(manager.get(PRODUCTS)) == ["A", "B"]
    assert names(manager.get(f"{PRODUCTS}?all=1")) == ["A", "B", "C"]
    assert names(manager.get(f"{PRODUCTS}?category=PAPER%20goods&all=1")) == ["B", "C"]
    assert names(manager.get(f"{PRODUCTS}?category=%C3%B6lkannen")) == ["A"]
    assert names(manager.get(f"{PRODUCTS}?category=")) == ["A", "B"]
    assert names(manager.get(f"{PRODUCTS}?category=none")) == []
    assert names(manager.get(f"{VENDORS}/{ids['Zed']}/products")) == ["B"]
    assert names(manager.get(f"{VENDORS}/{ids['Zed']}/products?all=1")) == ["B", "C"]
    assert [each["name"] for each in manager.get(f"{VENDORS}/{ids['Zed']}").json["products"]] == ["B", "C"]


def test_lists_cost_the_same_however_long(manager: Client) -> None:
    vendor = make_vendor(manager)
    make_offer(manager, vendor["id"])
    before = [manager.get(path).statements for path in (VENDORS, PRODUCTS, f"{VENDORS}/{vendor['id']}/products")]
    for _ in range(20):
        make_offer(manager, make_vendor(manager)["id"])
        make_offer(manager, vendor["id"])
    after = [manager.get(path).statements for path in (VENDORS, PRODUCTS, f"{VENDORS}/{vendor['id']}/products")]
    assert before == after == [4, 4, 5]


def test_what_is_sent_changes_and_the_rest_stays(manager: Client) -> None:
    vendor = make_vendor(manager, **ACME)
    path = f"{VENDORS}/{vendor['id']}"
    changed = manager.put(path, {"phone": "555-0199", "notes": None, "name": None, "active": False})
    assert (changed.status, changed.statements) == (200, 6)
    assert changed.json == {**vendor, "phone": "555-0199", "notes": None, "active": False}
    assert manager.put(path, {}).json == changed.json
    product = make_offer(manager, vendor["id"], **TUMBLER)
    path = f"{PRODUCTS}/{product['id']}"
    changed = manager.put(path, {"est_price_max": 2, "lead_time_days": None, "category": None})
    assert (changed.status, changed.statements) == (200, 6)
    assert changed.json == {**product, "est_price_max": 2.0, "lead_time_days": None, "category": None}
    other = make_vendor(manager)
    moved = manager.put(path, {"vendor_id": other["id"], "active": False, "name": "Beaker"})
    assert moved.json == {**changed.json, "vendor_id": other["id"], "active": False, "name": "Beaker"}
    assert names(manager.get(f"{VENDORS}/{other['id']}/products?all=1")) == ["Beaker"]


def test_changes_are_audited(manager: Client, tenant: Tenant) -> None:
    vendor = make_vendor(manager, name="Before")
    manager.put(f"{VENDORS}/{vendor['id']}", {"name": "After"})
    manager.put(f"{VENDORS}/{vendor['id']}", {"name": "After"})
    make_offer(manager, vendor["id"])
    buyer(tenant, "admin").delete(f"{VENDORS}/{vendor['id']}")
    sql = "SELECT action, before, after FROM audit_entry WHERE entity = 'vendor' ORDER BY id"
    created, updated, deleted = tenant.rows(sql)
    assert (created["action"], updated["action"], deleted["action"]) == ("create", "update", "delete")
    assert (updated["before"]["name"], updated["after"]["name"]) == ("Before", "After")
    assert (deleted["before"]["name"], deleted["before"]["products"]) == ("After", 1)


@pytest.mark.parametrize(
    ("_case", "fields", "where"),
    [
        ("no name", {"name": ""}, ["name"]),
        ("a name of blanks and signs", {"name": "a\nb"}, ["name"]),
        ("a script for a link", {"website": "javascript:alert(1)"}, ["website"]),
        ("data for a link", {"website": "data:text/html,x"}, ["website"]),
        ("two lines of a link", {"website": "example.com\njavascript:x"}, ["website"]),
        ("no address", {"email": "nobody"}, ["email"]),
        ("a header in the address", {"email": "a@b.example\nBcc: c@d.example"}, ["email"]),
        ("a long phone", {"phone": "1" * 256}, ["phone"]),
        ("not a switch", {"active": 0}, ["active"]),
        ("unknown", {"rating": 5}, ["rating"]),
    ],
)
def test_what_no_vendor_can_be(_case: str, fields: dict[str, Any], where: list[str], manager: Client) -> None:
    assert wrong(manager.post(VENDORS, {**ACME, **fields})) == [where]
    vendor = make_vendor(manager)
    assert wrong(manager.put(f"{VENDORS}/{vendor['id']}", fields)) == [where]
    assert manager.get(VENDORS).json == [vendor]


@pytest.mark.parametrize("website", ["example.com", "http://example.com:8080/a?b=c#d", "localhost", "", None])
def test_websites(website: str | None, manager: Client) -> None:
    assert make_vendor(manager, website=website)["website"] == (website or None)


@pytest.mark.parametrize(
    ("_case", "fields", "where"),
    [
        ("no name", {"name": ""}, ["name"]),
        ("a negative price", {"est_price_min": -0.01}, ["est_price_min"]),
        ("half a cent", {"est_price_max": 1.355}, ["est_price_max"]),
        ("too much", {"est_price_max": 10**30}, ["est_price_max"]),
        ("a price in words", {"est_price_min": "1.10"}, ["est_price_min"]),
        ("the least is more than the most", {"est_price_min": 1.36, "est_price_max": 1.35}, ["est_price_min"]),
        ("yesterday", {"lead_time_days": -1}, ["lead_time_days"]),
        ("for ever", {"lead_time_days": 3651}, ["lead_time_days"]),
        ("half a day", {"lead_time_days": 0.5}, ["lead_time_days"]),
    ],
)
def test_what_no_offer_can_be(_case: str, fields: dict[str, Any], where: list[str], manager: Client) -> None:
    vendor = make_vendor(manager)
    assert wrong(manager.post(f"{VENDORS}/{vendor['id']}/products", {**TUMBLER, **fields})) == [where]
    product = make_offer(manager, vendor["id"], **TUMBLER)
    assert wrong(manager.put(f"{PRODUCTS}/{product['id']}", fields)) == [where]
    assert manager.get(PRODUCTS).json == [product]


def test_a_change_must_fit_what_stays(manager: Client) -> None:
    vendor = make_vendor(manager)
    path = f"{PRODUCTS}/{make_offer(manager, vendor['id'], **TUMBLER)['id']}"
    assert wrong(manager.put(path, {"est_price_min": 1.36})) == [["est_price_min"]]
    assert wrong(manager.put(path, {"est_price_max": 1.09})) == [["est_price_max"]]
    assert manager.put(path, {"est_price_min": 1.35}).json["est_price_min"] == 1.35
    assert manager.put(path, {"est_price_max": None, "est_price_min": 99}).status == 200
    assert wrong(manager.put(path, {"vendor_id": 2**31 - 1})) == [["vendor_id"]]


def test_a_vendor_goes_with_its_products_and_orders_keep_its_name(manager: Client, tenant: Tenant) -> None:
    vendor, other = make_vendor(manager, name="Gone Inc"), make_vendor(manager)
    products = [make_offer(manager, vendor["id"])["id"] for _ in range(3)]
    kept = make_offer(manager, other["id"])
    make_purchase_order(tenant, (make_shelf(tenant), 1), vendor_name="Gone Inc")
    path = f"{VENDORS}/{vendor['id']}"
    assert manager.delete(path).status == 403
    gone = buyer(tenant, "admin").delete(path)
    assert (gone.status, gone.json, gone.statements) == (200, {"success": True}, 6)
    assert [manager.get(path).status, manager.put(path, {}).status, manager.get(f"{path}/products").status] == [404] * 3
    assert manager.post(f"{path}/products", {"name": "late"}).status == 404
    assert manager.put(f"{PRODUCTS}/{products[0]}", {}).status == 404
    assert manager.get(f"{PRODUCTS}?all=1").json == [kept]
    assert tenant.value("SELECT vendor_name FROM purchase_order") == "Gone Inc"


def test_an_offer_goes_alone(manager: Client) -> None:
    vendor = make_vendor(manager)
    path = f"{PRODUCTS}/{make_offer(manager, vendor['id'])['id']}"
    gone = manager.delete(path)
    assert (gone.status, gone.json, gone.statements) == (200, {"success": True}, 5)
    assert (manager.delete(path).status, manager.get(f"{VENDORS}/{vendor['id']}").json["products"]) == (404, [])


ASKED = [
    ("GET", VENDORS),
    ("GET", f"{VENDORS}/ID"),
    ("GET", f"{VENDORS}/ID/products"),
    ("GET", PRODUCTS),
    ("POST", VENDORS),
    ("PUT", f"{VENDORS}/ID"),
    ("POST", f"{VENDORS}/ID/products"),
    ("PUT", f"{PRODUCTS}/PRODUCT"),
    ("DELETE", f"{PRODUCTS}/PRODUCT"),
    ("DELETE", f"{VENDORS}/ID"),
]


@pytest.mark.parametrize(
    ("role", "may"),
    [("staff", 4), ("sales_rep", 4), ("manager", 9), ("admin", 10)],
)
def test_roles(role: str, may: int, tenant: Tenant, manager: Client) -> None:
    """Whoever is on the staff may look, admin and manager may change, the admin alone removes a vendor."""
    vendor = make_vendor(manager)
    product, client = make_offer(manager, vendor["id"]), buyer(tenant, role)
    answers = []
    for method, path in ASKED:
        path = path.replace("ID", str(vendor["id"])).replace("PRODUCT", str(product["id"]))
        body = None if method in ("GET", "DELETE") else {"name": "x"}
        answers.append(client.call(method, path, body, {}).status < 300)
    assert answers == [True] * may + [False] * (10 - may)


def test_another_organization_sees_nothing(manager: Client, other_tenant: Tenant) -> None:
    vendor = make_vendor(manager)
    product, stranger = make_offer(manager, vendor["id"]), buyer(other_tenant, "admin")
    for method, path in ASKED[1:]:
        if "ID" in path or "PRODUCT" in path:
            path = path.replace("ID", str(vendor["id"])).replace("PRODUCT", str(product["id"]))
            body = None if method in ("GET", "DELETE") else {"name": "x"}
            assert stranger.call(method, path, body, {}).status == 404
    theirs = make_offer(stranger, make_vendor(stranger)["id"])
    assert wrong(stranger.put(f"{PRODUCTS}/{theirs['id']}", {"vendor_id": vendor["id"]})) == [["vendor_id"]]
    assert (manager.get(VENDORS).json, manager.get(PRODUCTS).json) == ([vendor], [product])


def test_two_who_change_one_vendor_lose_nothing(manager: Client) -> None:
    vendor = make_vendor(manager)
    fields = ["website", "phone", "contact_name", "address", "notes"]
    path = f"{VENDORS}/{vendor['id']}"
    replies = together(10, lambda n: manager.put(path, {fields[n % 5]: "example.com"}))
    assert {reply.status for reply in replies} == {200}
    assert [manager.get(path).json[field] for field in fields] == ["example.com"] * 5


def test_offers_for_a_vendor_that_is_being_removed(manager: Client, tenant: Tenant) -> None:
    """Each is either gone with the vendor or refused."""
    vendor, admin = make_vendor(manager), buyer(tenant, "admin")
    path = f"{VENDORS}/{vendor['id']}"

    def act(number: int) -> int:
        return (admin.delete(path) if number == 0 else manager.post(f"{path}/products", {"name": "x"})).status

    removed, *offered = together(12, act)
    assert removed == 200
    assert set(offered) <= {201, 404}
    assert manager.get(f"{PRODUCTS}?all=1").json == []
