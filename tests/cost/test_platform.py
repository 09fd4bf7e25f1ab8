"""A metered platform plays the day; what the meter counted is what others saw: the kernel's log, the doubles, the books."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from infra.bench.platform import running
from infra.cost import cloud, samples, sheet
from infra.cost.samples import Measured
from infra.cost.usage import OWN_QUESTIONS
from infra.local.demo.company import PASSWORD

STATEMENTS = {
    "GET /api/products": 4,
    "GET /api/v1/inventory_levels": 4,
    "GET /api/v2/jobs": 4,
    "GET /api/packing/order/{barcode}": 4,
    "POST /api/packing/verify": 6,
    "POST /api/packing/complete": 7,
    "POST /api/picking/confirm": 9,
    "POST /api/picking/wave-create": 14,
    "POST /api/shipping/fulfill": 10,
    "POST /api/v1/orders": 7,
    "POST /api/v1/orders/{order_id}/reserve": 10,
    "POST /api/webhooks/stripe": 5,
}
"""Statements of one call. More are a reason to look: each costs a way to the database and back."""
CALLS = {
    "POST /api/orders": 14,
    "POST /api/payments/create-intent": 3,
    "POST /api/payments/confirm": 2,
    "POST /api/packing/complete": 3,
    "POST /api/shipping/fulfill": 3,
    "POST /api/sms/status-callback": 6,
    "POST /api/webhooks/stripe": 10,
    "POST /api/v1/orders": 1,
}


@dataclass
class Played:
    """A platform after two days, and what was measured of the second."""

    url: str
    data_dir: Path
    measured: Measured

    @property
    def day(self) -> samples.Sample:
        return self.measured.days[0]

    def get(self, path: str, **headers: str) -> Any:
        reply = urllib3.request("GET", f"{self.url}{path}", headers=headers, retries=False)
        assert reply.status == 200, reply.data
        return json.loads(reply.data)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("metered")
    with running(METER="1", LIMITS="on", DATA_DIR=str(folder)) as port:
        url = f"http://127.0.0.1:{port}"
        yield Played(url, folder, samples.measure(url, 1, idle_s=3))


def logged(played: Played) -> list[dict[str, Any]]:
    """The kernel's own line for each request since the start."""
    lines = (played.data_dir / "logs" / "gateway.log").read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line.get("message") == "request"]


def test_requests_and_statements_are_those_of_the_kernels_log(played: Played) -> None:
    counted = played.get("/sandbox/meter")["functions"]["api"]
    requests, statements = Counter[str](), Counter[str]()
    for line in logged(played):
        requests[line["route"]] += 1
        statements[line["route"]] += line["sql"]
    assert {route: counts["invocations"] for route, counts in counted.items()} == requests
    assert {route: counts.get("sql_statements", 0) for route, counts in counted.items()} == statements


def test_statements_and_calls_of_the_day_are_known(played: Played) -> None:
    found = {route: played.day.parts["api", route] for route in {*STATEMENTS, *CALLS}}
    assert {route: found[route]["sql_statements"] / found[route]["invocations"] for route in STATEMENTS} == STATEMENTS
    assert {route: found[route]["invocations"] for route in CALLS} == CALLS


def test_what_was_sent_is_what_the_doubles_received(played: Played) -> None:
    sent = Counter[str]()
    for counts in played.day.parts.values():
        sent.update({name: number for name, number in counts.items() if name.startswith("provider_calls ")})
    assert sent["provider_calls twilio"] == played.day.messages["sms"] == 3
    assert sent["provider_calls smtp"] == played.day.messages["mail"] == 3
    counted = played.get("/sandbox/meter")["functions"]
    published = sum(c.get("iot_publishes", 0) for parts in counted.values() for c in parts.values())
    assert published == len(played.get("/sandbox/inbox?kind=mqtt&limit=2000")["items"])


def test_what_the_relay_carried_is_what_the_books_know(played: Played) -> None:
    body = json.dumps({"username": "m.okafor", "password": PASSWORD})
    headers = {"Content-Type": "application/json"}
    reply = urllib3.request("POST", f"{played.url}/api/auth/login", body=body, headers=headers)
    books = played.get("/api/books", Authorization=f"Bearer {json.loads(reply.data)['token']}")
    counted = played.get("/sandbox/meter")["functions"]
    relayed = counted["relay_outbox"][""]
    assert relayed["sqs_messages"] + relayed["eventbridge_events"] == books["outbox"]["rows"]
    worked = sum(
        c["invocations"]
        for name, parts in counted.items()
        if name.endswith("_queue")
        for part, c in parts.items()
        if part
    )
    assert worked == relayed["sqs_messages"]


def test_nothing_that_was_called_is_unknown(played: Played) -> None:
    measures = {measure for counts in played.day.parts.values() for measure in counts}
    assert [measure for measure in measures if measure.startswith("unknown")] == []


def test_the_days_sheet(played: Played) -> None:
    made = sheet.make(played.measured, cloud.templates())
    assert [made.placed, made.shipped] == [12, 3]
    assert made.kinds.keys() == {"reads", "writes", "sign-ins", "webhooks in", "work from queues"}
    asked = {part for _, part in played.day.parts} & OWN_QUESTIONS
    assert asked
    assert not asked & {piece.part for piece, _ in made.pieces}


def test_a_platform_that_is_not_metered_says_so(tmp_path: Path) -> None:
    from infra.local import sandbox

    os.environ.pop("QM_METER", None)
    answer = sandbox.answer("GET", "/sandbox/meter", b"", b"")
    assert (answer.status, b"METER=1" in answer.body) == (422, True)
