"""Queues and schedules call handlers as Lambda would be called."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import pumps
from infra.local.gate import Gate
from infra.local.pumps import QueuePump, QueueSource, Stopping, run_schedule, sqs_event

Handler = Callable[[dict[str, Any], Any], Any]


class Queue:
    """A queue of this test's own with a pump on it."""

    def __init__(self, name: str, gate: Gate) -> None:
        self.name, self.gate, self.stopping = name, gate, Stopping()
        self.sqs = boto3.client("sqs")
        attributes = {"VisibilityTimeout": "600"}
        self.url = self.sqs.create_queue(QueueName=f"quartermaster-{name}", Attributes=attributes)["QueueUrl"]

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def pump(self, handler: Handler, *, concurrency: int = 2, batch: int = 1) -> None:
        source = QueueSource(self.name, "handler", concurrency, batch)
        pump = QueuePump(source, handler, self.gate, self.stopping)
        threading.Thread(target=pump.run, daemon=True).start()

    def left(self) -> int:
        """Messages that nobody has deleted."""
        return self._number("ApproximateNumberOfMessages") + self.taken()

    def taken(self) -> int:
        """Messages that somebody has received and not deleted."""
        return self._number("ApproximateNumberOfMessagesNotVisible")

    def _number(self, name: str) -> int:
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return int(found["Attributes"][name])


@pytest.fixture
def queue(
    aws: None, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Queue]:
    monkeypatch.setattr(pumps, "POLL_S", 1)
    made = Queue(f"pump-{abs(hash(request.node.name))}", Gate(tmp_path))
    yield made
    made.stopping.event.set()
    assert made.stopping.wait_until_idle(5)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_succeeded_is_deleted_and_what_was_named_is_not(queue: Queue) -> None:
    seen: list[str] = []

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        (record,) = event["Records"]
        seen.append(record["body"])
        failed = [{"itemIdentifier": record["messageId"]}] if record["body"] == "bad" else []
        return {"batchItemFailures": failed}

    queue.send("good", "bad", "fine")
    queue.pump(handle)
    wait_until(lambda: len(seen) == 3 and queue.left() == 1)
    assert sorted(seen) == ["bad", "fine", "good"]


def test_a_handler_that_raises_loses_nothing(queue: Queue) -> None:
    called = threading.Event()

    def handle(_event: dict[str, Any], _context: Any) -> None:
        called.set()
        raise RuntimeError("as asked")

    queue.send("x")
    queue.pump(handle)
    assert called.wait(10)
    assert queue.stopping.wait_until_idle(5)
    assert queue.left() == 1


def test_a_slow_message_does_not_stop_its_neighbours(queue: Queue) -> None:
    release, seen = threading.Event(), []

    def handle(event: dict[str, Any], _context: Any) -> None:
        body = event["Records"][0]["body"]
        if body == "slow":
            release.wait(10)
        seen.append(body)

    queue.send("slow", *(f"quick {number}" for number in range(5)))
    queue.pump(handle)
    wait_until(lambda: len(seen) == 5)
    assert "slow" not in seen
    release.set()
    wait_until(lambda: queue.left() == 0)
    assert seen[-1] == "slow"


def test_batches_hold_several_messages(queue: Queue) -> None:
    sizes: list[int] = []
    queue.send(*(str(number) for number in range(10)))
    queue.pump(lambda event, _: sizes.append(len(event["Records"])), concurrency=1, batch=10)
    wait_until(lambda: queue.left() == 0)
    assert sum(sizes) == 10
    assert max(sizes) > 1


def test_messages_from_before_a_reset_are_dropped(queue: Queue) -> None:
    seen: list[str] = []
    queue.send("old")
    with queue.gate.reset():
        queue.pump(lambda event, _: seen.append(event["Records"][0]["body"]))
        wait_until(lambda: queue.taken() == 1)
    queue.send("new")
    wait_until(lambda: len(seen) > 0)
    assert seen == ["new"]


def test_the_event_is_lambdas() -> None:
    message = {"MessageId": "m", "ReceiptHandle": "r", "Body": "b", "Attributes": {"ApproximateReceiveCount": "2"}}
    (record,) = sqs_event([message], "quartermaster-work")["Records"]
    assert (record["messageId"], record["receiptHandle"], record["body"]) == ("m", "r", "b")
    assert record["attributes"] == {"ApproximateReceiveCount": "2"}
    assert record["eventSourceARN"].endswith(":quartermaster-work")


def test_a_schedule_runs_again_after_a_failure(tmp_path: Path) -> None:
    stopping, calls = Stopping(), []

    def handle(event: dict[str, Any], _context: Any) -> None:
        calls.append(event)
        if len(calls) == 3:
            stopping.event.set()

    run_schedule("relay_outbox", handle, 0.0, Gate(tmp_path), stopping)
    assert [call["relay_for_s"] for call in calls] == [0, 0, 0]
