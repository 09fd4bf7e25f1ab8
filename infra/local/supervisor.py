"""Starts the parts of the stage, watches them, starts again what dies, ends them all."""

import json
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from infra.local import processes
from infra.local.errors import StageError
from infra.local.options import CRASHES_MAX, ROOT

CRASH_WINDOW_S = 60.0
PAUSE_MAX_S = 0.8
"""Before a part that has just died is started again."""
LOG_MAX_BYTES = 20_000_000
READY_PATIENCE_S = 60.0
REGISTER = "processes.json"


@dataclass
class Part:
    """One part of the stage. `start` gives its process; `is_ready` says whether it answers."""

    name: str
    start: Callable[[], "subprocess.Popen[bytes]"]
    is_ready: Callable[[], bool]
    log_file: Path
    polite: int = signal.SIGTERM
    patience_s: float = 10.0
    heal: Callable[[], object] | None = None
    """What has to be done when it was started again and answers: make anew what it forgot."""
    tier: int = 0
    """Parts of a higher tier are ended first, those of one tier together."""
    process: "subprocess.Popen[bytes] | None" = None
    crashes: "deque[float]" = field(default_factory=deque)
    """When it died, of the last `CRASH_WINDOW_S`."""


def program(
    arguments: Sequence[str], environment: Mapping[str, str], log_file: Path
) -> Callable[[], "subprocess.Popen[bytes]"]:
    """How to start a part that is a program of its own, with its output appended to a log file."""

    def start() -> "subprocess.Popen[bytes]":
        with log_file.open("ab") as log:
            return processes.start(arguments, log=log, environment=environment, directory=ROOT)

    return start


class Supervisor:
    """The parts in the order of their start; they are ended in the opposite order.

    ``processes.json`` in the data directory names what runs, so that the next start can end what a kill -9 left behind
    where the kernel does not do it.
    """

    def __init__(self, data_dir: Path, say: Callable[[str], None], *, crashes_max: int = CRASHES_MAX) -> None:
        self._register = data_dir / REGISTER
        self._say = say
        self._crashes_max = crashes_max
        self._parts: list[Part] = []

    def end_leftovers(self) -> int:
        """Ends what an earlier run of this data directory left; how many processes that were."""
        try:
            known = json.loads(self._register.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        ended = [processes.end_stranger(*_identity(entry), polite=int(entry["polite"])) for entry in known]
        self._register.unlink(missing_ok=True)
        return sum(ended)

    def launch(self, part: Part) -> None:
        """Starts a part without waiting for it."""
        _rotate(part.log_file)
        part.process = part.start()
        self._parts.append(part)
        self._note()

    def wait_ready(self, *parts: Part) -> None:
        """Waits until parts answer. Raises StageError with a part's last words when it ends instead."""
        deadline = time.monotonic() + READY_PATIENCE_S
        for part in parts:
            while not part.is_ready():
                assert part.process is not None
                if part.process.poll() is not None:
                    raise StageError(f"{part.name} does not start: {last_words(part.log_file)} (see {part.log_file}).")
                if time.monotonic() > deadline:
                    raise StageError(f"{part.name} does not answer (see {part.log_file}).")
                time.sleep(0.02)

    def check(self) -> None:
        """Starts again what has ended. Raises StageError when a part keeps dying. Called a few times a second."""
        _reap_orphans({part.process.pid for part in self._parts if part.process})
        for part in self._parts:
            assert part.process is not None
            if part.process.poll() is not None:
                self._revive(part, part.process.returncode)
            _truncate_large(part.log_file)

    def _revive(self, part: Part, code: int) -> None:
        assert part.process is not None
        processes.kill_group(part.process.pid)
        if code != 0:
            self._note_crash(part, code)
        part.process = part.start()
        self._note()
        self._heal(part)

    def _heal(self, part: Part) -> None:
        """Makes anew what a part forgot. One that dies meanwhile is started again by the next check."""
        if part.heal is None:
            return
        try:
            self.wait_ready(part)
            part.heal()
        except StageError:
            if part.process is None or part.process.poll() is None:
                raise

    def _note_crash(self, part: Part, code: int) -> None:
        """Says that a part died. One that ended with 0 was asked to: a reset does that."""
        now = time.monotonic()
        part.crashes.append(now)
        while now - part.crashes[0] >= CRASH_WINDOW_S:
            part.crashes.popleft()
        if len(part.crashes) >= self._crashes_max:
            words = last_words(part.log_file)
            raise StageError(f"{part.name} has stopped {len(part.crashes)} times: {words} (see {part.log_file}).")
        self._say(f"{part.name} stopped ({_how(code)}) and is started again; see {part.log_file}")
        time.sleep(min(0.2 * (len(part.crashes) - 1), PAUSE_MAX_S))

    def stop(self) -> None:
        """Ends all parts: tier by tier, those of one tier at the same time. May be repeated."""
        for tier in sorted({part.tier for part in self._parts}, reverse=True):
            ending = [part for part in self._parts if part.tier == tier]
            for part in ending:
                if part.process is not None:
                    processes.ask(part.process, part.polite)
            for part in ending:
                if part.process is not None:
                    processes.finish(part.process, part.patience_s)
        self._parts.clear()
        self._register.unlink(missing_ok=True)

    def _note(self) -> None:
        running = [
            {
                "name": part.name,
                "pid": part.process.pid,
                "mark": processes.started_at(part.process.pid),
                "polite": int(part.polite),
            }
            for part in self._parts
            if part.process is not None
        ]
        draft = self._register.with_suffix(".tmp")
        draft.write_text(json.dumps(running), encoding="utf-8")
        draft.replace(self._register)


def last_words(log_file: Path) -> str:
    """The last line of a log that says something."""
    try:
        lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1].strip()[:300] if lines else "it said nothing"


def end_part(data_dir: Path, name: str) -> None:
    """Ends a part of the platform that runs on `data_dir`; its supervisor starts it again."""
    for entry in json.loads((data_dir / REGISTER).read_text(encoding="utf-8")):
        if entry["name"] == name:
            processes.end_stranger(*_identity(entry), polite=int(entry["polite"]), patience_s=1.0)


def _identity(entry: Mapping[str, object]) -> tuple[int, str]:
    return int(str(entry["pid"])), str(entry["mark"])


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _reap_orphans(children: set[int]) -> None:
    """Collects grandchildren that became ours when their parent died (processes.adopt_orphans)."""
    with suppress(ChildProcessError):
        while True:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None or found.si_pid in children:
                return
            os.waitpid(found.si_pid, 0)


def _rotate(log_file: Path) -> None:
    """Keeps the log of the run before."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    if log_file.exists():
        log_file.replace(log_file.with_suffix(".previous.log"))
    log_file.touch()


def _truncate_large(log_file: Path) -> None:
    """Empties a log that has grown too large; its writer appends, so it goes on at the new end."""
    with suppress(OSError):
        if log_file.stat().st_size > LOG_MAX_BYTES:
            kept = log_file.read_bytes()[-LOG_MAX_BYTES // 10 :]
            log_file.with_suffix(".previous.log").write_bytes(kept)
            os.truncate(log_file, 0)
