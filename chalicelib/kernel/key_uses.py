"""How often API keys are used and when last, without a statement per request.

A process counts in its memory and adds what it has counted to a counter in DynamoDB: the first use of a key at once, what comes
within the next minute together with the first use after it. So a key that is used once in a while is seen with every use, and a
busy one costs a call a minute and process. The counters only grow; a schedule compares them with what it has written down
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


class Tally:
    """What one process has counted and not yet added. Safe for threads."""

    def __init__(self, gathered_s: float = GATHERED_S) -> None:
        self._gathered_s = gathered_s
        self._lock = threading.Lock()
        self._gathered: dict[str, int] = {}
        self._added_at: dict[str, float] = {}

    def note(self, organization_id: int, key_id: int) -> None:
        """Counts a use; adds what is due to the counters. Never fails, and asks nobody for as long as the table is away."""
        key, now = f"{organization_id}#{key_id}", time.monotonic()
        with self._lock:
            self._gathered[key] = self._gathered.get(key, 0) + 1
            due = {k: uses for k, uses in self._gathered.items() if self._is_due(k, now)}
            for each in due:
                del self._gathered[each]
                self._added_at[each] = now
        for each, uses in due.items():
            if not dynamo.ask_or(False, partial(_add, each, uses)):
                self._keep(each, uses)

    def _is_due(self, key: str, now: float) -> bool:
        return key not in self._added_at or now - self._added_at[key] >= self._gathered_s

    def _keep(self, key: str, uses: int) -> None:
        """For the next minute's call: this one did not come through, or nobody knows whether it did."""
        with self._lock:
            self._gathered[key] = self._gathered.get(key, 0) + uses


_tally = Tally()


def note(organization_id: int, key_id: int) -> None:
    """Counts a use of a key in this process."""
    _tally.note(organization_id, key_id)


def _add(key: str, uses: int) -> bool:
    dynamo.grow(PARTITION, key, uses, now_ms=int(clock.timestamp() * 1000), lasts_s=KEPT_S)
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
