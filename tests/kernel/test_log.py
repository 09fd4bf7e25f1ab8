"""Logs and metrics: one line a request, ids only, no word of what a caller sent."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from pydantic import TypeAdapter

from chalicelib.kernel.endpoint import Call
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.log import count, logger
from tests.factories.identity import make_api_key
from tests.kernel.apps import KernelClient
from tests.kernel.handlers import Anything, script
from tests.planted import Watch, leak
from tests.tenant import Tenant

SECRET = "Ana Reyes <ana@example.com>"
INSERT = "INSERT INTO kernel_note (name) VALUES (%(name)s)"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What is logged, as deployed: what is worth knowing, from INFO upwards."""
    (handler,) = (h for h in logger.handlers if isinstance(h, logging.StreamHandler))
    level, written = handler.level, StringIO()
    usual = handler.setStream(written)
    handler.setLevel("INFO")
    yield written
    handler.setLevel(level)
    handler.setStream(usual)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_request_writes_one_line(kernel: KernelClient, tenant: Tenant, log: StringIO) -> None:
    caller = kernel.as_key(make_api_key(tenant))
    reply = caller.post(f"/api/kernel/keyed/{script(lambda _: 1)}?said={SECRET}", {"said": SECRET}, idempotency_key="k")
    (line,) = lines(log.getvalue())
    assert (line["message"], line["request_id"]) == ("request", reply.headers["X-Request-Id"])
    assert (line["route"], line["status"], line.get("code")) == ("POST /api/kernel/keyed/{name}", 200, None)
    assert (line["actor"].split(":")[0], line["sql"], line["runs"]) == ("api_key", reply.statements, 1)
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize(
    "path", ["/api/kernel/nowhere?token=hunter2", "/api/kernel/parcels/hunter2", "/api/v1/hunter2"]
)
def test_paths_and_queries_stay_out_of_the_log(kernel: KernelClient, log: StringIO, path: str) -> None:
    kernel.get(path)
    written = log.getvalue()
    assert '"message":"request"' in written
    assert "hunter2" not in written


def test_a_refusal_is_told_by_its_code(kernel: KernelClient, log: StringIO) -> None:
    def refuse(_call: Call[Anything]) -> None:
        raise Conflict(SECRET)

    kernel.post(f"/api/kernel/scripts/{script(refuse)}", {})
    (line,) = lines(log.getvalue())
    assert (line["status"], line["code"], SECRET in json.dumps(line)) == (409, "conflict", False)


def taken_name(call: Call[Anything]) -> None:
    """PostgreSQL says: Key (organization_id, name)=(7, Ana Reyes ...) already exists."""
    for _ in range(2):
        call.uow.execute(INSERT, {"name": SECRET})


def wrong_value(_call: Call[Anything]) -> None:
    """pydantic says: input_value='Ana Reyes ...'."""
    TypeAdapter(int).validate_python(SECRET)


def chained(_call: Call[Anything]) -> None:
    """The traceback would say both."""
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise ValueError(SECRET) from error


@pytest.mark.parametrize(
    ("fault", "name", "fields"),
    [
        (taken_name, "UniqueViolation", {"sqlstate": "23505", "constraint": "kernel_note_pkey"}),
        (wrong_value, "ValidationError", {"sqlstate": None, "constraint": None}),
        (chained, "ValueError", {"cause": "KeyError"}),
    ],
)
def test_a_surprise_is_told_without_the_words_of_the_exception(
    kernel: KernelClient, log: StringIO, fault: Any, name: str, fields: dict[str, Any]
) -> None:
    assert kernel.post(f"/api/kernel/scripts/{script(fault)}", {}).status == 500
    written = log.getvalue()
    (line,) = [json.loads(text) for text in written.splitlines() if '"message":"surprise"' in text]
    assert (line["exception_name"], {field: line.get(field) for field in fields}) == (name, fields)
    assert fault.__name__ in line["exception"]  # where it came about
    assert "Ana" not in written


def test_the_local_stage_shows_everything(kernel: KernelClient, log: StringIO, configured: Any, watch: Watch) -> None:
    with configured(QM_STAGE="local"):
        kernel.post(f"/api/kernel/scripts/{script(wrong_value)}", {})
    assert SECRET in log.getvalue()
    assert [found.split(":")[0] for found in watch.take()] == ["quartermaster a name"]


@pytest.mark.parametrize(
    "name", ["psycopg", "botocore.endpoint", "boto3", "urllib3.connectionpool", "stripe", "twilio.http_client"]
)
def test_libraries_that_log_bodies_say_warnings_only(name: str, watch: Watch) -> None:
    """The level of the root is DEBUG here, as it is in Lambda when somebody looks for a mistake."""
    before = watch.lines
    logging.getLogger(name).info("%s", SECRET)
    assert (watch.lines, watch.take()) == (before, [])
    assert logging.getLogger(name).isEnabledFor(logging.WARNING)


def test_the_watch_sees_every_level_and_every_logger(watch: Watch) -> None:
    for say in (logger.debug, logger.info, logging.getLogger("chalicelib.somewhere").debug):
        say("hello", extra={"who": SECRET})
        assert len(watch.take()) == 1


@pytest.mark.parametrize(
    "line",
    [
        "Key (email)=(ana@example.com)",
        "to +12125550142",
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
        "qmk_abc",
        "4242424242424242",
    ],
)
def test_a_planted_value_is_found_in_a_line(line: str) -> None:
    assert leak(line) is not None


def test_ids_are_no_planted_values() -> None:
    ids = '"request_id":"4242ab42-4242-4242-8242-424242424242","actor":"staff:12","ms":12.4'
    assert leak(f'{{{ids},"route":"GET /api/auth/verify-email/{{token}}"}}') is None


def test_a_metric_is_one_line_in_cloudwatchs_format(capsys: pytest.CaptureFixture[str]) -> None:
    count("DeadLetter", 2, topic="orders.shipped")
    (line,) = lines(capsys.readouterr().out)
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Quartermaster", [["stage"], ["stage", "topic"]])
    assert (metrics["Metrics"], line["DeadLetter"]) == ([{"Name": "DeadLetter", "Unit": "Count"}], 2)
    assert (line["stage"], line["topic"], line["_aws"]["Timestamp"] > 10**12) == ("test", "orders.shipped", True)
