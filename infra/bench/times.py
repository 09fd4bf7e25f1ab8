"""How long the calls of a mix take, for several clients at once, and the table of it."""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

WHOLE = "the whole cycle"
"""The name of what is no call but a round of them."""


@dataclass
class Times:
    """Milliseconds by call, of all clients."""

    of: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def taking(self, name: str) -> Iterator[None]:
        """Notes how long the block takes."""
        started = time.perf_counter()
        yield
        self.of[name].append((time.perf_counter() - started) * 1000)


def print_table(title: str, measured: Mapping[int, Times], seconds: float) -> list[str]:
    """Prints p50 and p95 of every call at each number of clients, and requests per second; what failed."""
    heads = "".join(f"{f'{n} clients':>22}" for n in measured)
    print(f"\n{f'{title} (p50 / p95 ms)':<44}{heads}")
    for name in next(iter(measured.values())).of:
        print(f"{name:<44}{''.join(f'{_p50_p95(taken.of.get(name, [])):>22}' for taken in measured.values())}")
    cells = "".join(f"{_per_second(taken, seconds):>22.0f}" for taken in measured.values())
    print(f"{'requests per second':<44}{cells}", flush=True)
    return [failure for taken in measured.values() for failure in taken.failures]


def _p50_p95(times: list[float]) -> str:
    if not times:
        return "-"
    slices = statistics.quantiles(times, n=20) if len(times) > 1 else times * 19
    return f"{slices[9]:.1f} / {slices[18]:.1f}"


def _per_second(times: Times, seconds: float) -> float:
    return sum(len(taken) for name, taken in times.of.items() if name != WHOLE) / seconds
