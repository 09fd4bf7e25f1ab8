"""How long a piece of work may take in all: nobody waits longer for us than the gateway and the lease allow.

Each call outside has time-outs of its own; what bounds their sum is that no call begins which may end after the deadline.
A slow answer that trickles in byte by byte is what this cannot see; Lambda's own time-out ends that.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chalicelib.kernel.errors import Unavailable

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bounds the calls outside of this block, of a function as its decorator; an earlier bound around it stays."""
    token = _ends_at.set(min(_ends_at.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends_at.reset(token)


def remaining_s() -> float:
    """Seconds until the deadline of this thread's work, infinite where there is none."""
    return _ends_at.get() - time.monotonic()


def check(takes_s: float) -> None:
    """Raises Unavailable unless a call that takes at most `takes_s` seconds ends in time."""
    if remaining_s() < takes_s:
        raise Unavailable("Too much time has passed already; please try again")
