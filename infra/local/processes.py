"""Child processes that never outlive their purpose.

Each child leads a process group of its own, so that ending it ends what it started. On Linux the kernel also
signals it when the one who started it dies, however that happened (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from infra.local.privileges import Account

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(signal_number: int = signal.SIGTERM) -> None:
    """Asks the kernel to signal this process when the thread that started it ends. Linux only."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def adopt_orphans() -> None:
    """Makes this process the parent of grandchildren whose parent died, so it can end them. Linux only."""
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(
    command: Sequence[str | Path],
    *,
    log: IO[bytes] | int,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    account: Account | None = None,
    death_signal: int = signal.SIGTERM,
) -> "subprocess.Popen[bytes]":
    """Starts a child in its own process group; both its outputs go to `log`.

    `account`: whom to become, when we are root. Call it from a thread that lives as long as the child should:
    the kernel looks at the thread, not at the process.
    """
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=None if environment is None else dict(environment),
        cwd=directory,
        process_group=0,
        preexec_fn=_in_child(os.getpid(), death_signal),
        **(account.popen_arguments() if account else {}),
    )


def _in_child(parent_pid: int, death_signal: int) -> Callable[[], None]:
    """What the child does between fork and exec, where only simple calls are safe."""

    def prepare() -> None:
        die_with_parent(death_signal)
        if os.getppid() != parent_pid:  # it died before we could ask
            os._exit(1)

    return prepare


def end(process: "subprocess.Popen[bytes]", *, polite: int = signal.SIGTERM, patience_s: float = 10.0) -> None:
    """Ends a child and everything in its group: politely, then for certain. May be repeated."""
    ask(process, polite)
    finish(process, patience_s)


def ask(process: "subprocess.Popen[bytes]", polite: int) -> None:
    """Asks a child to end; `finish` follows."""
    if process.poll() is None:
        process.send_signal(polite)


def finish(process: "subprocess.Popen[bytes]", patience_s: float) -> None:
    """Waits for a child that was asked to end; kills what is left of its group then."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    kill_group(process.pid)
    process.wait()


def kill_group(group: int) -> None:
    """Kills what is left of a process group; nothing happens when it is empty."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def started_at(pid: int) -> str | None:
    """An unchanging mark of when a process began, None when there is no such process.

    With the pid it names one process for ever: pids are given out again (proc(5), field 22 of stat).
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        state, *fields = stat[stat.rindex(")") + 2 :].split()
        return None if state in "ZX" else fields[18]
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def end_stranger(pid: int, mark: str, *, polite: int = signal.SIGTERM, patience_s: float = 10.0) -> bool:
    """Ends a process group that an earlier run left, if `pid` is still that very process; whether it was."""
    if started_at(pid) != mark:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, polite)
    deadline = time.monotonic() + patience_s
    while started_at(pid) == mark and time.monotonic() < deadline:
        time.sleep(0.02)
    kill_group(pid)
    return True
