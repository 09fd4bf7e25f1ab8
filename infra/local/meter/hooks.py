"""What tells the meter: AWS calls, SQL statements, calls of providers, logs. Through doors that the libraries offer.

Nothing of this is there in a process that is not metered.
"""

import io
import json
import re
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO
from urllib.parse import urlsplit

import boto3
import psycopg

from infra.local.meter.counters import Meter
from infra.local.meter.units import units_of

REQUEST_LINE = re.compile(rb"[A-Z]+ /(\w+)\S* HTTP/1\.1\r\n")
METRIC = '"_aws"'


def hear_aws(meter: Meter) -> None:
    """Counts what every boto3 client sends that is made from now on, each try that AWS answered.

    boto3's default session hands its handlers on to its clients (botocore, hooks and events).
    """
    boto3.setup_default_session()

    def begin(params: Mapping[str, Any], context: Any, **_: Any) -> None:
        context["metered"] = (params, time.perf_counter())

    def answered(event_name: str, parsed_response: Mapping[str, Any] | None, context: Any, **_: Any) -> None:
        if parsed_response is None or parsed_response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            return
        service, operation = event_name.split(".")[1:]
        meter.add({"aws_calls": 1, **units_of(service, operation, context["metered"][0], parsed_response)})

    def ended(context: Any, **_: Any) -> None:
        meter.add({"aws_us": _microseconds_since(context["metered"][1])})

    events = boto3.DEFAULT_SESSION.events
    events.register("before-parameter-build", begin)
    events.register("response-received", answered)
    events.register("after-call", ended)
    events.register("after-call-error", ended)


def hear_sql(meter: Meter) -> None:
    """Counts the statements of every connection that the kernel opens from now on, and how long they took."""
    from chalicelib.kernel import database

    class MeteredCursor(psycopg.Cursor[Any]):
        """Counts what it executes."""

        def execute(self, *args: Any, **kwargs: Any) -> Any:
            """See `psycopg.Cursor.execute`."""
            started = time.perf_counter()
            try:
                return super().execute(*args, **kwargs)
            finally:
                meter.add({"sql_statements": 1, "sql_us": _microseconds_since(started)})

    database.cursor_factory = MeteredCursor


def hear_providers(meter: Meter, base_urls: Mapping[str, str]) -> None:
    """Counts requests to providers, by the audit events of the standard library (docs: Audit events table).

    `base_urls`: name -> URL. A mail is a connection to the SMTP server.
    """
    by_door = {(port_of(url), urlsplit(url).path.strip("/")): name for name, url in base_urls.items()}
    doors = {port for port, _ in by_door}

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "smtplib.connect":
            meter.add({"provider_calls smtp": 1})
        elif event == "http.client.send" and arguments[0].port in doors and isinstance(arguments[1], bytes):
            line = REQUEST_LINE.match(arguments[1])
            name = line and by_door.get((arguments[0].port, line[1].decode()))
            if name:
                meter.add({f"provider_calls {name}": 1})

    sys.addaudithook(audit)


def port_of(url: str) -> int:
    """The port of a URL of the local stage, where each has one."""
    port = urlsplit(url).port
    assert port is not None
    return port


class MeteredStream(io.TextIOBase):
    """Standard output as CloudWatch Logs would take it in: bytes, lines, and the metrics that lines carry."""

    def __init__(self, stream: TextIO, meter: Meter) -> None:
        self._stream, self._meter = stream, meter

    def write(self, text: str) -> int:
        """Counts, then writes."""
        counts = {"log_bytes": len(text.encode("utf-8", "replace")), "log_events": text.count("\n")}
        if METRIC in text:
            counts |= {f"metric {name}": 1 for name in metric_names(text)}
        self._meter.add(counts)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flushes what is below."""
        self._stream.flush()

    def fileno(self) -> int:
        """That of the stream below."""
        return self._stream.fileno()


def metric_names(text: str) -> list[str]:
    """The metrics of embedded-metric lines, each with the values of its dimensions: CloudWatch bills them apart."""
    named = []
    for line in filter(lambda line: METRIC in line, text.splitlines()):
        said: dict[str, Any] = json.loads(line)
        for directive in said["_aws"]["CloudWatchMetrics"]:
            sets = [[f"{name}={said[name]}" for name in names] for names in directive["Dimensions"]]
            named += [" ".join([metric["Name"], *values]) for metric in directive["Metrics"] for values in sets]
    return named


def hear_logs(meter: Meter) -> None:
    """Counts what is written to standard output and error from now on; call it before loggers take hold of them."""
    sys.stdout, sys.stderr = MeteredStream(sys.stdout, meter), MeteredStream(sys.stderr, meter)


def _microseconds_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1_000_000)
