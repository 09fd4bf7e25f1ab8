"""Requests about robots: charging, pausing, taking into service and out of it; what the fleet refuses."""

from typing import Any

import pytest

from chalicelib.robots.jobs import handle_telemetry
from tests.factories.robots import make_storage, published, say_connection, state, state_message
from tests.factories.stock import check_books
from tests.tenant import Tenant


def test_charging_is_done_when_the_robot_says_so(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=2)
    body = {"type": "CHARGING", "id": "C", "bot_id": storage.bot_ids[1]}
    reply = storage.api.post("/api/v2/requests", body)
    assert (reply.status, reply.json["status"], reply.json["bot_id"]) == (200, "CREATED", storage.bot_ids[1])
    assert reply.statements <= 10
    storage.tenant.work_off()
    assert published(storage.serials[0]) == []
    (told,) = published(storage.serials[1], "instantActions")
    (action,) = told["actions"]
    assert action["actionType"] == "startCharging"
    handle_telemetry(state_message(storage.serials[1], state(1, [(action["actionId"], "FINISHED")])))
    (job,) = storage.jobs()
    assert (job["type"], job["status"], job["bot_id"]) == ("CHARGING", "COMPLETED", storage.bot_ids[1])
    assert storage.request("C")["status"] == "COMPLETED"


def test_a_robot_that_cannot_charge_fails_the_request(tenant: Tenant) -> None:
    storage = make_storage(tenant)  # the simulated robots know no startCharging and say so
    storage.api.post("/api/v2/requests", {"type": "CHARGING", "id": "C", "level_id": storage.level_id})
    storage.work()
    request = storage.request("C")
    assert (request["status"], request["warnings"][0]["human_string"]) == (
        "FAILED",
        f"Robot {storage.serials[0]} failed",
    )


def test_robots_with_work_charge_only_when_forced(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    storage.ask((storage.load(2), 1))
    tenant.work_off()
    body = {"type": "UNCHARGING", "bot_id": storage.bot_ids[0]}
    refused = storage.api.post("/api/v2/requests", body)
    assert (refused.status, refused.json["entity_feedback"][0]["error_code"]) == (422, "0x50F2")
    assert storage.api.post("/api/v2/requests", {**body, "force": True}).status == 200


@pytest.mark.parametrize(
    ("_case", "body", "code"),
    [
        ("an unknown robot", {"type": "CHARGING", "bot_id": 2_000_000_000}, "0x5083"),
        ("no robot on the level", {"type": "CHARGING", "level_id": 2_000_000_000}, "0x50F5"),
        ("an unknown robot leaves", {"type": "OFFBOARDING", "bot_id": 2_000_000_000}, "0x5083"),
        ("nobody to take in", {"type": "ONBOARDING"}, "0x50F5"),
        ("no hands for tags", {"type": "RFID_WRITE", "action_type": "write", "level_id": 1}, "0x50F4"),
        ("no eyes for carriers", {"type": "CARRIER_ONBOARDING", "balcony_id": 1}, "0x50F4"),
    ],
)
def test_what_cannot_be_done_is_said_clearly(tenant: Tenant, _case: str, body: dict[str, Any], code: str) -> None:
    storage = make_storage(tenant)
    reply = storage.api.post("/api/v2/requests", {"id": "X", **body})
    assert (reply.status, reply.json["entity_feedback"][0]["error_code"], reply.json["request_id"]) == (422, code, "X")
    assert tenant.value("SELECT count(*) FROM storage_request") == 0


def test_an_absent_robot_is_not_told_to_charge(tenant: Tenant) -> None:
    storage = make_storage(tenant, is_online=False)
    reply = storage.api.post("/api/v2/requests", {"type": "CHARGING", "bot_id": storage.bot_ids[0]})
    assert reply.json["entity_feedback"][0]["human_string"] == "Bot is not connected"


def test_a_paused_storage_gives_no_orders_until_it_goes_on(tenant: Tenant) -> None:
    storage = make_storage(tenant)

    def status() -> str:
        return str(storage.api.get("/api/v2/storage_status").json["storage_status"])

    assert status() == "RUNNING"
    assert storage.api.post("/api/v2/requests", {"type": "PAUSE"}).json["status"] == "COMPLETED"
    assert status() == "PAUSED"
    storage.ask((storage.load(2), 1))
    storage.work()
    assert (storage.jobs()[0]["status"], published(storage.serials[0], "order")) == ("CREATED", [])
    assert storage.api.post("/api/v2/requests", {"type": "RESUME"}).status == 200
    storage.work()
    assert storage.jobs()[0]["status"] == "WAITING"
    kinds = [m["actions"][0]["actionType"] for m in published(storage.serials[0], "instantActions")]
    assert kinds == ["startPause", "stopPause"]
    say_connection(storage.serials[0], "OFFLINE")
    assert status() == "ERROR"


def test_a_robot_taken_out_of_service_leaves_its_work_to_others(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=2)
    storage.ask(*[(storage.load(2), 1) for _ in range(2)])
    tenant.work_off()
    gone, left = storage.bot_ids
    assert {job["bot_id"] for job in storage.jobs()} == {gone, left}
    assert storage.api.post("/api/v2/requests", {"type": "OFFBOARDING", "bot_id": gone}).status == 200
    tenant.work_off()
    assert {job["bot_id"] for job in storage.jobs()} == {left}
    (told,) = published(storage.serials[0], "instantActions")
    assert told["actions"][0]["actionParameters"] == [
        {"key": "orderId", "value": published(storage.serials[0], "order")[0]["orderId"]}
    ]
    assert storage.api.post("/api/v2/requests", {"type": "OFFBOARDING", "bot_id": gone}).status == 422
    assert storage.api.post("/api/v2/requests", {"type": "ONBOARDING"}).status == 200
    assert tenant.value("SELECT count(*) FROM bot WHERE is_active") == 2
    check_books(tenant)


def test_the_hardware_is_listed(tenant: Tenant, other_tenant: Tenant) -> None:
    storage, empty = make_storage(tenant, bots=2), make_storage(other_tenant, bots=0)
    assert [bot["id"] for bot in storage.api.get("/api/v2/bots").json] == storage.bot_ids
    assert storage.api.get("/api/v2/balconies").json == [{"id": storage.balcony.id}]
    assert storage.api.get("/api/v2/levels").json == [{"id": storage.level_id, "height": 400}]
    assert empty.api.get("/api/v2/bots").json == []
    assert empty.api.get("/api/v2/storage_status").json == {"storage_status": "OFF"}
    assert storage.api.with_headers(authorization="").get("/api/v2/health").json == {"status": "OK"}
    for path in ("bots", "balconies", "levels", "storage_status"):
        assert storage.api.get(f"/api/v2/{path}").statements <= 4
