"""A robot on the network: its MQTT connection, its thread, its memory file, and the ways it can misbehave."""

import json
import queue
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import ValidationError

from infra.local.robots import protocol
from infra.local.robots.config import RobotsSettings
from infra.local.robots.protocol import Control, Message
from infra.local.robots.robot import Robot, dump, load

KEEPALIVE_S = 15
RECONNECT_S = (0.25, 5)
REORDER_FLUSH_S = 0.5
"""States that wait to be sent backwards leave after this long even when fewer came than were asked for."""


class Link:
    """Two threads: paho's reads the network and fills the queue, ours thinks and publishes."""

    def __init__(self, serial: str, settings: RobotsSettings) -> None:
        self.serial = serial
        self._settings = settings
        self._file = settings.data_dir / "robots" / f"{serial}.json" if settings.data_dir else None
        self._robot = Robot(serial, settings.robot_speed, _remembered(self._file))
        self._queue: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._stopping = threading.Event()
        self._offline_s = 0.0
        self._silent_until = 0.0
        self._twice = 0
        self._backwards: list[Message] = []
        self._backwards_max = 0
        self._connection_id = 0
        self._topics = {protocol.topic(serial, name): name for name in ("order", "instantActions")}
        self._topics[protocol.control_topic(serial)] = "control"
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._live, name=f"robot {serial}", daemon=True)

    def start(self) -> None:
        """Connect as soon as the broker is there, and live."""
        self._client.connect_async("127.0.0.1", self._settings.mqtt_port, KEEPALIVE_S)
        self._client.loop_start()
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye (connection OFFLINE, so that the last will stays unsaid) and end both threads."""
        self._stopping.set()
        self._queue.put(("stop", b""))
        self._thread.join()
        if self._client.is_connected():
            self._say_connection("OFFLINE").wait_for_publish(2)
        self._client.disconnect()
        self._client.loop_stop()

    def _make_client(self) -> Any:
        """A session that outlives the connection: the broker keeps orders for a robot that is away.

        amqtt keeps nothing for clients that it lets in as anonymous (its broker.py, `is_anonymous`): there has to
        be a user name, and the broker's `allow_anonymous` has to be off.
        """
        client = mqtt.Client(CallbackAPIVersion.VERSION2, f"qm-robot-{self.serial}", clean_session=False)
        client.username_pw_set(self.serial)
        client.reconnect_delay_set(*RECONNECT_S)
        will = {**protocol.header(0, self.serial), "connectionState": "CONNECTIONBROKEN"}
        client.will_set(protocol.topic(self.serial, "connection"), json.dumps(will), qos=1, retain=True)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            return
        client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(self, *_: Any) -> None:
        """Only who hears is ONLINE: a broker may hand out the word before it has noted the subscription."""
        self._say_connection("ONLINE")
        self._queue.put(("connected", b""))

    def _on_disconnect(self, *_: Any) -> None:
        """paho connects again when this returns."""
        self._stopping.wait(self._offline_s)
        self._offline_s = 0.0

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        """amqtt hands retained messages of others' subscriptions to a session that returns: they are left alone."""
        kind = self._topics.get(message.topic)
        if kind:
            self._queue.put((kind, message.payload))

    def _say_connection(self, state: str) -> Any:
        self._connection_id += 1
        body = {**protocol.header(self._connection_id, self.serial), "connectionState": state}
        topic = protocol.topic(self.serial, "connection")
        return self._client.publish(topic, json.dumps(body), qos=1, retain=True)

    def _live(self) -> None:
        while not self._stopping.is_set():
            news = self._news()
            for kind, payload in news:
                self._take(kind, payload)
            moved = self._robot.tick(time.monotonic())
            self._remember()
            self._report(is_quiet=not news and not moved)

    def _news(self) -> list[tuple[str, bytes]]:
        """All that has arrived, after waiting for it, for the next arrival or for the heartbeat."""
        found: list[tuple[str, bytes]] = []
        try:
            found.append(self._queue.get(timeout=self._pause_s()))
            while True:
                found.append(self._queue.get_nowait())
        except queue.Empty:
            return found

    def _pause_s(self) -> float:
        now = time.monotonic()
        pauses = [self._settings.robot_heartbeat]
        if self._robot.wakes_at is not None:
            pauses.append(self._robot.wakes_at - now)
        if self._silent_until > now:
            pauses.append(self._silent_until - now)
        if self._backwards:
            pauses.append(REORDER_FLUSH_S)
        return max(min(pauses), 0.001)

    def _take(self, kind: str, payload: bytes) -> None:
        now = time.monotonic()
        if kind == "order":
            self._robot.order(payload, now)
        elif kind == "instantActions":
            self._robot.instant_actions(payload, now)
        elif kind == "control":
            self._obey(payload)

    def _obey(self, payload: bytes) -> None:
        try:
            control = Control.model_validate_json(payload)
        except ValidationError as error:
            print(f"{self.serial}: {error}", file=sys.stderr)
            return
        if control.do == "failNext":
            self._robot.fail_next += control.times
        elif control.do == "silent":
            self._silent_until = time.monotonic() + control.seconds
        elif control.do == "offline":
            self._drop_connection(control.seconds)
        elif control.do == "duplicate":
            self._twice += control.times
        elif control.do == "reorder":
            self._backwards_max = control.times
        else:
            self._behave()

    def _behave(self) -> None:
        self._robot.fail_next = self._twice = self._backwards_max = 0
        self._silent_until = 0.0

    def _drop_connection(self, seconds: float) -> None:
        """Vanish without a goodbye, so that the broker speaks the last will."""
        self._offline_s = seconds
        held = self._client.socket()
        if held:
            held.shutdown(socket.SHUT_RDWR)

    def _report(self, *, is_quiet: bool) -> None:
        """Publish the state, or misdo it. A quiet time ends the gathering of states to send backwards."""
        if time.monotonic() < self._silent_until:
            return
        self._backwards.append(self._robot.state())
        if len(self._backwards) < self._backwards_max and not is_quiet:
            return
        held, self._backwards, self._backwards_max = self._backwards[::-1], [], 0
        for state in held:
            self._publish(state)

    def _publish(self, state: Message) -> None:
        body, topic = json.dumps(state), protocol.topic(self.serial, "state")
        for _ in range(2 if self._twice else 1):
            self._client.publish(topic, body, qos=1)
        self._twice = max(self._twice - 1, 0)

    def _remember(self) -> None:
        if self._file:
            fresh = self._file.with_suffix(".new")
            fresh.write_text(json.dumps(dump(self._robot.memory)))
            fresh.replace(self._file)


def _send_at_once(_client: Any, _data: Any, opened: socket.socket) -> None:
    """Small messages both ways otherwise wait 40 ms for one another (Nagle's algorithm and delayed answers)."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _remembered(file: Path | None) -> Any:
    if file is None:
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    return load(json.loads(file.read_text())) if file.exists() else None
