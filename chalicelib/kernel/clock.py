"""The business's clock: the only place that asks what time it is.

Business time, not machine time: on the local and test stages the clock can be moved for every process at once, through
a file that holds an offset in seconds (`Settings.clock_file`).
"""

import os
import time
from datetime import UTC, datetime, timedelta

from chalicelib.kernel.settings import settings

APART_MAX = timedelta(minutes=2)
"""No two of our machines' clocks differ by as much: what claims to be that much later was written before the clock was
set back. Longer than any lease or pause before something is sent again."""

_offset: tuple[float, int, float] = (0.0, 0, 0.0)
"""(monotonic time of the last look, mtime in ns, offset in seconds)"""


def now() -> datetime:
    """Aware UTC time of the business."""
    return datetime.fromtimestamp(timestamp(), UTC)


def timestamp() -> float:
    """Seconds since the epoch on the business's clock, for tokens and signatures."""
    return time.time() + _offset_seconds()


def machine_s() -> float:
    """Seconds since the epoch on the machine's clock, for what a moved business clock must not touch (kernel/circuit.py)."""
    return time.time()


def _offset_seconds() -> float:
    """The offset of the clock file, read again at most every 50 ms and only when it changed."""
    global _offset
    path = settings().clock_file
    if not path or not settings().is_local:
        return 0.0
    looked_at, mtime, offset = _offset
    if time.monotonic() - looked_at < 0.05:
        return offset
    try:
        changed = os.stat(path).st_mtime_ns
        if changed != mtime:
            with open(path, encoding="ascii") as file:
                offset = float(file.read().strip() or 0)
    except FileNotFoundError:
        changed, offset = 0, 0.0
    _offset = (time.monotonic(), changed, offset)
    return offset
