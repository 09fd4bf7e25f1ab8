"""POST /api/v2/requests: what is accepted, what is allocated, what is refused."""

from collections import Counter
from datetime import date
from typing import Any

import pytest

from tests.client import Client
from tests.factories.floor import make_lot, place
from tests.factories.identity import make_api_key, make_staff
from tests.factories.robots import make_storage
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together


def test_a_fulfilment_allocates_its_units_and_becomes_jobs(tenant: Tenant) -> None:
    storage = make_storage(tenant, is_online=False)
    _, carrier, (box,) = storage.carrier()
    shelf = storage.load(10, box=box)
    reply = storage.ask((shelf, 4), id="REQ-1", priority=7)
    request = reply.json
    assert (reply.status, request["id"], request["type"], request["status"], request["priority"]) == (
        200,
        "REQ-1",
        "FULFILLMENT",
        "CREATED",
        7,
    )
    assert request["entities"] == [
        {
            "id": shelf.sku,
            "entity_type": "Sku",
            "job_type": "FULFILLMENT",
            "total_quantity": 4,
            "succeeded_quantity": 0,
            "completed_quantity": 0,
            "cancelled_quantity": 0,
        }
    ]
    (job,) = storage.jobs()
    assert {
        name: job[name] for name in ("request_id", "type", "status", "box_id", "carrier_id", "sku_id", "quantity")
    } == {
        "request_id": "REQ-1",
        "type": "FULFILLMENT",
        "status": "CREATED",
        "box_id": box.id,
        "carrier_id": carrier,
        "sku_id": shelf.sku,
        "quantity": 4,
    }
    levels = tenant.rows("SELECT on_hand, allocated FROM stock_level WHERE account_id = %(a)s", a=box.account_id)
    assert levels == [{"on_hand": 10, "allocated": 4}]
    assert storage.request("REQ-1") == request
    check_books(tenant)


def test_times_come_in_both_forms(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    request = storage.ask((storage.load(1), 1)).json
    for name in ("created_at", "updated_at"):
        assert request[f"{name}_utc"].endswith("+00:00")
        assert "+" not in request[name]
        assert len(request[name]) == len("2026-01-01T00:00:00.000000")


def test_statements_do_not_grow_with_the_lines(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelves = [storage.load(5) for _ in range(12)]
    one, many = storage.ask((shelves[0], 1)), storage.ask(*[(shelf, 2) for shelf in shelves])
    assert (one.status, many.status) == (200, 200)
    assert one.statements == many.statements <= 10


def test_first_expired_comes_first_and_one_carrier_serves_when_it_can(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelf = make_shelf(tenant, free=0)
    late, soon = (make_lot(tenant, shelf, expires_on=date(year, 1, 1)) for year in (2098, 2097))
    _, first, _ = storage.carrier()
    _, second, boxes = storage.carrier(boxes=3)
    storage.load(5, shelf=shelf, box=boxes[0], lot_id=late)
    storage.load(3, shelf=shelf, box=boxes[1], lot_id=soon)
    storage.load(9, shelf=shelf, lot_id=late)
    assert storage.ask((shelf, 7)).status == 200
    jobs = storage.jobs()
    assert first not in {job["carrier_id"] for job in jobs}
    assert sorted((job["box_id"], job["quantity"]) for job in jobs) == [(boxes[0].id, 4), (boxes[1].id, 3)]
    assert {job["carrier_id"] for job in jobs} == {second}


def test_wrong_entities_abort_the_request_all_at_once(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelf, plenty = storage.load(3), storage.load(50)
    body = {
        "type": "FULFILLMENT",
        "id": "abc123",
        "entities": [
            {"sku_id": plenty.sku, "quantity": 1},
            {"sku_id": shelf.sku, "quantity": 2},
            {"sku_id": shelf.sku, "quantity": 2},
        ],
    }
    reply = storage.api.post("/api/v2/requests", body)
    assert (reply.status, reply.json) == (
        422,
        {
            "detail": f"Request abc123 was aborted due to validation errors: {shelf.sku}: 0x5082 - Not enough quantity",
            "entity_feedback": [
                {
                    "entity_id": shelf.sku,
                    "entity_type": "Sku",
                    "error_code": "0x5082",
                    "human_string": "Not enough quantity",
                }
            ],
            "request_id": "abc123",
        },
    )
    body["entities"] = [{"sku_id": "NOPE-1", "quantity": 1}, {"sku_id": "NOPE-2", "quantity": 1}]
    feedback = storage.api.post("/api/v2/requests", body).json["entity_feedback"]
    assert [(each["entity_id"], each["error_code"], each["human_string"]) for each in feedback] == [
        ("NOPE-1", "0x5083", "SKU does not exist"),
        ("NOPE-2", "0x5083", "SKU does not exist"),
    ]
    assert tenant.value("SELECT sum(allocated) FROM stock_level") == 0
    assert tenant.value("SELECT count(*) FROM storage_request") == 0


def test_what_customers_were_promised_is_not_brought_to_others(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelf = storage.load(10)
    place(tenant, (shelf, 8))
    assert storage.ask((shelf, 3)).json["entity_feedback"][0]["error_code"] == "0x5082"
    assert storage.ask((shelf, 2)).status == 200
    check_books(tenant)


def test_units_on_shelves_are_not_the_robots(tenant: Tenant) -> None:
    storage, shelf = make_storage(tenant), make_shelf(tenant, free=10)
    assert storage.ask((shelf, 1)).json["entity_feedback"][0]["error_code"] == "0x5082"


@pytest.mark.parametrize(
    ("_case", "body"),
    [
        ("no type", {"entities": []}),
        ("an unknown type", {"type": "MAINTENANCE"}),
        ("no entities", {"type": "FULFILLMENT"}),
        ("an empty list of entities", {"type": "FULFILLMENT", "entities": []}),
        ("no quantity", {"type": "FULFILLMENT", "entities": [{"sku_id": "A"}]}),
        ("nothing of it", {"type": "FULFILLMENT", "entities": [{"sku_id": "A", "quantity": 0}]}),
        ("half of it", {"type": "FULFILLMENT", "entities": [{"sku_id": "A", "quantity": 0.5}]}),
        ("a quantity as text", {"type": "FULFILLMENT", "entities": [{"sku_id": "A", "quantity": "1"}]}),
        ("a field of another kind", {"type": "PAUSE", "bot_id": 1}),
        ("a priority below zero", {"type": "FETCH", "priority": -1, "entities": [{"carrier_id": "C"}]}),
        ("an id with a slash", {"type": "PAUSE", "id": "a/b"}),
        ("an empty id", {"type": "PAUSE", "id": ""}),
        ("no bot", {"type": "OFFBOARDING"}),
        ("no object", []),
    ],
)
def test_malformed_requests_are_refused_in_the_dialect(tenant: Tenant, _case: str, body: Any) -> None:
    reply = make_storage(tenant).api.post("/api/v2/requests", body)
    assert reply.status in (400, 422), reply.json
    assert "detail" in reply.json
    if reply.status == 422:
        assert {frozenset(each) for each in reply.json["detail"]} == {frozenset({"loc", "msg", "type"})}
    assert tenant.value("SELECT count(*) FROM storage_request") == 0


def test_an_id_serves_once(tenant: Tenant, other_tenant: Tenant) -> None:
    storage, stranger = make_storage(tenant), make_storage(other_tenant)
    shelf, foreign = storage.load(10), stranger.load(10)
    assert storage.ask((shelf, 1), id="once").status == 200
    again = storage.ask((shelf, 1), id="once")
    assert (again.status, again.json) == (409, {"detail": "A request with this id exists already"})
    assert shelf.tenant.value("SELECT sum(allocated) FROM stock_level") == 1
    assert stranger.ask((foreign, 1), id="once").status == 200


def test_many_ask_for_the_last_units_and_none_gets_too_much(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelf = storage.load(10)
    replies = together(25, lambda _: storage.ask((shelf, 2)))
    assert Counter(reply.status for reply in replies) == {200: 5, 422: 20}
    assert tenant.value("SELECT allocated FROM stock_level WHERE variant_id = %(v)s", v=shelf.variant_id) == 10
    assert len(storage.jobs()) == 5
    check_books(tenant)


def test_the_same_key_asks_once(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelf = storage.load(10)
    body = {"type": "FULFILLMENT", "entities": [{"sku_id": shelf.sku, "quantity": 2}]}
    first, again = (storage.api.post("/api/v2/requests", body, idempotency_key="k") for _ in range(2))
    assert (first.status, again.status, again.json) == (200, 200, first.json)
    assert len(storage.jobs()) == 1


def test_fetching_carriers(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    _, code, _ = storage.carrier()
    body = {"type": "FETCH", "id": "f1", "entities": [{"carrier_id": code}, {"carrier_id": "CARRIER002"}]}
    reply = storage.api.post("/api/v2/requests", body)
    assert (reply.status, reply.json["entity_feedback"]) == (
        422,
        [
            {
                "entity_id": "CARRIER002",
                "entity_type": "Carrier",
                "error_code": "0x5083",
                "human_string": "Carrier does not exist",
            }
        ],
    )
    body["entities"] = [{"carrier_id": code}]
    assert storage.api.post("/api/v2/requests", body).json["entities"][0]["entity_type"] == "Carrier"
    again = storage.api.post("/api/v2/requests", {**body, "id": "f2"})
    assert again.json["entity_feedback"][0]["human_string"] == "Carrier is already asked for"


def test_two_fetch_one_carrier_at_once(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    _, code, _ = storage.carrier()
    body = {"type": "FETCH", "entities": [{"carrier_id": code}]}
    replies = together(8, lambda _: storage.api.post("/api/v2/requests", body))
    counted = Counter(reply.status for reply in replies)
    assert counted[200] == 1
    assert set(counted) <= {200, 409, 422}


def test_who_may_ask(tenant: Tenant, other_tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelf = storage.load(10)
    body = {"type": "FULFILLMENT", "entities": [{"sku_id": shelf.sku, "quantity": 1}]}
    nobody, other_scope = Client(tenant.host), Client(tenant.host).as_bearer(make_api_key(tenant))
    user = make_staff(tenant, storage_role="User").client("storage")
    stranger = Client(other_tenant.host).as_bearer(make_api_key(other_tenant, "storage"))
    statuses = [client.post("/api/v2/requests", body).status for client in (nobody, other_scope, user, stranger)]
    assert statuses == [401, 403, 200, 422]
    (job,) = storage.jobs()
    reply = stranger.post(f"/api/v2/trigger/{job['id']}", {})
    assert (reply.status, reply.json) == (404, {"detail": "Job not found"})
    for path in ("requests", "jobs", "inventory_view"):
        assert stranger.get(f"/api/v2/{path}").json["total"] == 0
