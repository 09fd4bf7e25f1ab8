"""The meter against the wire: what it counts is what went to AWS, try by try."""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
import urllib3

from infra.local import environment, options, place, ports, resources
from infra.local.meter.counters import summed
from infra.local.options import ROOT
from infra.local.parts import Parts
from infra.local.supervisor import Supervisor


@dataclass
class Wire:
    """Stands before the emulator, notes each request by its operation, and fails those it is told to, once."""

    emulator: str
    seen: Counter[str] = field(default_factory=Counter)
    fail_once: set[str] = field(default_factory=set)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request, there and back."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        operation = self._operation(handler)
        self.seen[operation] += 1
        if operation in self.fail_once:
            self.fail_once.remove(operation)
            handler.send_response(500)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "host"}
        reply = urllib3.request(
            handler.command,
            self.emulator + handler.path,
            body=body,
            headers=headers,
            retries=False,
            decode_content=False,
        )
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.data)))
        handler.end_headers()
        handler.wfile.write(reply.data)

    @staticmethod
    def _operation(handler: BaseHTTPRequestHandler) -> str:
        """``DynamoDB_20120810.GetItem`` and the like; of S3 and IoT, which name none, the method and first folder."""
        target = handler.headers.get("X-Amz-Target", "")
        return target.rsplit(".")[-1] or f"{handler.command} {handler.path.split('/')[1]}"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The stage's AWS emulator, by its URL."""
    data_dir = tmp_path_factory.mktemp("aws")
    place.prepare(data_dir)
    chosen, numbers = options.from_environment({"DATA_DIR": str(data_dir)}), ports.choose(data_dir)
    supervisor = Supervisor(data_dir, print)
    part = Parts(chosen, numbers).aws(environment.for_children(chosen, numbers, {}, app_url="", owner_url=""))
    supervisor.launch(part)
    try:
        supervisor.wait_ready(part)
        yield f"http://127.0.0.1:{numbers['aws']}"
    finally:
        supervisor.stop()


@pytest.fixture
def wire(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire to an emulator in its first state."""
    urllib3.request("POST", f"{emulator}/_ministack/reset")
    made = Wire(emulator)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        do_GET = do_POST = do_PUT = lambda self: made.answer(self)  # noqa: N815  # http.server's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.emulator)
    resources.create(resources.Clients.of(boto3.Session()))
    yield made
    server.shutdown()
    server.server_close()


def metered(wire: Wire, folder: Path) -> "subprocess.CompletedProcess[str]":
    variables = {
        **os.environ,
        "AWS_ENDPOINT_URL": wire.url,
        "QM_METER": str(folder),
        "QM_STRIPE_API_BASE": "http://127.0.0.1:1/stripe",
        "QM_TWILIO_API_BASE": "http://127.0.0.1:1/twilio",
    }
    command = [sys.executable, "-m", "tests.cost.metered_work"]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True)


def test_the_meter_counts_what_went_over_the_wire(wire: Wire, tmp_path: Path) -> None:
    wire.fail_once = {"GetItem", "SendMessageBatch"}
    assert metered(wire, tmp_path).stdout == "said\nended\n"
    counts = summed(tmp_path)["work_queue"][""]

    # The throttle asks once to find nothing, once to begin, twice to add; each provider's circuit is looked at before a call;
    # two calls failed once and were tried again.
    assert wire.seen == {
        "UpdateItem": 3,
        "PutItem": 2,
        "GetItem": 6,
        "DeleteItem": 1,
        "GetQueueUrl": 1,
        "SendMessageBatch": 4,
        "PUT quartermaster": 1,
        "GET quartermaster": 2,
        "POST topics": 1,
    }
    assert counts["aws_calls"] == wire.seen.total() - 2
    measures = ("dynamodb_write_units", "dynamodb_read_half_units", "sqs_sends", "sqs_messages", "sqs_look_ups")
    assert {name: counts[name] for name in measures} == {
        "dynamodb_write_units": 3 + 1 + 2 + 2,  # the item of 2,000 bytes takes two units to write and two to remove
        "dynamodb_read_half_units": 6,
        "sqs_sends": 3,
        "sqs_messages": 25,
        "sqs_look_ups": 1,
    }
    assert (counts["s3_puts"], counts["s3_bytes_in"]) == (1, 5)
    assert (counts["s3_gets"], counts["s3_bytes_out"]) == (2, 5)
    assert (counts["iot_publishes"], counts["iot_messages"]) == (1, 4)
    assert not [name for name in counts if name.startswith("unknown")]


def test_what_a_process_says_is_counted_by_who_says_it(wire: Wire, tmp_path: Path) -> None:
    metered(wire, tmp_path)
    counted = summed(tmp_path)
    assert counted["outside"][""]["log_bytes"] == len("said\n")
    assert "log_bytes" not in counted["work_queue"][""]
