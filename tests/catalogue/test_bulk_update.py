"""POST /api/v1/products/bulk-update: a thousand changes, each with an answer of its own."""

from typing import Any

import pytest

from tests.catalogue.test_changes import audited, told
from tests.client import Client, Reply
from tests.factories.catalogue import keeper, make_product, make_products, new_product
from tests.tenant import Tenant
from tests.threads import together

PATH = "/api/v1/products/bulk-update"


def bulk(tenant: Tenant, *products: Any, **headers: str) -> Reply:
    return keeper(tenant).post(PATH, {"products": list(products)}, **headers)


def counts(reply: Reply) -> tuple[int, int, int]:
    said = reply.json
    return said["updated_count"], said["skipped_count"], said["error_count"]


def test_each_entry_is_answered_for_itself(tenant: Tenant, other_tenant: Tenant) -> None:
    first = make_product(tenant, sku="A-1", unit_price_minor=1000)
    second = make_product(tenant, sku="B-1", unit_price_minor=2000)
    foreign = make_product(other_tenant, sku="THEIRS")
    reply = bulk(
        tenant,
        {"id": first.product_id, "unit_price": 11, "name": "Gloves"},
        {"sku": "b-1", "in_stock": False, "bulk_price": 19, "bulk_quantity": 5},
        {"sku": "A-1", "unit_price": 11},
        {"sku": "NOPE", "unit_price": 1},
        {"id": foreign.product_id, "unit_price": 1},
        {"sku": "B-1", "unit_price": -4, "brand": 7},
        {"sku": "B-1", "bulk_price": 21},
        {"unit_price": 4},
        "nonsense",
        {"id": second.product_id, "sku": "A-1", "unit_price": 4},
        {"id": second.product_id, "sku": "B-1", "brand": "Harrow"},
    )
    assert (reply.status, reply.json["success"], counts(reply)) == (200, False, (3, 3, 5))
    assert reply.json["updated"] == [
        {"index": 0, "id": first.product_id, "sku": None, "product_id": first.product_id, "changed": ["name", "unit_price"]},
        {
            "index": 1, "id": None, "sku": "b-1", "product_id": second.product_id,
            "changed": ["bulk_price", "bulk_quantity", "in_stock"],
        },
        {"index": 10, "id": second.product_id, "sku": "B-1", "product_id": second.product_id, "changed": ["brand"]},
    ]  # fmt: skip
    assert [(s["index"], s["reason"]) for s in reply.json["skipped"]] == [
        (2, "unchanged"),
        (3, "not_found"),
        (4, "not_found"),
    ]
    failed = {each["index"]: each for each in reply.json["errors"]}
    assert {index: [flaw["loc"] for flaw in each["details"]] for index, each in failed.items()} == {
        5: [["unit_price"], ["brand"]],
        6: [["bulk_price"]],
        7: [[]],
        8: [[]],
        9: [["sku"]],
    }
    assert failed[6]["message"] == "The bulk price 21.00 is above the unit price 20.00"
    assert (failed[5]["sku"], failed[8]["sku"]) == ("B-1", None)
    page = {p["sku"]: p for p in keeper(tenant).get("/api/v1/products").json["products"]}
    assert [page["A-1"][n] for n in ("unit_price", "name", "brand")] == [11.0, "Gloves", ""]
    assert [page["B-1"][n] for n in ("unit_price", "bulk_price", "in_stock", "brand")] == [20.0, 19.0, False, "Harrow"]
    assert len(audited(tenant)) == len(told(tenant)) == 2


def test_the_same_product_twice_is_as_two_requests(tenant: Tenant) -> None:
    """Entries are taken in order: what they say is all applied, the later over the earlier."""
    made = make_product(tenant, sku="A", unit_price_minor=1000)
    reply = bulk(
        tenant,
        {"sku": "A", "unit_price": 9, "brand": "First"},
        {"id": made.product_id, "unit_price": 8},
        {"sku": "a", "bulk_price": 8.5, "bulk_quantity": 2},
        {"sku": "A", "unit_price": 8},
    )
    assert counts(reply) == (2, 1, 1)
    assert reply.json["errors"][0]["message"] == "The bulk price 8.50 is above the unit price 8.00"
    product = keeper(tenant).get("/api/v1/products/A").json["product"]
    assert (product["unit_price"], product["brand"], product["bulk_price"]) == (8.0, "First", None)
    assert [entry["after"] for entry in audited(tenant)] == [{"unit_price": 8, "brand": "First"}]


def test_there_and_back_changes_nothing(tenant: Tenant) -> None:
    make_product(tenant, sku="A", brand="b")
    assert counts(bulk(tenant, {"sku": "A", "brand": "c"}, {"sku": "A", "brand": "b"})) == (2, 0, 0)
    assert audited(tenant) == told(tenant) == []


@pytest.mark.parametrize("number", [1, 100, 1000])
def test_statements_do_not_grow(tenant: Tenant, number: int) -> None:
    make_products(tenant, *(new_product(sku=f"S-{n}") for n in range(number)))
    ours = keeper(tenant)
    body = {"products": [{"sku": f"S-{n}", "unit_price": 1 + n, "name": f"New word{n}"} for n in range(number)]}
    reply = ours.post(PATH, body)
    assert (reply.status, counts(reply), reply.statements) == (200, (number, 0, 0), 6)
    reply = ours.post(PATH, body)
    assert (counts(reply), reply.statements) == ((0, number, 0), 4)
    assert len(audited(tenant)) == number


@pytest.mark.parametrize(
    ("_case", "body"),
    [
        ("nothing", {}),
        ("an empty list", {"products": []}),
        ("too many", {"products": [{"sku": "A"}] * 1001}),
        ("no list", {"products": {"sku": "A"}}),
        ("an unknown field", {"products": [{"sku": "A"}], "dry_run": True}),
    ],
)
def test_what_is_no_bulk_update(tenant: Tenant, _case: str, body: Any) -> None:
    assert keeper(tenant).post(PATH, body).status == 422


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        [],
        {},
        {"id": 0, "name": "x"},
        {"id": -1, "name": "x"},
        {"id": 2**31, "name": "x"},
        {"id": 10**300, "name": "x"},
        {"id": "1", "name": "x"},
        {"id": True, "name": "x"},
        {"id": None, "name": "x"},
        {"sku": "", "name": "x"},
        {"sku": "x" * 10_000, "name": "x"},
        {"sku": "A", "name": "x\x1b[2J"},
        {"sku": "A", "unit_price": 1e300},
        {"sku": "A", "unit_price": 10**15},
        {"sku": "A", "bulk_quantity": 2**40},
        {"sku": "A", "in_stock": "yes"},
        {"sku": "A", "name": {"a": []}},
        {"sku": "A", "category_id": 1},
        {"sku": "A", "image_url": "javascript:alert(1)"},
    ],
)
def test_a_hostile_entry_is_an_error_of_its_own(tenant: Tenant, entry: Any) -> None:
    make_product(tenant, sku="A")
    make_product(tenant, sku="B")
    reply = bulk(tenant, {"sku": "B", "brand": "Harrow"}, entry)
    assert (reply.status, counts(reply)) == (200, (1, 0, 1))
    assert reply.json["errors"][0]["index"] == 1
    assert [len(audited(tenant)), len(told(tenant))] == [1, 1]


def test_a_repeated_request_is_answered_as_before(tenant: Tenant) -> None:
    make_product(tenant, sku="A")
    key = {"Idempotency_Key": "7c9f4d5e-5f1c-4a53-9a55-0d2b2c2f7a11"}
    ours = keeper(tenant)
    body = {"products": [{"sku": "A", "brand": "Harrow"}]}
    first, second = ours.post(PATH, body, **key), ours.post(PATH, body, **key)
    assert (first.json, second.headers["Idempotent-Replay"]) == (second.json, "true")
    assert len(audited(tenant)) == 1


def test_two_bulks_in_other_orders_wait_for_one_another(tenant: Tenant) -> None:
    """They lock the products in the order of their ids, and the new words in the order of the words."""
    make_products(tenant, *(new_product(sku=f"S-{n}") for n in range(200)))
    ours = keeper(tenant)

    def work(n: int) -> Reply:
        order = range(200) if n % 2 else range(199, -1, -1)
        return ours.post(PATH, {"products": [{"sku": f"S-{k}", "name": f"Word{k:03d} of{n}"} for k in order]})

    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = tenant.value(deadlocks)
    replies = together(8, work)
    assert [(reply.status, counts(reply)) for reply in replies] == [(200, (200, 0, 0))] * 8
    assert [reply.statements for reply in replies] == [6] * 8
    assert tenant.value(deadlocks) == before
    names = {p["name"].split()[1] for p in ours.get("/api/v1/products?per_page=200").json["products"]}
    assert len(names) == 1, "one writer was last, with all of its changes"


def test_bulk_price_and_switch_at_once_lose_nothing(tenant: Tenant) -> None:
    make_products(tenant, *(new_product(sku=f"S-{n}", unit_price_minor=500) for n in range(50)))
    ours = keeper(tenant)
    sent: list[dict[str, Any]] = [{"unit_price": 7}, {"in_stock": False}, {"brand": "Harrow"}]

    def work(n: int) -> int:
        return ours.post(PATH, {"products": [{"sku": f"S-{k}", **sent[n % 3]} for k in range(50)]}).status

    assert together(6, work) == [200] * 6
    page = ours.get("/api/v1/products?per_page=200").json["products"]
    assert {(p["unit_price"], p["in_stock"], p["brand"]) for p in page} == {(7.0, False, "Harrow")}


def test_another_organization_is_left_alone(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    made = make_product(other_tenant, sku="A", brand="Theirs")
    make_product(tenant, sku="A", brand="Ours")
    bulk(tenant, {"sku": "A", "brand": "Mine"}, {"id": made.product_id, "brand": "Mine"})
    assert keeper(other_tenant).get("/api/v1/products/A").json["product"]["brand"] == "Theirs"
    assert api.get("/api/products/sku/A").json["brand"] == "Mine"
