"""A real broker, a fleet on it, and a listener that hears what the robots say."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from infra.local.robots import fleet
from infra.local.robots.config import RobotsSettings
from infra.local.robots.protocol import Message, control_topic, topic

DEADLINE_S = 8.0


class Listener:
    """Hears all robots, orders them about, and waits for what a test needs."""

    def __init__(self, port: int) -> None:
        self._heard: list[tuple[str, Message]] = []
        self._news = threading.Condition()
        self._client: Any = mqtt.Client(CallbackAPIVersion.VERSION2, f"listener-{time.monotonic_ns()}")
        self._client.username_pw_set("listener")
        self._client.on_message = self._on_message
        self._client.on_socket_open = lambda _c, _d, s: s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe([("qm/bots/+/state", 1), ("qm/bots/+/connection", 1)])
        assert subscribed.wait(DEADLINE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, name: str, body: Message | str, serial: str = "bot-1") -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self._client.publish(topic(serial, name), text, qos=1).wait_for_publish(DEADLINE_S)

    def tell(self, serial: str = "bot-1", **control: Any) -> None:
        """Speak to the simulation, not to the robot."""
        info = self._client.publish(control_topic(serial), json.dumps(control), qos=1)
        info.wait_for_publish(DEADLINE_S)

    def states(self, serial: str = "bot-1") -> list[Message]:
        with self._news:
            return [body for heard, body in self._heard if heard == topic(serial, "state")]

    def connections(self, serial: str = "bot-1") -> list[str]:
        with self._news:
            heard = [body for where, body in self._heard if where == topic(serial, "connection")]
        return [body["connectionState"] for body in heard]

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for the world to be so, looking whenever something is heard."""
        ends_at = time.monotonic() + DEADLINE_S
        with self._news:
            while not is_so():
                assert self._news.wait(ends_at - time.monotonic()), "it did not happen in time"

    def until_action(self, action_id: str, status: str, serial: str = "bot-1") -> Message:
        """The first state that shows this action so."""

        def found() -> list[Message]:
            return [state for state in self.states(serial) if statuses(state).get(action_id) == status]

        self.until(lambda: bool(found()))
        return found()[0]

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        with self._news:
            self._heard.append((message.topic, json.loads(message.payload)))
            self._news.notify_all()


def statuses(state: Message) -> dict[str, str]:
    return {action["actionId"]: action["actionStatus"] for action in state["actionStates"]}


BROKER = """
import asyncio, sys
from amqtt.broker import Broker

async def main():
    listener = {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": False}}
    await Broker({"listeners": {"default": listener}, "plugins": plugins}).start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
"""A process of its own: amqtt leaves sockets open when it stops, and warnings are errors here."""


@pytest.fixture(scope="session")
def broker() -> Iterator[int]:
    """The port of an amqtt broker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-c", BROKER, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield port
        process.kill()


@pytest.fixture
def settings(broker: int, tmp_path: Path) -> RobotsSettings:
    return RobotsSettings(mqtt_port=broker, robots=1, robot_speed=0.05, data_dir=tmp_path)


@pytest.fixture
def listener(broker: int) -> Iterator[Listener]:
    heard = Listener(broker)
    yield heard
    heard.close()


@pytest.fixture
def robot(settings: RobotsSettings, listener: Listener) -> Iterator[Listener]:
    """One robot that is online; the listener to speak with it."""
    with fleet.running(settings):
        listener.until(lambda: listener.connections()[-1:] == ["ONLINE"] and bool(listener.states()))
        yield listener
