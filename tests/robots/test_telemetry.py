"""What robots say: in any order, any number of times, late, broken, from strangers."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import app
from chalicelib.robots.jobs import BadTelemetry, handle_telemetry
from tests.factories.robots import (
    Storage,
    connection_message,
    make_storage,
    published,
    say_connection,
    state,
    state_message,
)
from tests.factories.stock import check_books
from tests.tenant import Clock, Tenant, create_tenant
from tests.threads import together


def snapshot(storage: Storage) -> dict[str, Any]:
    """All that telemetry may change, without ids and times."""
    return {
        "jobs": sorted((job["status"], job["quantity"]) for job in storage.jobs()),
        "requests": storage.tenant.rows("SELECT status, jobs_open, jobs_failed FROM storage_request ORDER BY counter"),
        "entities": storage.tenant.rows("SELECT succeeded, completed, cancelled FROM storage_request_entity"),
        "orders": storage.tenant.rows("SELECT kind, update_id, status FROM robot_order ORDER BY id"),
        "docked": storage.tenant.value("SELECT count(*) FROM carrier WHERE balcony_id IS NOT NULL"),
        "bots": storage.tenant.rows(
            "SELECT state_header_id, battery_percent, connection, last_node FROM bot ORDER BY id"
        ),
        "levels": storage.tenant.rows("SELECT on_hand, allocated FROM stock_level ORDER BY variant_id, account_id"),
    }


def a_day(storage: Storage) -> list[tuple[dict[str, Any], int]]:
    """Three units from two carriers are asked for; what the robot says about it, and when the broker passed it on."""
    for units in (2, 1):
        storage.ask((storage.load(5), units))
    storage.tenant.work_off()
    serial = storage.serials[0]
    first, second = (f"{order['orderId']}:0" for order in published(serial, "order"))
    steps = [
        [(first, "WAITING")],
        [(first, "RUNNING"), (second, "WAITING")],
        [(first, "FINISHED"), (second, "WAITING")],
        [(first, "FINISHED"), (second, "RUNNING")],
        [(first, "FINISHED"), (second, "FINISHED")],
    ]
    said = [state_message(serial, state(n + 1, actions, charge=90 - n)) for n, actions in enumerate(steps)]
    connections = ["OFFLINE", "ONLINE", "CONNECTIONBROKEN", "ONLINE"]
    said += [connection_message(serial, word, header_id=n) for n, word in enumerate(connections)]
    return [(message, 1_900_000_000_000 + n) for n, message in enumerate(said)]


def test_five_deliveries_in_any_order_end_like_one(tenant: Tenant, other_tenant: Tenant) -> None:
    once, often = make_storage(tenant), make_storage(other_tenant)
    for message, ms in a_day(once):
        handle_telemetry(message, sent_ms=ms)
        once.tenant.work_off()
    deliveries = a_day(often) * 5
    random.Random(20260101).shuffle(deliveries)
    for message, ms in deliveries:
        handle_telemetry(message, sent_ms=ms)
    often.tenant.work_off()
    assert snapshot(often) == snapshot(once)
    assert [job["status"] for job in often.jobs()] == ["WAITING", "WAITING"]
    check_books(other_tenant)


def hear(deliveries: list[tuple[dict[str, Any], int]]) -> int:
    """Takes in messages one after the other; how many."""
    for message, ms in deliveries:
        handle_telemetry(message, sent_ms=ms)
    return len(deliveries)


@pytest.mark.parametrize("seed", range(5))
def test_all_at_once_ends_the_same(database: Any, aws: None, seed: int) -> None:
    tenant = create_tenant(database.owner_url(), f"telemetry{seed}")
    storage = make_storage(tenant)
    deliveries = a_day(storage) * 5
    random.Random(seed).shuffle(deliveries)
    together(5, lambda n: hear(deliveries[n::5]))
    storage.tenant.work_off()
    assert [job["status"] for job in storage.jobs()] == ["WAITING", "WAITING"]
    bot = tenant.rows("SELECT state_header_id, battery_percent::int AS charge, connection FROM bot")
    assert bot == [{"state_header_id": 5, "charge": 86, "connection": "ONLINE"}]
    assert tenant.rows("SELECT status FROM robot_order ORDER BY id") == [{"status": "FINISHED"}] * 2
    check_books(tenant)


def test_job_states_follow_the_robot(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    storage.ask((storage.load(5), 2), id="R")
    tenant.work_off()
    serial = storage.serials[0]
    action = f"{published(serial, 'order')[0]['orderId']}:0"
    seen = []
    for n, word in enumerate(("WAITING", "INITIALIZING", "RUNNING", "PAUSED", "FINISHED")):
        handle_telemetry(state_message(serial, state(n, [(action, word)])))
        seen.append((storage.jobs()[0]["status"], storage.request("R")["status"]))
    assert seen == [
        ("ACCEPTED", "ACCEPTED"),
        ("ACCEPTED", "ACCEPTED"),
        ("RUNNING", "RUNNING"),
        ("RUNNING", "RUNNING"),
        ("WAITING", "RUNNING"),
    ]


def test_an_order_is_sent_again_until_it_is_acknowledged(tenant: Tenant, clock: Clock) -> None:
    storage = make_storage(tenant)
    storage.ask((storage.load(5), 2))
    tenant.work_off()
    serial = storage.serials[0]
    handle_telemetry(state_message(serial, state(1)))
    tenant.work_off()
    assert len(published(serial, "order")) == 1
    clock.advance(seconds=6)
    handle_telemetry(state_message(serial, state(2)))
    tenant.work_off()
    first, again = published(serial, "order")
    assert (first["orderId"], first["orderUpdateId"]) == (again["orderId"], again["orderUpdateId"])
    assert first["headerId"] < again["headerId"]
    handle_telemetry(state_message(serial, state(3, [(f"{first['orderId']}:0", "WAITING")])))
    clock.advance(seconds=60)
    handle_telemetry(state_message(serial, state(4)))
    say_connection(serial, "ONLINE")
    tenant.work_off()
    assert len(published(serial, "order")) == 2


def test_a_robot_that_comes_back_gets_what_it_has_not_acknowledged(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    storage.ask((storage.load(5), 2))
    tenant.work_off()
    say_connection(storage.serials[0], "CONNECTIONBROKEN", header_id=0)
    assert tenant.value("SELECT connection FROM bot") == "CONNECTIONBROKEN"
    say_connection(storage.serials[0], "ONLINE", header_id=2)
    tenant.work_off()
    assert len(published(storage.serials[0], "order")) == 2


def test_late_states_do_not_turn_back_the_robots_own(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    serial = storage.serials[0]
    for header_id, charge in ((7, 50.0), (3, 99.0), (7, 98.0), (8, 49.0)):
        handle_telemetry(state_message(serial, state(header_id, charge=charge)))
    assert tenant.value("SELECT battery_percent::int FROM bot") == 49
    assert storage.api.get("/api/v2/bots").json == [
        {
            "id": storage.bot_ids[0],
            "level_id": storage.level_id,
            "battery_level": 49,
            "is_charging": False,
            "lifted_carrier": None,
        }
    ]


def test_a_robot_that_forgot_its_numbers_is_heard(tenant: Tenant) -> None:
    storage = make_storage(tenant)
    serial, start = storage.serials[0], datetime(2026, 1, 1, tzinfo=UTC)
    said = [(500, 0, 50.0), (1, 60, 40.0), (501, 1, 99.0), (2, 61, 39.0)]
    for header_id, seconds, charge in said:
        message = state(header_id, at=start + timedelta(seconds=seconds), charge=charge)
        handle_telemetry(state_message(serial, message))
    assert tenant.rows("SELECT state_header_id, battery_percent::int AS charge FROM bot") == [
        {"state_header_id": 2, "charge": 39}
    ]


def test_what_a_robot_says_of_orders_of_others_changes_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    storage, stranger = make_storage(tenant, bots=2), make_storage(other_tenant)
    storage.ask((storage.load(5), 2))
    tenant.work_off()
    owner = next(serial for serial in storage.serials if published(serial, "order"))
    action = f"{published(owner, 'order')[0]['orderId']}:0"
    for serial in (*[s for s in storage.serials if s != owner], *stranger.serials):
        handle_telemetry(state_message(serial, state(1, [(action, "FINISHED")])))
    assert storage.jobs()[0]["status"] == "CREATED"


@pytest.mark.parametrize(
    ("_case", "topic", "payload"),
    [
        ("no topic", "", {}),
        ("another topic", "qm/bots/bot-1/order", {}),
        ("a wildcard", "qm/bots/+/state", {}),
        ("a slash in the serial", "qm/bots/a/b/state", {}),
        ("no payload", "qm/bots/bot-1/state", None),
        ("no header", "qm/bots/bot-1/state", {"timestamp": "2026-01-01T00:00:00Z"}),
        ("a naive time", "qm/bots/bot-1/state", {"headerId": 1, "timestamp": "2026-01-01T00:00:00"}),
        ("a battery beyond full", "qm/bots/bot-1/state", state(1, charge=101)),
        ("an unknown word", "qm/bots/bot-1/connection", connection_message("x", "MAYBE")["payload"]),
    ],
)
def test_unreadable_messages_are_refused(tenant: Tenant, _case: str, topic: str, payload: Any) -> None:
    with pytest.raises(BadTelemetry):
        handle_telemetry({"topic": topic, "payload": payload})


def test_a_batch_reports_only_what_failed(tenant: Tenant) -> None:
    storage = make_storage(tenant, is_online=False)
    good = connection_message(storage.serials[0], "ONLINE")
    bodies = [
        "no json",
        json.dumps({"topic": "x"}),
        json.dumps(connection_message("unknown-robot", "ONLINE")),
        json.dumps(good),
    ]
    records = [
        {"messageId": f"m{n}", "body": body, "attributes": {"SentTimestamp": "1900000000000"}}
        for n, body in enumerate(bodies)
    ]
    answer = app.telemetry_queue({"Records": records}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}
    assert tenant.value("SELECT connection FROM bot") == "ONLINE"


def test_a_last_will_without_the_brokers_time_counts_from_now(tenant: Tenant) -> None:
    storage = make_storage(tenant, is_online=False)
    serial = storage.serials[0]
    handle_telemetry(connection_message(serial, "ONLINE"))
    assert tenant.value("SELECT connection FROM bot") == "ONLINE"
    handle_telemetry(connection_message(serial, "CONNECTIONBROKEN", header_id=0))
    assert tenant.value("SELECT connection FROM bot") == "CONNECTIONBROKEN"


def test_a_robot_that_speaks_is_there(tenant: Tenant) -> None:
    storage = make_storage(tenant, is_online=False)
    serial, start = storage.serials[0], 1_700_000_000_000
    words: list[tuple[str | int, int]] = [(1, 10), ("CONNECTIONBROKEN", 20), (2, 30), ("OFFLINE", 30), (3, 25)]
    heard = []
    for word, ms in words:
        if isinstance(word, int):
            handle_telemetry(state_message(serial, state(word)), sent_ms=start + ms)
        else:
            say_connection(serial, word, ms=start + ms)
        heard.append(tenant.value("SELECT connection FROM bot"))
    assert heard == ["ONLINE", "CONNECTIONBROKEN", "ONLINE", "OFFLINE", "OFFLINE"]
