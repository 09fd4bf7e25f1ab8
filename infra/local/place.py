"""The data directory of one platform: made, tried, and taken by one process at a time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.local.errors import StageError


def prepare(data_dir: Path) -> None:
    """Makes the directory and its log folder. Raises StageError when we cannot write there."""
    try:
        data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        (data_dir / "logs").mkdir(mode=0o700, exist_ok=True)
        probe = data_dir / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StageError(
            f"DATA_DIR {data_dir} cannot be used ({reason}): choose another one, DATA_DIR=/path."
        ) from None


@contextmanager
def taken(data_dir: Path) -> Iterator[None]:
    """Holds the directory for this process. Raises StageError when another platform runs on it."""
    handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StageError(
                f"A platform already runs on {data_dir} (process {_read(handle)}): stop it with `make stop`, or choose"
                " another DATA_DIR."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)
        yield
    finally:
        os.close(handle)


def running_pid(data_dir: Path) -> int | None:
    """The process of the platform that runs on the directory, None when none does."""
    with suppress(OSError):
        handle = os.open(data_dir / "lock", os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _read(handle)
            return int(pid) if pid.isdigit() else None
        finally:
            os.close(handle)
    return None


def say_ready(data_dir: Path) -> None:
    """Notes that the platform of this process has come up."""
    (data_dir / "ready").write_text(str(os.getpid()), encoding="ascii")


def check_ready(data_dir: Path) -> None:
    """Raises StageError unless a platform runs on the directory and has come up."""
    pid = running_pid(data_dir)
    if pid is None:
        raise StageError(f"No platform runs on {data_dir}: start one with `make run`.")
    try:
        is_ready = (data_dir / "ready").read_text(encoding="ascii") == str(pid)
    except OSError:
        is_ready = False
    if not is_ready:
        raise StageError(f"The platform on {data_dir} is still starting: wait until it says that it is ready.")


def wait_until_left(data_dir: Path, patience_s: float) -> bool:
    """Whether nobody runs on the directory any more before the time is over."""
    deadline = time.monotonic() + patience_s
    while running_pid(data_dir) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _read(handle: int) -> str:
    return os.pread(handle, 32, 0).decode("ascii", "replace").strip()
