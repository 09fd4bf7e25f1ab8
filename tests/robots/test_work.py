"""From a request to the carrier's way back: robots bring, people trigger, units move."""

from collections import Counter

import pytest

from chalicelib import robots, stock
from tests.factories.floor import check_floor, make_floor, place
from tests.factories.identity import make_api_key
from tests.factories.robots import Storage, make_storage, published, say_connection
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together


def levels(storage: Storage, shelf: Shelf) -> dict[int, tuple[int, int]]:
    """(on hand, allocated) by account, where there is anything."""
    sql = "SELECT account_id, on_hand, allocated FROM stock_level WHERE variant_id = %(v)s AND on_hand > 0"
    rows = storage.tenant.rows(sql, v=shelf.variant_id)
    return {row["account_id"]: (row["on_hand"], row["allocated"]) for row in rows}


def test_a_robot_brings_a_carrier_a_person_takes_units_out_and_the_carrier_goes_back(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    _, code, (box,) = storage.carrier()
    shelf = storage.load(10, box=box)
    storage.ask((shelf, 4), id="R")
    storage.work()
    (job,) = storage.jobs()
    assert (job["status"], job["bot_id"], job["balcony_id"]) == ("WAITING", storage.bot_ids[0], storage.balcony.id)
    assert (storage.request("R")["status"], storage.request("R")["placing_pos"]) == ("RUNNING", storage.balcony.id)
    assert storage.inventory(f"box_id__eq={box.id}")[0]["eta"] == 0.0
    reply = storage.trigger(job["id"])
    assert (reply.status, reply.json) == (200, {})
    assert reply.statements <= 10
    request = storage.request("R")
    assert request["status"] == "COMPLETED"
    assert {name: request["entities"][0][name] for name in ("succeeded_quantity", "completed_quantity")} == {
        "succeeded_quantity": 4,
        "completed_quantity": 4,
    }
    assert levels(storage, shelf) == {box.account_id: (6, 0), storage.balcony.staging_account_id: (4, 0)}
    storage.work()
    bring, store = published(storage.serials[0], "order")
    assert (bring["orderId"], bring["orderUpdateId"], store["orderUpdateId"]) == (store["orderId"], 0, 1)
    actions = [node["actions"][0] for order in (bring, store) for node in order["nodes"] if node["actions"]]
    assert [(a["actionType"], a["actionParameters"][0]) for a in actions] == [
        ("bringCarrier", {"key": "carrierId", "value": code}),
        ("storeCarrier", {"key": "carrierId", "value": code}),
    ]
    assert [order["nodes"][0]["sequenceId"] for order in (bring, store)] == [0, 2]
    assert storage.tenant.value("SELECT balcony_id FROM carrier WHERE code = %(c)s", c=code) is None
    assert storage.inventory(f"box_id__eq={box.id}")[0]["system_quantity"] == 6
    assert tenant.value("SELECT count(*) FROM outbox WHERE closed_at IS NULL") == 0
    check_books(tenant)


def test_one_trip_serves_all_jobs_of_a_carrier_and_ends_with_the_last(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    _, _, boxes = storage.carrier(boxes=3)
    shelves = [storage.load(5, box=box) for box in boxes]
    storage.ask(*[(shelf, 1) for shelf in shelves[:2]])
    storage.work()
    assert len(published(storage.serials[0], "order")) == 1
    storage.ask((shelves[2], 1))
    storage.work()
    jobs = storage.jobs()
    assert [job["status"] for job in jobs] == ["WAITING"] * 3
    assert len(published(storage.serials[0], "order")) == 1
    for job in jobs[:2]:
        assert storage.trigger(job["id"]).status == 200
    storage.work()
    assert len(published(storage.serials[0], "order")) == 1
    assert storage.trigger(jobs[2]["id"]).status == 200
    storage.work()
    assert len(published(storage.serials[0], "order")) == 2


def test_work_waits_for_a_robot_and_goes_to_the_least_loaded(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=2, is_online=False)
    shelves = [storage.load(1) for _ in range(4)]
    for shelf in shelves:
        storage.ask((shelf, 1))
    storage.tenant.work_off()
    assert [(job["status"], job["bot_id"]) for job in storage.jobs()] == [("CREATED", None)] * 4
    storage.connect()
    storage.tenant.work_off()
    assert sorted(str(job["bot_id"]) for job in storage.jobs()) == sorted(str(b) for b in storage.bot_ids * 2)
    storage.work()
    assert {job["status"] for job in storage.jobs()} == {"WAITING"}


def test_urgent_work_is_given_first(tenant: Tenant) -> None:
    storage = make_storage(tenant, is_online=False)
    for priority in (0, 9, 3):
        storage.ask((storage.load(1), 1), priority=priority, id=f"P{priority}")
    storage.connect()
    storage.tenant.work_off()
    sql = "SELECT j.request_id FROM robot_order o JOIN storage_job j ON j.robot_order_id = o.id ORDER BY o.id"
    assert [row["request_id"] for row in tenant.rows(sql)] == ["P9", "P3", "P0"]


def test_a_long_queue_of_work_is_done_a_few_orders_at_a_time(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelves = [storage.load(1) for _ in range(20)]
    storage.ask(*[(shelf, 1) for shelf in shelves])
    tenant.work_off()
    assert len(published(storage.serials[0], "order")) == 8
    storage.work()
    assert [job["status"] for job in storage.jobs()] == ["WAITING"] * 20
    assert len(published(storage.serials[0], "order")) == 20


def test_a_job_is_triggered_once_by_many(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelf = storage.load(10)
    storage.ask((shelf, 4))
    storage.work()
    (job,) = storage.jobs()
    replies = together(12, lambda n: storage.trigger(job["id"], "SUCCEEDED_TRIGGER" if n % 2 else "FAILED_TRIGGER"))
    assert Counter(reply.status for reply in replies) == {200: 1, 409: 11}
    entity = storage.request(job["request_id"])["entities"][0]
    assert entity["completed_quantity"] == 4
    assert sum(allocated for _, allocated in levels(storage, shelf).values()) == 0
    check_books(tenant)


def test_the_last_jobs_of_a_request_triggered_at_once_complete_it(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=3)
    shelves = [storage.load(2) for _ in range(6)]
    storage.ask(*[(shelf, 2) for shelf in shelves], id="R")
    storage.work()
    jobs = storage.jobs()
    assert [job["status"] for job in jobs] == ["WAITING"] * 6
    assert {reply.status for reply in together(6, lambda n: storage.trigger(jobs[n]["id"]))} == {200}
    assert storage.request("R")["status"] == "COMPLETED"
    assert tenant.value("SELECT jobs_open FROM storage_request") == 0
    check_books(tenant)


@pytest.mark.parametrize(
    ("trigger", "job_status", "request_status", "completed", "cancelled"),
    [("FAILED_TRIGGER", "FAILED", "FAILED", 4, 0), ("CANCELLED_TRIGGER", "CANCELLED", "CANCELLED", 0, 4)],
)
def test_what_could_not_be_done_stays_in_its_box(
    tenant: Tenant, trigger: str, job_status: str, request_status: str, completed: int, cancelled: int
) -> None:
    storage = make_storage(tenant)
    _, _, (box,) = storage.carrier()
    shelf = storage.load(10, box=box)
    storage.ask((shelf, 4), id="R")
    storage.work()
    (job,) = storage.jobs()
    assert storage.trigger(job["id"], trigger).status == 200
    request, (after,) = storage.request("R"), storage.jobs()
    assert (after["status"], request["status"], len(request["warnings"])) == (job_status, request_status, 1)
    entity = request["entities"][0]
    assert (entity["succeeded_quantity"], entity["completed_quantity"], entity["cancelled_quantity"]) == (
        0,
        completed,
        cancelled,
    )
    assert levels(storage, shelf) == {box.account_id: (10, 0)}
    check_books(tenant)


def test_only_waiting_jobs_can_be_triggered(tenant: Tenant) -> None:
    storage = make_storage(tenant, is_online=False)
    shelf = storage.load(3)
    storage.ask((shelf, 1))
    (job,) = storage.jobs()
    early = storage.trigger(job["id"])
    assert (early.status, early.json) == (409, {"detail": "Job is CREATED; only a WAITING job can be triggered"})
    assert storage.trigger("no-such-job").status == 404
    assert storage.api.post(f"/api/v2/trigger/{job['id']}", {"TriggerStatus": "MAYBE"}).status == 422
    assert storage.api.post(f"/api/v2/trigger/{job['id']}", {"Status": 1}).status == 422


def test_an_empty_body_means_success(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    storage.ask((storage.load(3), 1))
    storage.work()
    assert storage.api.post(f"/api/v2/trigger/{storage.jobs()[0]['id']}").status == 200
    assert storage.jobs()[0]["status"] == "COMPLETED"


def test_a_fetched_carrier_waits_and_goes_back(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    _, code, _ = storage.carrier()
    storage.api.post("/api/v2/requests", {"type": "FETCH", "id": "F", "entities": [{"carrier_id": code}]})
    storage.work()
    (job,) = storage.jobs()
    assert (job["type"], job["status"], job["carrier_id"]) == ("FETCH", "WAITING", code)
    assert storage.trigger(job["id"]).status == 200
    storage.work()
    assert storage.request("F")["entities"][0]["succeeded_quantity"] == 1
    assert tenant.value("SELECT balcony_id FROM carrier WHERE code = %(c)s", c=code) is None


def test_replenishment_puts_units_of_the_staging_bin_into_a_box(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    _, _, (box,) = storage.carrier(items_max=8)
    shelf = storage.load(3, box=box)
    body = {"type": "REPLENISHMENT", "id": "N", "entities": [{"sku_id": shelf.sku, "quantity": 5}]}
    assert storage.api.post("/api/v2/requests", body).json["entity_feedback"][0]["error_code"] == "0x5082"
    staging = storage.balcony.staging_account_id
    with tenant.uow() as uow:
        stock.post(uow, moves=[stock.Move(shelf.variant_id, 6, "supplier", staging, "purchase_received", "test")])
    body["entities"] = [{"sku_id": shelf.sku, "quantity": 6}]
    assert (
        storage.api.post("/api/v2/requests", body).json["entity_feedback"][0]["human_string"]
        == "No box has space for it"
    )
    body["entities"] = [{"sku_id": shelf.sku, "quantity": 5}]
    assert storage.api.post("/api/v2/requests", body).status == 200
    assert levels(storage, shelf) == {box.account_id: (3, 0), staging: (6, 5)}
    storage.work()
    assert storage.trigger(storage.jobs()[0]["id"]).status == 200
    assert levels(storage, shelf) == {box.account_id: (8, 0), staging: (1, 0)}
    check_books(tenant)


def test_a_failing_robot_is_replaced_by_another(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=2)
    storage.minds[storage.serials[0]].fail_next = 1
    shelf = storage.load(5)
    storage.ask((shelf, 2))
    storage.work()
    (job,) = storage.jobs()
    assert (job["status"], job["bot_id"]) == ("WAITING", storage.bot_ids[1])


def test_work_that_no_robot_manages_fails_and_frees_its_units(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=2)
    for mind in storage.minds.values():
        mind.fail_next = 100
    _, _, (box,) = storage.carrier()
    shelf = storage.load(5, box=box)
    storage.ask((shelf, 2), id="R")
    storage.work()
    (job,), request = storage.jobs(), storage.request("R")
    assert (job["status"], request["status"], request["entities"][0]["cancelled_quantity"]) == ("FAILED", "FAILED", 2)
    assert sum(len(published(serial, "order")) for serial in storage.serials) == 3
    assert levels(storage, shelf) == {box.account_id: (5, 0)}
    check_books(tenant)


def test_a_carrier_that_cannot_be_put_away_stays_and_is_used_there(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelf = storage.load(5)
    storage.ask((shelf, 1))
    storage.work()
    storage.minds[storage.serials[0]].fail_next = 100
    storage.trigger(storage.jobs()[0]["id"])
    storage.work()
    assert len(published(storage.serials[0], "order")) == 1 + 3
    storage.ask((shelf, 1))
    storage.work()
    assert storage.jobs()[1]["status"] == "WAITING"
    assert len(published(storage.serials[0], "order")) == 1 + 3


def test_work_asked_for_while_the_carrier_goes_back_waits_for_it(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    shelf = storage.load(5)
    storage.ask((shelf, 1))
    storage.work()
    storage.trigger(storage.jobs()[0]["id"])
    tenant.work_off()
    storage.ask((shelf, 1))
    tenant.work_off()
    assert storage.jobs()[1]["status"] == "CREATED"
    storage.work()
    assert storage.jobs()[1]["status"] == "WAITING"
    orders = [
        (o["orderUpdateId"], o["nodes"][1]["actions"][0]["actionType"]) for o in published(storage.serials[0], "order")
    ]
    assert orders == [(0, "bringCarrier"), (1, "storeCarrier"), (0, "bringCarrier")]


def test_units_for_a_wave_are_handed_over_to_their_pick(tenant: Tenant) -> None:
    storage, floor = make_storage(tenant), make_floor(tenant)
    _, _, (box,) = storage.carrier()
    shelf = storage.load(10, box=box)
    order = place(tenant, (shelf, 4))
    batch = floor.wave(order)
    assert batch.status == 200, batch.json
    batch_id = batch.json["batch_id"]
    (task,) = floor.tasks(batch_id)
    assert floor.confirm(task["pick_task_id"], shelf.sku, 4).status == 409
    storage.work()
    (job,) = storage.jobs()
    assert (job["status"], job["sku_id"], job["quantity"]) == ("WAITING", shelf.sku, 4)
    assert storage.request(job["request_id"])["entities"][0]["id"] == shelf.sku
    assert storage.trigger(job["id"]).status == 200
    assert levels(storage, shelf) == {box.account_id: (6, 0), storage.balcony.staging_account_id: (4, 4)}
    assert floor.confirm(task["pick_task_id"], shelf.sku, 4).status == 200
    assert floor.complete(batch_id).status == 200
    storage.work()
    check_books(tenant)
    check_floor(tenant)


def test_a_pick_that_was_given_up_leaves_its_units_in_the_box(tenant: Tenant) -> None:
    storage, floor = make_storage(tenant), make_floor(tenant)
    _, _, (box,) = storage.carrier()
    shelf = storage.load(10, box=box)
    batch = floor.wave(place(tenant, (shelf, 4)))
    storage.work()
    assert floor.cancel(batch.json["batch_id"]).status == 200
    (job,) = storage.jobs()
    assert storage.trigger(job["id"]).status == 200
    request = storage.request(job["request_id"])
    assert (storage.jobs()[0]["status"], request["status"], len(request["warnings"])) == ("CANCELLED", "CANCELLED", 1)
    assert levels(storage, shelf) == {box.account_id: (10, 0)}
    check_books(tenant)
    check_floor(tenant)


def test_a_pick_whose_carrier_is_no_use_is_picked_by_hand_at_the_box(tenant: Tenant) -> None:
    storage, floor = make_storage(tenant), make_floor(tenant)
    _, _, (box,) = storage.carrier()
    shelf = storage.load(10, box=box)
    batch_id = floor.wave(place(tenant, (shelf, 4))).json["batch_id"]
    (task,) = floor.tasks(batch_id)
    storage.work()
    (job,) = storage.jobs()
    reply = storage.trigger(job["id"], "FAILED_TRIGGER")
    assert (reply.status, reply.statements <= 10, storage.jobs()[0]["status"]) == (200, True, "FAILED")
    assert levels(storage, shelf) == {box.account_id: (10, 4)}
    assert floor.confirm(task["pick_task_id"], shelf.sku, 4).status == 200
    assert levels(storage, shelf)[box.account_id] == (6, 0)
    assert floor.complete(batch_id).status == 200
    check_books(tenant)
    check_floor(tenant)


def test_a_pick_from_what_is_no_box_is_a_mistake_of_ours(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=2)
    (task,) = floor.tasks(floor.wave(place(tenant, (shelf, 1))).json["batch_id"])
    pick = robots.RobotPick(task["pick_task_id"], shelf.account_id, shelf.variant_id, None, 1)
    with pytest.raises(ValueError, match="no box"), tenant.uow() as uow:
        robots.request_fulfilment(uow, tenant.warehouse_id, [pick])
    assert tenant.value("SELECT count(*) FROM storage_request") == 0


def test_requests_triggers_and_telemetry_at_once_leave_whole_books(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=2)
    _, _, boxes = storage.carrier(boxes=4)
    shelves = [storage.load(20, box=box) for box in boxes]
    storage.ask(*[(shelf, 3) for shelf in shelves])
    storage.work()
    waiting = [job["id"] for job in storage.jobs()]

    def act(n: int) -> int:
        if n < len(waiting):
            return storage.trigger(waiting[n]).status
        if n % 3 == 0:
            say_connection(storage.serials[n % 2], "ONLINE")
            return 200
        return storage.ask(*[(shelf, 1) for shelf in (shelves if n % 2 else shelves[::-1])]).status

    assert Counter(together(16, act)) == {200: 16}
    for _ in range(10):
        storage.work()
        for job in storage.jobs(status__eq="WAITING", size="1000"):
            assert storage.trigger(job["id"]).status == 200
    storage.work()
    assert {request["status"] for request in storage.api.get("/api/v2/requests").json["items"]} == {"COMPLETED"}
    assert tenant.value("SELECT sum(allocated) FROM stock_level") == 0
    assert tenant.value("SELECT count(*) FROM carrier WHERE balcony_id IS NOT NULL") == 0
    check_books(tenant)


def test_keys_of_other_organizations_trigger_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    storage = make_storage(tenant)
    storage.ask((storage.load(2), 1))
    storage.work()
    (job,) = storage.jobs()
    stranger = storage.api.as_bearer(make_api_key(other_tenant, "storage"))
    assert stranger.post(f"/api/v2/trigger/{job['id']}", {}).status == 404
    assert storage.jobs()[0]["status"] == "WAITING"
