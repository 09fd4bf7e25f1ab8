"""Counters of one process, kept in a file of its own, so that everybody may read their sum.

What is counted belongs to a piece of work: a function as Lambda knows it and a part of it (a route, a topic). Work is
done in one thread from its start to its end, as in Lambda.
"""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

Counts = dict[str, dict[str, dict[str, int]]]
"""function -> part -> measure -> how many."""


class Work(NamedTuple):
    """Who something is counted for."""

    function: str
    part: str = ""


NOBODY = Work("outside")
"""What happens outside of every function: the pumps' own polling, for instance."""


class Meter:
    """The counters of this process, used by all of its threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._file = folder / f"{os.getpid()}.json"
        self._counted: Counter[tuple[Work, str]] = Counter()
        self._lock = threading.Lock()
        self._thread = threading.local()

    @contextmanager
    def working(self, work: Work) -> Iterator[None]:
        """Counts what this thread does for `work`; at its end the file says so."""
        self._thread.work = work
        try:
            yield
        finally:
            self._thread.work = NOBODY
            self.flush()

    def add(self, counts: Mapping[str, int], work: Work | None = None) -> None:
        """Adds to the measures of `work`, by default of the work that this thread does."""
        whose: Work = getattr(self._thread, "work", NOBODY) if work is None else work
        with self._lock:
            for measure, number in counts.items():
                self._counted[whose, measure] += number

    def flush(self) -> None:
        """Writes the file anew, whole or not at all."""
        with self._lock:
            draft = self._file.with_suffix(".tmp")
            draft.write_text(json.dumps(_nested(self._counted)), encoding="utf-8")
            draft.replace(self._file)


def summed(folder: Path) -> Counts:
    """What all processes have counted since the stage started."""
    total: Counter[tuple[Work, str]] = Counter()
    for file in folder.glob("*.json"):
        for function, parts in json.loads(file.read_text(encoding="utf-8")).items():
            for part, counts in parts.items():
                total.update({(Work(function, part), measure): number for measure, number in counts.items()})
    return _nested(total)


def _nested(counted: Mapping[tuple[Work, str], int]) -> Counts:
    nested: Counts = {}
    for (work, measure), number in sorted(counted.items()):
        nested.setdefault(work.function, {}).setdefault(work.part, {})[measure] = number
    return nested
