"""Named points at which a crash could lose or double an effect, so that tests can let one happen exactly there.

    faults.point("relay.marked")

A point does nothing until somebody puts an order for it into `Settings.fault_folder`, which the settings of a deployed
stage refuse. An order is a file ``<anything>.json`` (`Fault`); the process that carries it out renames it to
``<anything>.fired`` first, so that it happens once, in whatever process comes first, and not again after a restart.
"""

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.kernel.settings import settings

LOOK_EVERY_S = 0.05
_empty_at = -LOOK_EVERY_S
"""Monotonic time of the last look that found no orders."""
_passes: Counter[str] = Counter()
_counting = threading.Lock()


class Fault(BaseModel):
    """What shall happen, and at which pass of which point."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    point: str
    detail: str = ""
    """Only passes that say this of themselves: a topic, a path, who acts; empty: all of them."""
    process: str = ""
    """Only in processes of this kind (`Settings.process`); empty: in all."""
    number: int = Field(1, ge=1)
    """At the n-th such pass of one process since the order was given."""
    action: Literal["kill", "raise", "sleep"] = "kill"
    """``kill`` is SIGKILL, ``raise`` raises `FaultRaised`, ``sleep`` takes `seconds`."""
    seconds: float = Field(0.0, ge=0, le=120)


class FaultRaised(Exception):
    """The failure that was ordered."""


def point(name: str, detail: str = "") -> None:
    """A place in the code where a fault may be ordered. Costs nothing worth mentioning where there is no folder."""
    folder = settings().fault_folder
    if folder:
        _look(Path(folder), name, detail)


def _look(folder: Path, name: str, detail: str) -> None:
    """Looks for orders at every pass while there are any, else at most every 50 ms: passes are many."""
    global _empty_at
    if time.monotonic() - _empty_at < LOOK_EVERY_S:
        return
    try:
        orders = sorted(entry for entry in os.listdir(folder) if entry.endswith(".json"))
    except FileNotFoundError:
        orders = []
    if not orders:
        _empty_at = time.monotonic()
    due = [
        (order, fault) for order in orders if (fault := _read(folder / order)) and _is_due(order, fault, name, detail)
    ]
    for order, fault in due:
        if _take(folder / order):
            _happen(fault)
            return


def _read(order: Path) -> Fault | None:
    try:
        return Fault.model_validate_json(order.read_bytes())
    except FileNotFoundError:  # somebody else has carried it out
        return None


def _is_due(order: str, fault: Fault, name: str, detail: str) -> bool:
    """Whether this is the pass; counts it for this order, whatever other orders make of it."""
    if fault.point != name or fault.detail not in ("", detail) or fault.process not in ("", settings().process):
        return False
    with _counting:
        _passes[order] += 1
        return _passes[order] >= fault.number


def _take(order: Path) -> bool:
    """Whether it is ours to carry out."""
    try:
        order.rename(order.with_suffix(".fired"))
    except FileNotFoundError:
        return False
    return True


def _happen(fault: Fault) -> None:
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.action == "raise":
        raise FaultRaised(fault.point)
    time.sleep(fault.seconds)
