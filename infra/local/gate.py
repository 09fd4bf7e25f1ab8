"""Lets the pumps work, or a reset, but not both; and tells the pumps that what they hold is from before a reset.

A lock on a file (flock(2)): each piece of work holds it shared, a reset exclusively. The file's content is the time of
the last reset.
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

    @contextmanager
    def work(self) -> Iterator[int]:
        """Holds resets off. Yields when the last one ended, in milliseconds since the epoch; 0: never.

        What came into being before that moment is to be dropped.
        """
        handle = os.open(self._file, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield int(os.pread(handle, 32, 0) or 0)
        finally:
            os.close(handle)

    @contextmanager
    def reset(self, *, patience_s: float = 1.0) -> Iterator[None]:
        """Holds work off, and notes when the block ended well. Work is waited for, but not above `patience_s`."""
        handle = os.open(self._file, os.O_RDWR)
        try:
            _lock_patiently(handle, patience_s)
            yield
            os.pwrite(handle, str(int(time.time() * 1000)).encode("ascii"), 0)
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
