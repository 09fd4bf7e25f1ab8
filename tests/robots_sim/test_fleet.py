"""Robots on a real broker."""

import json
import os
import signal
import subprocess
import sys

from infra.local.robots import fleet
from infra.local.robots.config import RobotsSettings
from tests.robots_sim.conftest import DEADLINE_S, Listener, statuses
from tests.robots_sim.orders import action, order


def test_an_order_is_carried_out_and_every_step_is_told(robot: Listener) -> None:
    robot.send("order", order("o1", action("a1", balconyId="B3"), action("a2", type="storeCarrier")))
    last = robot.until_action("a2", "FINISHED")
    told = [statuses(state) for state in robot.states() if state["orderId"] == "o1"]
    assert told == [
        {"a1": "RUNNING", "a2": "WAITING"},
        {"a1": "FINISHED", "a2": "RUNNING"},
        {"a1": "FINISHED", "a2": "FINISHED"},
    ]
    assert (last["serialNumber"], last["manufacturer"], last["version"]) == (
        "bot-1",
        "Quartermaster",
        "2.1.0",
    )


def test_what_is_not_json_is_told_and_survived(robot: Listener) -> None:
    robot.send("order", "{not json")
    robot.until(lambda: [e["errorType"] for e in robot.states()[-1]["errors"]] == ["validationError"])
    robot.tell(do="what is this")
    robot.send("order", order("o1"))
    robot.until_action("o1-a", "FINISHED")


def test_the_connection_is_told_and_kept_for_newcomers(settings: RobotsSettings, listener: Listener) -> None:
    with fleet.running(settings):
        listener.until(lambda: listener.connections()[-1:] == ["ONLINE"])
        newcomer = Listener(settings.mqtt_port)
        newcomer.until(lambda: newcomer.connections()[-1:] == ["ONLINE"])
        newcomer.close()
    listener.until(lambda: listener.connections()[-1:] == ["OFFLINE"])


def test_a_lost_connection_is_told_by_the_last_will_and_orders_wait_for_its_return(robot: Listener) -> None:
    robot.tell(do="offline", seconds=0.3)
    robot.until(lambda: robot.connections()[-1:] == ["CONNECTIONBROKEN"])
    robot.send("order", order("while away"))
    robot.until_action("while away-a", "FINISHED")
    assert robot.connections()[-2:] == ["CONNECTIONBROKEN", "ONLINE"]


def test_a_silent_robot_works_on_and_then_tells_all(robot: Listener) -> None:
    robot.tell(do="silent", seconds=0.4)
    before = len(robot.states())
    robot.send("order", order("o1"))
    robot.until_action("o1-a", "FINISHED")
    assert "RUNNING" not in [statuses(state).get("o1-a") for state in robot.states()[before:]]


def test_states_can_come_twice(robot: Listener) -> None:
    robot.tell(do="duplicate", times=50)
    robot.send("order", order("o1"))
    robot.until_action("o1-a", "FINISHED")
    robot.send("instantActions", {"actions": [{"actionId": "ask", "actionType": "stateRequest"}]})
    robot.until_action("ask", "FINISHED")
    ids = [state["headerId"] for state in robot.states() if statuses(state).get("o1-a") == "RUNNING"]
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_states_can_come_backwards(robot: Listener) -> None:
    before = robot.states()[-1]["headerId"]
    robot.tell(do="reorder", times=3)
    robot.send("order", order("o1", action("a1"), action("a2")))
    robot.until(lambda: robot.states()[-1]["headerId"] == before + 1)
    ids = [state["headerId"] for state in robot.states() if state["headerId"] > before]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3
    robot.until_action("a2", "FINISHED")


def test_a_failure_on_demand(robot: Listener) -> None:
    robot.tell(do="failNext")
    robot.send("order", order("o1"))
    robot.send("order", order("o2"))
    failed = robot.until_action("o1-a", "FAILED")
    assert failed["errors"][0]["errorType"] == "actionFailed"
    robot.until_action("o2-a", "FINISHED")


def test_three_robots_keep_up_when_everything_is_asked_at_once(settings: RobotsSettings, listener: Listener) -> None:
    """120 orders with two actions each, every order sent twice: all done, each action once."""
    quick = settings.model_copy(update={"robots": 3, "robot_speed": 0.001})
    serials = ("bot-1", "bot-2", "bot-3")
    with fleet.running(quick):
        listener.until(lambda: all(listener.connections(serial)[-1:] == ["ONLINE"] for serial in serials))
        for number in range(120):
            serial = f"bot-{1 + number % 3}"
            made = order(f"o{number}", action(f"a{number}"), action(f"b{number}", type="storeCarrier"))
            listener.send("order", made, serial)
            listener.send("order", made, serial)
        for number in range(120):
            listener.until_action(f"b{number}", "FINISHED", f"bot-{1 + number % 3}")
        for serial in serials:
            last = listener.states(serial)[-1]
            assert len(last["actionStates"]) == 80
            assert set(statuses(last).values()) == {"FINISHED"}
            assert last["errors"] == []


def test_a_killed_fleet_takes_up_its_orders_again(settings: RobotsSettings, listener: Listener) -> None:
    variables = {
        "QM_MQTT_PORT": str(settings.mqtt_port),
        "QM_ROBOTS": "1",
        "QM_ROBOT_SPEED": "30",
        "QM_DATA_DIR": str(settings.data_dir),
    }
    command = [sys.executable, "-m", "infra.local.robots"]
    with subprocess.Popen(command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL) as process:
        listener.until(lambda: listener.connections()[-1:] == ["ONLINE"])
        listener.send("order", order("o1", update=7))
        listener.until_action("o1-a", "RUNNING")
        process.send_signal(signal.SIGKILL)
    listener.until(lambda: listener.connections()[-1:] == ["CONNECTIONBROKEN"])
    assert settings.data_dir
    kept = json.loads((settings.data_dir / "robots" / "bot-1.json").read_text())
    assert kept["known"] == {"o1": 7}
    with fleet.running(settings):
        done = listener.until_action("o1-a", "FINISHED")
    assert done["orderUpdateId"] == 7


def test_the_program_ends_on_a_signal(settings: RobotsSettings, listener: Listener) -> None:
    variables = {"QM_MQTT_PORT": str(settings.mqtt_port), "QM_ROBOTS": "1"}
    command = [sys.executable, "-m", "infra.local.robots"]
    with subprocess.Popen(command, env={**os.environ, **variables}, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == f"robots: 1 on MQTT port {settings.mqtt_port}\n".encode()
        listener.until(lambda: listener.connections()[-1:] == ["ONLINE"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    listener.until(lambda: listener.connections()[-1:] == ["OFFLINE"])
