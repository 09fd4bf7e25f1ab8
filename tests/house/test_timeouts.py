"""Nobody waits for ever: every way out of the process has time-outs, and their sums fit into what we have."""

import ast
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters import bedrock, iot, llm, mail, objects, outbound, payments, ses, sms
from chalicelib.kernel import dynamo, jobs, pipeline, queues, sealing
from chalicelib.kernel.settings import Settings
from infra.local.resources import VISIBILITY_S
from tests.house.source import product

GATEWAY_S = 29.0
"""API Gateway waits no longer for its function (API Gateway quotas)."""
RECORDING_S = 5.0
"""For the transaction that records what a provider has answered."""
DOORS: dict[str, str | None] = {
    "boto3.client": "config",
    "smtplib.SMTP": "timeout",
    "smtplib.SMTP_SSL": "timeout",
    "_Bounded": "timeout",
    "TwilioHttpClient": "timeout",
    "stripe.RequestsClient": "timeout",
    "psycopg.connect": "connect_timeout",
    "urlopen": "timeout",
    "requests.get": "timeout",
    "requests.post": "timeout",
    "requests.request": "timeout",
    "socket.create_connection": "timeout",
    "self._dial": "timeout",
}
"""What opens a connection -> the argument that bounds it."""
CLIENTS: dict[str, Callable[[], Any]] = {
    "dynamodb": dynamo.client,
    "sqs": queues.client,
    "s3": objects.client,
    "iot-data": lambda: iot.IotCore()._client,
    "kms": sealing.client,
    "sesv2": ses.client,
    "bedrock-runtime": bedrock.client,
}
TAKES_S = {
    "stripe": payments.CONNECT_S + payments.READ_S,
    "twilio": 2 * sms.TIMEOUT_S,
    "smtp": mail.TIMEOUT_S,
    "ses": ses.TAKES_S,
    "llm": llm.TIMEOUT_S,
    "bedrock": bedrock.TAKES_S,
    "objects": objects.TAKES_S,
    "iot": iot.TAKES_S,
    "outbound": outbound.TIMEOUT_S,
}
"""The longest that one question to a provider may take."""


def worst_s(client: Any) -> float:
    """All tries of a botocore client, and the pauses between them (standard mode: 0 to 1, 2, 4 ... seconds)."""
    config = client.meta.config
    tries = config.retries["total_max_attempts"]
    return float(tries * (config.connect_timeout + config.read_timeout) + sum(2**n for n in range(tries - 1)))


def test_every_way_out_has_a_time_out() -> None:
    found, wrong = set(), []
    for source in product():
        for name, call in source.calls():
            if name in DOORS:
                found.add(name)
                if DOORS[name] not in {keyword.arg for keyword in call.keywords}:
                    wrong.append(f"{source.name}:{call.lineno} {name}")
    assert wrong == []
    assert found >= {"boto3.client", "_Bounded", "TwilioHttpClient", "stripe.RequestsClient", "psycopg.connect"}


def test_the_ways_out_are_known() -> None:
    """A module that can open connections is imported in a handful of places, all of them looked at above."""
    doors = {"smtplib", "boto3", "requests", "urllib.request", "http.client", "socket", "psycopg", "stripe", "twilio"}
    found = {
        (source.name, name.split(".")[0])
        for source in product()
        for node in ast.walk(source.tree)
        for name in _imported(node)
        if name in doors or name.split(".")[0] in doors
    }
    assert {module for _, module in found} == {
        "smtplib",
        "boto3",
        "requests",
        "http",
        "socket",
        "psycopg",
        "stripe",
        "twilio",
    }
    assert {name for name, module in found if module in ("http", "socket")} == {"chalicelib/adapters/outbound.py"}
    assert {name for name, module in found if module == "boto3"} == {
        "chalicelib/adapters/bedrock.py",
        "chalicelib/adapters/iot.py",
        "chalicelib/adapters/objects.py",
        "chalicelib/adapters/ses.py",
        "chalicelib/kernel/bus.py",
        "chalicelib/kernel/dynamo.py",
        "chalicelib/kernel/queues.py",
        "chalicelib/kernel/sealing.py",
        "chalicelib/kernel/vault.py",
    }


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.parametrize("service", CLIENTS)
def test_aws_clients_try_few_times_and_not_for_long(service: str, aws: None) -> None:
    client = CLIENTS[service]()
    assert client.meta.config.retries["mode"] == "standard"  # full jitter; the older mode has none
    most_s = {
        "dynamodb": 5.0,
        "sqs": 11.0,
        "s3": objects.TAKES_S,
        "iot-data": iot.TAKES_S,
        "kms": 7.0,
        "sesv2": ses.TAKES_S,
        "bedrock-runtime": bedrock.TAKES_S,
    }
    assert worst_s(client) <= most_s[service]


def test_a_request_ends_before_the_gateway_gives_up() -> None:
    """What a request may wait for is bounded by its deadline: no call begins that may end later (kernel/deadline.py)."""
    assert pipeline.REQUEST_S + RECORDING_S <= GATEWAY_S
    assert max(TAKES_S.values()) < pipeline.REQUEST_S - RECORDING_S  # one that is in time can ask everybody


def test_a_worker_ends_before_its_lease_and_that_before_the_message_returns() -> None:
    assert timedelta(seconds=jobs.WORK_S + RECORDING_S) < jobs.LEASE < timedelta(seconds=VISIBILITY_S)
    assert 2 * max(TAKES_S.values()) <= jobs.WORK_S  # a repeat looks first, then sends


def test_a_provider_is_left_alone_for_longer_than_a_call_takes() -> None:
    """Else the one who looks whether it is back would not be alone."""
    assert max(TAKES_S.values()) <= Settings.model_fields["circuit_open_s"].default
