"""A robot's mind, without a network: time is a number here."""

import json
from typing import Any

import pytest

from infra.local.robots.robot import ENDED_SHOWN, ORDERS_WAITING_MAX, Robot, dump, load
from tests.robots_sim.conftest import statuses
from tests.robots_sim.orders import action, order


def body(message: Any) -> bytes:
    return json.dumps(message).encode()


def errors(robot: Robot) -> list[str]:
    return [error["errorType"] for error in robot.state()["errors"]]


def test_a_trip_runs_and_ends_where_the_carrier_was_asked_for() -> None:
    robot = Robot("bot-1", trip_s=10)
    robot.order(body(order("o1", action("a1", balconyId="B7"), action("a2", type="storeCarrier"))), now=0)
    under_way = robot.state()
    assert statuses(under_way) == {"a1": "RUNNING", "a2": "WAITING"}
    assert (under_way["driving"], under_way["loads"]) == (True, [{"loadId": "C1"}])
    assert not robot.tick(9.9)
    assert robot.tick(10)
    arrived = robot.state()
    assert (statuses(arrived), arrived["lastNodeId"]) == ({"a1": "FINISHED", "a2": "RUNNING"}, "B7")
    assert robot.tick(20)
    assert statuses(robot.state()) == {"a1": "FINISHED", "a2": "FINISHED"}
    assert (robot.state()["lastNodeId"], robot.wakes_at) == ("storage", None)


def test_actions_at_nodes_and_edges_come_in_the_order_of_travel() -> None:
    robot = Robot("bot-1", trip_s=1)
    stops: dict[str, Any] = {
        "nodes": [
            {"nodeId": "n2", "sequenceId": 4, "actions": [action("third")]},
            {"nodeId": "n1", "sequenceId": 0, "actions": [action("first")]},
        ],
        "edges": [{"edgeId": "e", "sequenceId": 1, "actions": [action("second")]}],
    }
    robot.order(body(order("o1", action("last"), **stops)), now=0)
    assert list(statuses(robot.state())) == ["first", "second", "third", "last"]


def test_the_same_order_again_is_done_once() -> None:
    robot = Robot("bot-1", trip_s=1)
    for now in (0, 0.5, 2, 3):
        robot.order(body(order("o1")), now=now)
        robot.tick(now)
    assert statuses(robot.state()) == {"o1-a": "FINISHED"}
    assert (errors(robot), robot.wakes_at) == ([], None)


def test_an_update_adds_actions_and_keeps_what_was_done() -> None:
    robot = Robot("bot-1", trip_s=1)
    robot.order(body(order("o1", action("a1"))), now=0)
    robot.order(body(order("o1", action("a1"), action("a2"), update=1)), now=0.5)
    assert statuses(robot.state()) == {"a1": "RUNNING", "a2": "WAITING"}
    robot.tick(5)
    robot.tick(6)
    robot.order(body(order("o1", action("a2"), action("a3"), update=2)), now=7)
    assert statuses(robot.state()) == {"a1": "FINISHED", "a2": "FINISHED", "a3": "RUNNING"}
    assert robot.state()["orderUpdateId"] == 2


@pytest.mark.parametrize(
    ("_case", "wrong", "error"),
    [
        ("an older update", order("o1", update=4), "orderUpdateError"),
        ("no carrier", order("o2", {**action("x"), "actionParameters": []}), "validationError"),
        ("a type of action nobody knows", order("o2", action("x", type="juggle")), "validationError"),
        ("an action of another order", order("o2", action("o1-a")), "validationError"),
        ("an action twice", order("o2", action("x"), action("x")), "validationError"),
        ("an order for another robot", order("o2", serialNumber="bot-9"), "validationError"),
        ("no order id", order(""), "validationError"),
        ("a negative update", order("o2", update=-1), "validationError"),
        ("no order at all", [1, 2], "validationError"),
    ],
)
def test_a_wrong_order_is_refused_and_changes_nothing(_case: str, wrong: Any, error: str) -> None:
    robot = Robot("bot-1", trip_s=10)
    robot.order(body(order("o1", update=5)), now=0)
    robot.order(body(wrong), now=1)
    assert errors(robot) == [error]
    assert statuses(robot.state()) == {"o1-a": "RUNNING"}
    robot.order(body(order("o3")), now=2)
    assert errors(robot) == []


def test_bytes_that_are_not_json_are_an_error_in_the_state() -> None:
    robot = Robot("bot-1", trip_s=1)
    robot.order(b"\xff{", now=0)
    robot.instant_actions(b"{}", now=0)
    assert errors(robot) == ["validationError", "validationError"]


def test_orders_wait_in_line_up_to_a_limit() -> None:
    robot = Robot("bot-1", trip_s=1)
    for number in range(ORDERS_WAITING_MAX):
        robot.order(body(order(f"o{number}")), now=0)
    robot.order(body(order("one too many")), now=0)
    state = robot.state()
    assert errors(robot) == ["orderError"]
    assert state["information"][0]["infoDescription"] == f"{ORDERS_WAITING_MAX - 1} orders are waiting"
    assert len(json.dumps(state)) < 128 * 1024
    for now in range(1, ORDERS_WAITING_MAX + 1):
        robot.tick(now)
    done = statuses(robot.state())
    assert list(done) == [f"o{number}-a" for number in range(ORDERS_WAITING_MAX - ENDED_SHOWN, ORDERS_WAITING_MAX)]
    assert set(done.values()) == {"FINISHED"}


def test_a_failure_takes_the_rest_of_its_order_along_and_no_other() -> None:
    robot = Robot("bot-1", trip_s=1)
    robot.fail_next = 1
    robot.order(body(order("o1", action("a1"), action("a2"))), now=0)
    robot.order(body(order("o2", action("b1"))), now=0)
    robot.tick(1)
    assert statuses(robot.state()) == {"a1": "FAILED", "a2": "FAILED", "b1": "RUNNING"}
    assert errors(robot) == ["actionFailed"]
    robot.tick(2)
    assert statuses(robot.state())["b1"] == "FINISHED"


@pytest.mark.parametrize(
    ("_case", "parameters", "expected"),
    [
        ("the order that runs", [], {"a1": "FAILED", "b1": "RUNNING", "c": "FINISHED"}),
        (
            "one that waits",
            [{"key": "orderId", "value": "o2"}],
            {"a1": "RUNNING", "b1": "FAILED", "c": "FINISHED"},
        ),
        (
            "one there is not",
            [{"key": "orderId", "value": "no"}],
            {"a1": "RUNNING", "b1": "WAITING", "c": "FAILED"},
        ),
    ],
)
def test_cancelling(_case: str, parameters: list[dict[str, str]], expected: dict[str, str]) -> None:
    robot = Robot("bot-1", trip_s=10)
    robot.order(body(order("o1", action("a1"))), now=0)
    robot.order(body(order("o2", action("b1"))), now=0)
    cancel = {"actionId": "c", "actionType": "cancelOrder", "actionParameters": parameters}
    for _ in range(2):
        robot.instant_actions(body({"actions": [cancel]}), now=1)
    assert statuses(robot.state()) == expected
    assert errors(robot) == (["noOrderToCancel"] if expected["c"] == "FAILED" else [])


def test_memory_survives_a_restart_in_the_middle_of_a_trip() -> None:
    before = Robot("bot-1", trip_s=10)
    before.order(body(order("o0", action("a0"))), now=0)
    before.tick(10)
    before.order(body(order("o1", action("a1"), update=3)), now=11)
    kept = json.loads(json.dumps(dump(before.memory)))
    after = Robot("bot-1", trip_s=10, memory=load(kept))
    after.tick(500)
    assert statuses(after.state()) == {"a0": "FINISHED", "a1": "RUNNING"}
    after.order(body(order("o1", action("a1"), update=3)), now=501)
    after.tick(510)
    assert statuses(after.state()) == {"a0": "FINISHED", "a1": "FINISHED"}
    assert after.state()["headerId"] > kept["header_id"]


def test_the_battery_pays_for_trips_and_charges_at_rest() -> None:
    robot = Robot("bot-1", trip_s=1)
    robot.order(body(order("o1", action("a1"), action("a2"))), now=0)
    robot.tick(1)
    robot.tick(2)
    assert robot.state()["batteryState"] == {"batteryCharge": 99.2, "charging": True}
    robot.tick(100)
    assert robot.state()["batteryState"] == {"batteryCharge": 100.0, "charging": False}
