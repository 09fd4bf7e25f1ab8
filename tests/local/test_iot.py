"""Publishing by the AWS SDK reaches a robot; what a robot says reaches the telemetry queue. All parts are real."""

import json
import queue
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import paho.mqtt.client as mqtt
import pytest
import urllib3
from paho.mqtt.enums import CallbackAPIVersion

from infra.local import environment, options, ports, resources
from infra.local.parts import Parts
from infra.local.supervisor import Supervisor


class Stage:
    """Emulator, broker and bridge, with a robot connected."""

    def __init__(self, data_dir: Path) -> None:
        chosen = options.from_environment({"DATA_DIR": str(data_dir)})
        self.ports = ports.choose(data_dir)
        self.variables = environment.for_children(chosen, self.ports, {}, app_url="", owner_url="")
        parts = Parts(chosen, self.ports)
        self.supervisor = Supervisor(data_dir, print)
        self.broker = parts.mqtt(self.variables)
        self.running = [parts.aws(self.variables), self.broker, parts.iot(self.variables)]
        for part in self.running:
            self.supervisor.launch(part)
        self.supervisor.wait_ready(*self.running)
        self.session = boto3.Session("local", "local", region_name="us-east-1")
        self.heard: queue.Queue[Any] = queue.Queue()
        self.robot = self.connect()

    def client(self, service: str, port: str) -> Any:
        return self.session.client(service, endpoint_url=f"http://127.0.0.1:{self.ports[port]}")

    def connect(self) -> Any:
        robot: Any = mqtt.Client(CallbackAPIVersion.VERSION2, "robot", clean_session=False)
        robot.username_pw_set("robot")
        subscribed: queue.Queue[None] = queue.Queue()
        robot.on_message = lambda _client, _data, message: self.heard.put(message)
        robot.on_subscribe = lambda *_: subscribed.put(None)
        robot.connect("127.0.0.1", self.ports["mqtt"])
        robot.loop_start()
        robot.subscribe("qm/bots/7/order", 1)
        subscribed.get(timeout=5)
        return robot

    def leave(self) -> None:
        self.robot.disconnect()
        self.robot.loop_stop()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    started = Stage(tmp_path_factory.mktemp("stage"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{started.ports['aws']}")
            clients = resources.Clients.of(started.session)
            resources.create(clients)
            resources.create(clients)  # and again: it may be repeated
        yield started
    finally:
        started.leave()
        started.supervisor.stop()


def telemetry(stage: Stage) -> dict[str, Any]:
    sqs = stage.client("sqs", "aws")
    url = sqs.get_queue_url(QueueName="quartermaster-telemetry")["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    body: dict[str, Any] = json.loads(message["Body"])
    return body


def test_every_queue_has_its_dead_letters(stage: Stage) -> None:
    sqs = stage.client("sqs", "aws")
    for name in resources.QUEUES:
        url = sqs.get_queue_url(QueueName=f"quartermaster-{name}")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        policy = json.loads(attributes["RedrivePolicy"])
        assert policy["deadLetterTargetArn"].endswith(f":quartermaster-{name}-dead")
        assert (int(policy["maxReceiveCount"]), attributes["VisibilityTimeout"]) == (5, "60")


def test_nothing_listens_beyond_loopback(stage: Stage) -> None:
    pids = {part.process.pid for part in stage.running if part.process}
    listening = [
        line.split()
        for pid in pids
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    ours = {f"{port:04X}" for port in stage.ports.values()}
    addresses = {row[1].split(":")[0] for row in listening if row[1].split(":")[1] in ours}
    assert addresses == {socket.inet_aton("127.0.0.1")[::-1].hex().upper()}


def test_a_publish_reaches_the_robot_and_the_inbox(stage: Stage) -> None:
    order = {"orderId": "o-1"}
    stage.client("iot-data", "iot").publish(topic="qm/bots/7/order", qos=1, payload=json.dumps(order).encode())
    message = stage.heard.get(timeout=5)
    assert (message.topic, json.loads(message.payload)) == ("qm/bots/7/order", order)
    inbox = json.loads(urllib3.request("GET", f"http://127.0.0.1:{stage.ports['iot']}/inbox").data)["items"]
    assert [(item["kind"], item["to"], item["body"]) for item in inbox] == [("mqtt", "qm/bots/7/order", order)]


def test_a_robot_that_was_away_gets_its_order_later(stage: Stage) -> None:
    stage.leave()
    stage.client("iot-data", "iot").publish(topic="qm/bots/7/order", qos=1, payload=b'{"orderId": "o-2"}')
    stage.robot = stage.connect()
    assert json.loads(stage.heard.get(timeout=5).payload) == {"orderId": "o-2"}


@pytest.mark.parametrize("kind", ["state", "connection"])
def test_what_a_robot_says_reaches_the_queue(stage: Stage, kind: str) -> None:
    stage.robot.publish(f"qm/bots/7/{kind}", b'{"headerId": 1}', qos=1).wait_for_publish(5)
    assert telemetry(stage) == {"topic": f"qm/bots/7/{kind}", "payload": {"headerId": 1}}


def test_a_payload_that_is_no_json_does_not_stop_the_next(stage: Stage) -> None:
    stage.robot.publish("qm/bots/7/state", b"\xff", qos=1)
    stage.robot.publish("qm/bots/7/state", b'{"headerId": 2}', qos=1).wait_for_publish(5)
    assert telemetry(stage)["payload"] == {"headerId": 2}


def test_the_bridge_outlives_the_broker(stage: Stage) -> None:
    assert stage.broker.process is not None
    stage.broker.process.kill()
    stage.broker.process.wait()
    stage.supervisor.check()
    deadline = time.monotonic() + 10
    while not stage.robot.is_connected() or not stage.running[2].is_ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stage.robot.publish("qm/bots/7/state", b'{"headerId": 3}', qos=1).wait_for_publish(5)
    assert telemetry(stage)["payload"] == {"headerId": 3}


def test_shadows_are_the_emulators(stage: Stage) -> None:
    data = stage.client("iot-data", "iot")
    data.update_thing_shadow(thingName="bot-7", payload=b'{"state": {"desired": {"led": "on"}}}')
    shadow = json.loads(data.get_thing_shadow(thingName="bot-7")["payload"].read())
    assert shadow["state"]["desired"] == {"led": "on"}


def test_a_reset_empties_what_aws_holds(stage: Stage) -> None:
    s3 = stage.client("s3", "aws")
    s3.put_object(Bucket="quartermaster", Key="x", Body=b"1")
    status = urllib3.request("POST", f"http://127.0.0.1:{stage.ports['iot']}/reset").status
    assert (status, s3.list_objects_v2(Bucket="quartermaster")["KeyCount"]) == (200, 0)
