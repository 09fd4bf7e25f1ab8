"""What the meter counted between two looks at it, and the day played in between."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import urllib3

from chalicelib.kernel.schedules import INTERVALS_S
from infra.bench.platform import ROOT, running
from infra.cost.prices import CostError
from infra.local.meter.units import WRITE_BYTES

IDLE_S = 15.0
SETTLE_S = 3.0
"""After a day: for what it set off and nobody waits for, such as the reports of delivered messages."""

Parts = dict[tuple[str, str], Counter[str]]
"""(function, part) -> measures."""


@dataclass(frozen=True)
class Sample:
    """The counts of a stretch of time."""

    parts: Parts
    database: dict[str, int]
    seconds: float
    messages: dict[str, int]
    """SMS and mails that reached the doubles."""


@dataclass(frozen=True)
class Measured:
    """A stretch without callers, and days one by one."""

    idle: Sample
    days: list[Sample]


@contextmanager
def platform() -> Iterator[str]:
    """A metered stage of our own with the demo company; its URL. COST_URL names one that runs already instead.

    Either has played a day: that loads every module and opens every connection, which Lambda does at cold starts.
    """
    given = os.environ.get("COST_URL")
    if given:
        _play(given.rstrip("/"))
        yield given.rstrip("/")
        return
    with running(METER="1", LIMITS="on") as port:  # plays the day when it starts
        yield f"http://127.0.0.1:{port}"


def measure(base_url: str, plays: int, *, idle_s: float = IDLE_S) -> Measured:
    """Watches the stage while nobody calls, then plays the day `plays` times. Raises CostError when one fails."""
    before = _look(base_url)
    time.sleep(idle_s)
    looks = [_look(base_url)]
    for _ in range(plays):
        _play(base_url)
        looks.append(_look(base_url))
    days = [_between(*pair) for pair in itertools.pairwise(looks)]
    return Measured(_with_rare_schedules(_between(before, looks[0]), before.parts), days)


def _with_rare_schedules(idle: Sample, ever: Parts) -> Sample:
    """What did not run while we watched (a schedule of an hour runs once a minute here) is told by its runs before."""
    rare = {(name, ""): ever[name, ""] for name in INTERVALS_S if (name, "") in ever}
    return replace(idle, parts={**rare, **idle.parts})


@dataclass(frozen=True)
class _Look:
    at: float
    parts: Parts
    database: dict[str, int]
    messages: dict[str, int]


def _look(base_url: str) -> _Look:
    counted = _get(f"{base_url}/sandbox/meter")
    if counted["largest_item_bytes"] > WRITE_BYTES:
        raise CostError("an item of the table takes more than one write unit: have DynamoDB say what updates consume")
    parts = {(f, p): Counter(c) for f, by_part in counted["functions"].items() for p, c in by_part.items()}
    kinds = Counter(item["kind"] for item in _get(f"{base_url}/sandbox/inbox?limit=100000")["items"])
    return _Look(time.monotonic(), parts, counted["database"], {kind: kinds[kind] for kind in ("sms", "mail")})


def _between(before: _Look, after: _Look) -> Sample:
    parts = {}
    for key, counts in after.parts.items():
        grown = Counter(counts)
        grown.subtract(before.parts.get(key, {}))
        parts[key] = Counter({measure: number for measure, number in grown.items() if number})
    database = {name: number - before.database[name] for name, number in after.database.items()}
    messages = {kind: number - before.messages[kind] for kind, number in after.messages.items()}
    return Sample({key: counts for key, counts in parts.items() if counts}, database, after.at - before.at, messages)


def _play(base_url: str) -> None:
    environment = {**os.environ, "PORT": base_url.rsplit(":", 1)[1]}
    command = [sys.executable, "-m", "infra.local", "day"]
    played = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if played.returncode:
        raise CostError(f"the day was not played to its end: {played.stderr.strip()[-500:]}")
    time.sleep(SETTLE_S)


def _get(url: str) -> Any:
    reply = urllib3.request("GET", url, retries=False, timeout=30)
    if reply.status != 200:
        raise CostError(f"{url} answers {reply.status}: {reply.data[:200].decode(errors='replace')}")
    return json.loads(reply.data)
