"""How often API keys are used and when last, without a statement per request.

A process counts in its memory and adds what it has counted to a counter in DynamoDB: the first use of a key at once, what comes
within the next minute with the first request after it, whoever's. So a key that is used once in a while is seen with every use,
and a busy one costs a call a minute and process. The counters only grow; a schedule compares them with what it has written down
already (`identity.write_down_uses`), so it may run twice, or die in between, and no use is counted twice.

A process that dies takes with it what it has counted since its last call: of each key, uses of one minute at most. A table
that does not answer costs nothing but the delay until it does. A counter that is lost begins anew and loses what was not
written down yet.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from chalicelib.kernel import clock, dynamo

GATHERED_S = 60.0
KEPT_S = 90 * 24 * 3600
"""A counter that nobody adds to any more; what it says was written down long before."""
PARTITION = "key-uses"


@dataclass(frozen=True)
class Uses:
    """A counter of one key: when it began (milliseconds since 1970), what it stands at, when the key was last used."""

    started: int
    uses: int
    last_used_at: datetime


@dataclass
class _Gathered:
    """Uses of a key that were not added yet, and when the last of them was."""

    uses: int = 0
    last_ms: int = 0

    def take_in(self, other: "_Gathered") -> None:
        self.uses, self.last_ms = self.uses + other.uses, max(self.last_ms, other.last_ms)


class Tally:
    """What one process has counted and not yet added. Safe for threads."""

    def __init__(self, gathered_s: float = GATHERED_S) -> None:
        self._gathered_s = gathered_s
        self._lock = threading.Lock()
        self._gathered: dict[str, _Gathered] = {}
        self._added_at: dict[str, float] = {}

    def note(self, organization_id: int, key_id: int) -> None:
        """Counts a use, and adds what is due."""
        self._keep(f"{organization_id}#{key_id}", _Gathered(1, int(clock.timestamp() * 1000)))
        self.add_due()

    def add_due(self) -> None:
        """Adds what is due to the counters. Never fails, and asks nobody for as long as the table is away."""
        if not self._gathered:
            return
        now = time.monotonic()
        with self._lock:
            due = {key: each for key, each in self._gathered.items() if self._is_due(key, now)}
            for key in due:
                del self._gathered[key]
                self._added_at[key] = now
        for key, gathered in due.items():
            if not dynamo.ask_or(False, partial(_add, key, gathered)):
                self._keep(key, gathered)  # for the next minute's call; nobody knows whether this one came through

    def _is_due(self, key: str, now: float) -> bool:
        return key not in self._added_at or now - self._added_at[key] >= self._gathered_s

    def _keep(self, key: str, more: _Gathered) -> None:
        with self._lock:
            self._gathered.setdefault(key, _Gathered()).take_in(more)


_tally = Tally()


def note(organization_id: int, key_id: int) -> None:
    """Counts a use of a key in this process."""
    _tally.note(organization_id, key_id)


def add_due() -> None:
    """Adds what this process has counted for long enough; nothing, and at no cost, when it has counted nothing."""
    _tally.add_due()


def _add(key: str, gathered: _Gathered) -> bool:
    dynamo.grow(PARTITION, key, gathered.uses, last_ms=gathered.last_ms, lasts_s=KEPT_S)
    return True


def counted() -> Mapping[tuple[int, int], Uses]:
    """Every counter by organization and key. Raises Unavailable where the table cannot be reached."""
    with dynamo.required():
        items = dynamo.list_numbers(PARTITION)
    found = {}
    for key, numbers in items.items():
        organization_id, _, key_id = key.partition("#")
        last_used_at = datetime.fromtimestamp(numbers["last_at"] / 1000, UTC)
        found[int(organization_id), int(key_id)] = Uses(numbers["started"], numbers["hits"], last_used_at)
    return found
