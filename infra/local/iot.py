"""AWS IoT Core in front of an MQTT broker: the data plane's HTTP publish, and the rule that fills the telemetry queue.

The emulator's own data plane speaks to a broker inside it that no robot can reach, so the SDK is pointed here instead;
what is not about topics (thing shadows) goes on to the emulator. ``python -m infra.local.iot``.
"""

import asyncio
import json
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

import boto3
import paho.mqtt.client as mqtt
from aiohttp import ClientSession, web
from botocore.exceptions import BotoCoreError, ClientError
from paho.mqtt.enums import CallbackAPIVersion

from infra.local import meter, resources
from infra.local.meter import units

HOST = "127.0.0.1"
RULE_TOPICS = ("qm/bots/+/state", "qm/bots/+/connection")
BATCH = 10
INBOX_MAX = 2000
PUBLISH_PATIENCE_S = 5.0
RETRY_S = 0.5


class Rule:
    """What arrives on RULE_TOPICS goes on the telemetry queue as ``{"topic", "payload"}``, as the IoT rule writes it.

    A message is acknowledged to the broker after the queue has it: a crash in between delivers it again.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._meter = meter.the_meter()
        self._arrived: queue.Queue[Any] = queue.Queue()
        self._sqs = boto3.client("sqs")
        self._url = ""

    def take(self, message: Any) -> None:
        """Called by paho's thread."""
        self._arrived.put(message)

    def run(self) -> None:
        """Forwards for ever, ten messages a call."""
        while True:
            batch = [self._arrived.get()]
            while len(batch) < BATCH and not self._arrived.empty():
                batch.append(self._arrived.get())
            self._send(batch)
            if self._meter is not None:
                self._count(self._meter, batch)
            for message in batch:
                self._client.ack(message.mid, message.qos)

    def _count(self, counting: meter.Meter, batch: list[Any]) -> None:
        """One message each, as the real rule sends them: it knows no batches."""
        with counting.working(meter.Work("iot_rule")):
            for message in batch:
                counting.add(units.heard(len(message.payload), len(message.topic)))

    def _send(self, batch: list[Any]) -> None:
        bodies = [body for body in map(_rule_output, batch) if body is not None]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        while entries:
            try:
                self._url = self._url or self._sqs.get_queue_url(QueueName="quartermaster-telemetry")["QueueUrl"]
                answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            except (BotoCoreError, ClientError) as error:
                print(f"iot: telemetry waits: {error}", file=sys.stderr, flush=True)
            else:
                failed = {failure["Id"] for failure in answer.get("Failed", ())}
                entries = [entry for entry in entries if entry["Id"] in failed]
            if entries:
                time.sleep(RETRY_S)


def _rule_output(message: Any) -> str | None:
    """The rule's JSON; None for a payload that is none (the rule's SQL would not match it either)."""
    try:
        return json.dumps({"topic": message.topic, "payload": json.loads(message.payload)})
    except ValueError:
        return None


class Bridge:
    """The MQTT side: one client with a session that outlives it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.is_connected = threading.Event()
        self.client: Any = mqtt.Client(
            CallbackAPIVersion.VERSION2, "quartermaster-iot", clean_session=False, manual_ack=True
        )
        self.client.username_pw_set("quartermaster-iot")
        self.client.reconnect_delay_set(0.1, 2)
        self.client.max_inflight_messages_set(200)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.is_connected.clear()
        self._rule = Rule(self.client)
        self.client.on_message = lambda _client, _data, message: self._rule.take(message)

    def start(self) -> None:
        """Connects as soon as the broker is there."""
        threading.Thread(target=self._rule.run, name="rule", daemon=True).start()
        self.client.connect_async(HOST, self._port, keepalive=20)
        self.client.loop_start()

    def stop(self) -> None:
        """Leaves; the broker keeps the session."""
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """Whether the broker has taken the message. At qos 1 that is its acknowledgement."""
        if not self.is_connected.wait(PUBLISH_PATIENCE_S):
            return False
        sent = self.client.publish(topic, payload, qos=qos, retain=retain)
        try:
            sent.wait_for_publish(PUBLISH_PATIENCE_S)
        except (RuntimeError, ValueError):
            return False
        return bool(sent.is_published())

    def _on_connect(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            print(f"iot: the broker refuses: {reason}", file=sys.stderr, flush=True)
            return
        client.subscribe([(topic, 1) for topic in RULE_TOPICS])
        self.is_connected.set()


class DataPlane:
    """The HTTP side: AWS IoT data plane, Publish; and what was published, for the sandbox's inbox."""

    def __init__(self, bridge: Bridge, emulator_url: str) -> None:
        self._bridge = bridge
        self._emulator_url = emulator_url
        self._aws = resources.Clients.of(boto3.Session())
        self._inbox: deque[dict[str, Any]] = deque(maxlen=INBOX_MAX)
        self._numbered = 0

    def app(self) -> web.Application:
        """The routes. A topic comes percent-encoded, slashes too (IoT data plane API, Publish)."""
        app = web.Application(client_max_size=1_000_000)
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/inbox", self._list_inbox),
                web.post("/reset", self._reset),
                web.post("/topics/{topic:.+}", self._publish),
                web.route("*", "/{rest:.*}", self._forward),
            ]
        )
        return app

    async def _publish(self, request: web.Request) -> web.Response:
        topic, payload = request.match_info["topic"], await request.read()
        qos, retain = int(request.query.get("qos", "0")), request.query.get("retain") == "true"
        if "+" in topic or "#" in topic:
            return _refused(400, "InvalidRequestException", "Topic must not contain wildcards")
        is_taken = await asyncio.to_thread(self._bridge.publish, topic, payload, qos=qos, retain=retain)
        if not is_taken:
            return _refused(503, "ServiceUnavailableException", "The broker does not answer")
        self._note(topic, payload)
        return web.json_response({"message": "OK"})

    def _note(self, topic: str, payload: bytes) -> None:
        self._numbered += 1
        try:
            body: Any = json.loads(payload)
        except ValueError:
            body = payload.decode("utf-8", "replace")
        at = datetime.now(UTC).isoformat()
        self._inbox.append({"seq": self._numbered, "kind": "mqtt", "at": at, "to": topic, "body": body})

    async def _health(self, _: web.Request) -> web.Response:
        is_up = self._bridge.is_connected.is_set()
        return web.json_response({"connected": is_up}, status=200 if is_up else 503)

    async def _list_inbox(self, _: web.Request) -> web.Response:
        return web.json_response({"items": list(self._inbox)})

    async def _reset(self, _: web.Request) -> web.Response:
        """Forgets what was published, and empties the emulator: queues, table and bucket are made anew.

        Here, because this process has the AWS SDK loaded already: `make reset` has two seconds in all.
        """
        self._inbox.clear()
        async with ClientSession() as session, session.post(f"{self._emulator_url}/_ministack/reset") as answer:
            answer.raise_for_status()
        await asyncio.to_thread(resources.create, self._aws)
        return web.json_response({"status": "ok"})

    async def _forward(self, request: web.Request) -> web.Response:
        """Shadows and the rest: the emulator's."""
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                f"{self._emulator_url}{request.raw_path}",
                headers=headers,
                data=await request.read(),
            ) as answer,
        ):
            body = await answer.read()
            kept = {n: v for n, v in answer.headers.items() if n.lower() in ("content-type", "x-amzn-errortype")}
            return web.Response(status=answer.status, body=body, headers=kept)


def _refused(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers={"x-amzn-ErrorType": code})


async def main() -> None:
    """Listens on QM_IOT_PORT until SIGTERM."""
    bridge = Bridge(int(os.environ["QM_MQTT_PORT"]))
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    runner = web.AppRunner(DataPlane(bridge, os.environ["AWS_ENDPOINT_URL"]).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, int(os.environ["QM_IOT_PORT"])).start()
    bridge.start()
    await stopping.wait()
    bridge.stop()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
