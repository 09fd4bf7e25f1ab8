"""Lets the pumps work, or a reset, but not both; and tells the pumps that what they hold is from before a reset.

A lock on a file (flock(2)): each piece of work holds it shared, a reset exclusively. The file's content is the number of
resets so far.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Gate:
    """The gate of one data directory; each thread and process opens the file for itself."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "gate"
        self._file.touch(exist_ok=True)

    def generation(self) -> int:
        """The number of resets so far."""
        return int(self._file.read_text(encoding="ascii") or 0)

    @contextmanager
    def work(self, generation: int) -> Iterator[bool]:
        """Holds resets off. Yields whether `generation` is still the present one; if not, drop what you hold."""
        handle = os.open(self._file, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield self.generation() == generation
        finally:
            os.close(handle)

    @contextmanager
    def reset(self, *, patience_s: float = 1.0) -> Iterator[None]:
        """Holds work off, and counts a reset that was completed. Work is waited for, but not above `patience_s`."""
        handle = os.open(self._file, os.O_RDWR)
        try:
            _lock_patiently(handle, patience_s)
            yield
            os.pwrite(handle, f"{self.generation() + 1}\n".encode("ascii"), 0)
        finally:
            os.close(handle)


def _lock_patiently(handle: int, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.005)
        else:
            return
