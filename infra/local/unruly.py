"""Queues at their worst, on demand: every message twice, late, in another order. SQS promises no better.

A standard queue delivers at least once and in any order (SQS developer guide, "At-least-once delivery", "Message
ordering"). ``queues.json`` in the data directory says how much of it: ``{"copies": 1, "late_s": 0.8, "seed": 7}``. Write it
with `order`: a file that is half written is a mistake like any other, and ends the pumps.
"""

import random
import threading
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Unruliness(BaseModel):
    """How messages are delivered from now on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    copies: int = Field(0, ge=0, le=5)
    """How many deliveries there are besides the one that counts."""
    late_s: float = Field(0.0, ge=0, le=20)
    """Each delivery waits for a time of chance up to this, which also shuffles them."""
    seed: int | None = None


CALM = Unruliness()


def order(data_dir: Path, wanted: Unruliness) -> None:
    """Lets a platform's queues behave so from now on; `CALM` ends it."""
    file, draft = data_dir / "queues.json", data_dir / "queues.draft"
    if wanted == CALM:
        file.unlink(missing_ok=True)
        return
    draft.write_text(wanted.model_dump_json(), encoding="utf-8")
    draft.replace(file)


class Unruly:
    """Delivers what it is given as the file says; without one at once and once."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "queues.json"
        self._text = b""
        self._said, self._chance = CALM, random.Random()

    def deliver(self, work: Callable[[], object], again: Callable[[], object]) -> None:
        """Calls `work` once, and `again` for each copy, maybe before it. Returns before that when they are late."""
        said = self._look()
        for call in (work, *[again] * said.copies):
            pause_s = self._chance.uniform(0, said.late_s)
            if said is CALM:
                call()
            else:
                timer = threading.Timer(pause_s, call)
                timer.daemon = True
                timer.start()

    def _look(self) -> Unruliness:
        try:
            text = self._file.read_bytes()
        except FileNotFoundError:
            self._text = b""
            return CALM
        if text != self._text:
            self._said = Unruliness.model_validate_json(text)
            self._text, self._chance = text, random.Random(self._said.seed)
        return self._said
