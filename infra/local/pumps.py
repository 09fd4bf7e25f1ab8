"""What AWS does between its services and our functions: queues and schedules call the handlers of app.py.

Events are shaped like Lambda's; a message is deleted only when its handler did not name it in ``batchItemFailures``.
``python -m infra.local.pumps``.
"""

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local import meter
from infra.local.events import FunctionContext
from infra.local.gate import Gate
from infra.local.unruly import Unruly

Handler = Callable[[dict[str, Any], Any], Any]

POLL_S = 2
"""Of a long poll. The emulator waits for polls to end before it does, up to three seconds."""
RETRY_S = 0.3
GRACE_S = 8.0
"""How long handlers may go on after SIGTERM."""
BATCH = 10
REGION = "us-east-1"


@dataclass(frozen=True)
class QueueSource:
    """An event source mapping: a queue, the handler's name in app.py, batch size and concurrency."""

    queue: str
    handler: str
    concurrency: int
    batch: int = 1


SOURCES = (
    QueueSource("work", "work_queue", 6),
    QueueSource("messages", "messages_queue", 4),
    QueueSource("robots", "robots_queue", 4),
    QueueSource("webhooks", "webhooks_queue", 4),
    QueueSource("deliveries", "deliveries_queue", 4),
    QueueSource("telemetry", "telemetry_queue", 2, BATCH),
)
SCHEDULE_EVENTS: Mapping[str, dict[str, Any]] = {"relay_outbox": {"relay_for_s": 0}}
"""What a schedule's handler is told; the relay looks once, because here it is called all the time."""


@dataclass
class Stopping:
    """Says when to stop, and waits for what is being worked on."""

    event: threading.Event = field(default_factory=threading.Event)
    _busy: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def busy(self) -> Any:
        """Around a piece of work that should not be cut off."""
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def wait_until_idle(self, patience_s: float) -> bool:
        """Whether all work ended in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._busy == 0, patience_s)


class QueuePump:
    """Feeds one queue to one handler. A slow message holds up a worker, never its neighbours."""

    def __init__(
        self, source: QueueSource, handler: Handler, gate: Gate, stopping: Stopping, unruly: Unruly | None = None
    ) -> None:
        self._unruly = unruly
        self._source, self._handler, self._gate, self._stopping = source, handler, gate, stopping
        retries = {"max_attempts": 1, "mode": "standard"}
        config = Config(retries=retries, read_timeout=POLL_S + 5, max_pool_connections=source.concurrency + 2)
        self._sqs = boto3.client("sqs", config=config)
        self._name = f"quartermaster-{source.queue}"
        self._url = ""
        self._free = threading.Semaphore(source.concurrency)
        self._pool = ThreadPoolExecutor(source.concurrency, thread_name_prefix=source.queue)

    def run(self) -> None:
        """Polls until stopped. A queue that is not there yet, or not any more, is waited for."""
        while not self._stopping.event.is_set():
            try:
                self._poll()
            except (BotoCoreError, ClientError) as error:
                self._url = ""
                _complain(f"{self._name} waits: {error}")
                self._stopping.event.wait(RETRY_S)

    def _poll(self) -> None:
        self._url = self._url or self._sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        places = self._take_places()
        messages: list[dict[str, Any]] = []
        try:
            messages = self._receive(min(BATCH, places * self._source.batch))
        finally:
            batches = [messages[n : n + self._source.batch] for n in range(0, len(messages), self._source.batch)]
            for _ in range(places - len(batches)):
                self._free.release()
        for batch in batches:
            self._deliver(batch)

    def _deliver(self, batch: list[dict[str, Any]]) -> None:
        if self._unruly is None:
            self._pool.submit(self._work, batch)
        else:
            self._unruly.deliver(lambda: self._pool.submit(self._work, batch), lambda: self._work_again(batch))

    def _take_places(self) -> int:
        """All workers that are free now, one at least."""
        self._free.acquire()
        places = 1
        while places < self._source.concurrency and self._free.acquire(blocking=False):
            places += 1
        return places

    def _receive(self, most: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=POLL_S,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _work(self, batch: list[dict[str, Any]]) -> None:
        try:
            with self._stopping.busy(), self._gate.work() as reset_at_ms:
                present = [m for m in batch if int(m["Attributes"]["SentTimestamp"]) >= reset_at_ms]
                if present:
                    self._delete(present, self._failures(present))
        except Exception:
            traceback.print_exc()
        finally:
            self._free.release()

    def _work_again(self, batch: list[dict[str, Any]]) -> None:
        """Delivers a copy: whatever comes of it, the message stays as it is."""
        with self._stopping.busy(), self._gate.work() as reset_at_ms:
            present = [m for m in batch if int(m["Attributes"]["SentTimestamp"]) >= reset_at_ms]
            if present:
                self._failures(present)

    def _failures(self, batch: list[dict[str, Any]]) -> set[str]:
        """Ids of the messages that SQS should deliver again; all of them when the handler raises."""
        everything = {message["MessageId"] for message in batch}
        try:
            answer = self._handler(sqs_event(batch, self._name), FunctionContext()) or {}
            return {failure["itemIdentifier"] for failure in answer.get("batchItemFailures", ())}
        except Exception:
            traceback.print_exc()
            return everything

    def _delete(self, batch: list[dict[str, Any]], failures: set[str]) -> None:
        for message in batch:
            if message["MessageId"] not in failures:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


def sqs_event(messages: list[dict[str, Any]], queue: str) -> dict[str, Any]:
    """Messages as Lambda hands them to a function (Lambda guide, "Using Lambda with Amazon SQS")."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": message.get("MessageAttributes", {}),
                "md5OfBody": message.get("MD5OfBody", ""),
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:{queue}",
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }


def run_schedule(name: str, handler: Handler, interval_s: float, gate: Gate, stopping: Stopping) -> None:
    """Calls a schedule's handler, again `interval_s` after it has returned. A failure is noted and tried again."""
    event = {"source": "aws.scheduler", "detail-type": "Scheduled Event", **SCHEDULE_EVENTS.get(name, {})}
    while not stopping.event.is_set():
        pause_s = interval_s
        try:
            with stopping.busy(), gate.work():
                handler(event, FunctionContext())
        except Exception:
            traceback.print_exc()
            pause_s = max(interval_s, 1.0)
        stopping.event.wait(pause_s)


def _complain(text: str) -> None:
    print(json.dumps({"level": "WARNING", "message": text}), file=sys.stderr, flush=True)


def _end_at_once(failed: threading.ExceptHookArgs) -> None:
    """A pump that has ended would be missed by nobody: then all of them end, and the supervisor starts them again."""
    traceback.print_exception(failed.exc_type, failed.exc_value, failed.exc_traceback)
    sys.stderr.flush()
    os._exit(1)


def main() -> None:
    """Runs all pumps until SIGTERM, then lets handlers end."""
    meter.begin()
    import app
    from chalicelib.kernel.schedules import LOCAL_INTERVALS_S

    data_dir = Path(os.environ["QM_DATA_DIR"])
    stopping, gate, unruly = Stopping(), Gate(data_dir), Unruly(data_dir)
    threading.excepthook = _end_at_once
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.event.set())
    for source in SOURCES:
        handler = meter.queue(source.handler, getattr(app, source.handler))
        pump = QueuePump(source, handler, gate, stopping, unruly)
        threading.Thread(target=pump.run, name=source.queue, daemon=True).start()
    for name, interval_s in LOCAL_INTERVALS_S.items():
        arguments = (name, meter.schedule(name, getattr(app, name)), interval_s, gate, stopping)
        threading.Thread(target=run_schedule, args=arguments, name=name, daemon=True).start()
    print(f"pumps: {len(SOURCES)} queues, {len(LOCAL_INTERVALS_S)} schedules", flush=True)
    while not stopping.event.wait(1.0):
        pass
    stopping.wait_until_idle(GRACE_S)
    sys.stdout.flush()
    os._exit(0)  # threads in a long poll would hold the interpreter up for seconds


if __name__ == "__main__":
    main()
