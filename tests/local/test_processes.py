"""Children end with their group, with their parent, and nobody else is hit."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local import processes
from infra.local.errors import StageError
from infra.local.options import CRASHES_MAX
from infra.local.supervisor import Part, Supervisor, end_part, program

SLEEP = "import time; time.sleep(60)"
FAMILY = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', '{SLEEP}']); time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def start(source: str, log: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    return processes.start([sys.executable, "-c", source], log=log)


def group_of(process: "subprocess.Popen[bytes]") -> list[int]:
    """Living processes of a child's group."""
    found = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in found.stdout.splitlines()]
    return [int(pid) for pid, group, state in rows if int(group) == process.pid and state[0] != "Z"]


def wait_until(condition: Callable[[], object], *, patience_s: float = 10) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ending_a_child_ends_its_children() -> None:
    family = start(FAMILY)
    wait_until(lambda: len(group_of(family)) == 2)
    processes.end(family)
    assert group_of(family) == []


def test_a_deaf_child_is_killed() -> None:
    reading, writing = os.pipe()
    deaf = start(DEAF, writing)
    os.read(reading, 1)
    os.close(reading)
    os.close(writing)
    processes.end(deaf, patience_s=0.1)
    assert deaf.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part is Linux's")
def test_a_child_dies_with_a_parent_that_was_killed() -> None:
    source = (
        "import subprocess, sys, time; from infra.local import processes;"
        f"c = processes.start([sys.executable, '-c', '{SLEEP}'], log=subprocess.DEVNULL);"
        "print(c.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert processes.started_at(child) is not None
        parent.kill()
    wait_until(lambda: processes.started_at(child) is None)


def test_a_pid_that_was_given_out_again_is_left_alone() -> None:
    child = start(SLEEP)
    mark = processes.started_at(child.pid)
    assert mark is not None
    assert not processes.end_stranger(child.pid, "another time")
    assert child.poll() is None
    assert processes.end_stranger(child.pid, mark)
    assert child.wait() == -signal.SIGTERM


def _wait(part: Part) -> None:
    assert part.process is not None
    part.process.wait()


def part_of(tmp_path: Path, source: str) -> Part:
    log_file = tmp_path / "logs" / "part.log"
    start_it = program([sys.executable, "-c", source], dict(os.environ), log_file)
    return Part("part", start_it, lambda: True, log_file)


def test_what_dies_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor, part = Supervisor(tmp_path, said.append), part_of(tmp_path, SLEEP)
    supervisor.launch(part)
    try:
        assert part.process is not None
        first = part.process
        supervisor.check()
        assert (part.process, said) == (first, [])
        first.kill()
        first.wait()
        supervisor.check()
        assert part.process is not first
        assert part.process.poll() is None
        assert said == [f"part stopped (SIGKILL) and is started again; see {part.log_file}"]
    finally:
        supervisor.stop()
    assert part.process.returncode == -signal.SIGTERM


def test_what_was_started_again_is_healed(tmp_path: Path) -> None:
    healed: list[bool] = []
    supervisor, part = Supervisor(tmp_path, lambda _: None), part_of(tmp_path, SLEEP)
    part.heal = lambda: healed.append(part.process is not None and part.process.poll() is None)
    supervisor.launch(part)
    try:
        assert part.process is not None
        part.process.kill()
        _wait(part)
        supervisor.check()
        supervisor.check()
        assert healed == [True]
    finally:
        supervisor.stop()


def test_what_dies_again_while_it_is_healed_is_started_once_more(tmp_path: Path) -> None:
    tries: list[int] = []
    supervisor, part = Supervisor(tmp_path, lambda _: None), part_of(tmp_path, SLEEP)

    def heal() -> None:
        tries.append(1)
        if len(tries) == 1:
            assert part.process is not None
            part.process.kill()
            part.process.wait()
            raise StageError("The step failed.")

    part.heal = heal
    supervisor.launch(part)
    try:
        assert part.process is not None
        part.process.kill()
        _wait(part)
        supervisor.check()
        supervisor.check()
        assert (len(tries), part.process.poll()) == (2, None)
    finally:
        supervisor.stop()


def test_how_often_a_part_may_die_can_be_chosen(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, lambda _: None, crashes_max=2)
    part = part_of(tmp_path, "raise SystemExit('no sugar')")
    supervisor.launch(part)
    _wait(part)
    supervisor.check()
    _wait(part)
    with pytest.raises(StageError, match=r"^part has stopped 2 times: no sugar "):
        supervisor.check()
    supervisor.stop()


def test_what_keeps_dying_is_a_sentence(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor, part = Supervisor(tmp_path, said.append), part_of(tmp_path, "raise SystemExit('no sugar')")
    supervisor.launch(part)
    for _ in range(CRASHES_MAX - 1):
        _wait(part)
        supervisor.check()
    _wait(part)
    with pytest.raises(StageError, match=rf"^part has stopped {CRASHES_MAX} times: no sugar "):
        supervisor.check()
    supervisor.stop()
    assert len(said) == CRASHES_MAX - 1


def test_what_does_not_start_is_a_sentence(tmp_path: Path) -> None:
    supervisor, part = Supervisor(tmp_path, print), part_of(tmp_path, "raise SystemExit('no sugar')")
    part.is_ready = lambda: False
    supervisor.launch(part)
    with pytest.raises(StageError, match=r"^part does not start: no sugar "):
        supervisor.wait_ready(part)
    supervisor.stop()


def test_a_part_that_was_asked_to_end_is_no_crash(tmp_path: Path) -> None:
    source = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print(flush=True)"
    said: list[str] = []
    supervisor, part = Supervisor(tmp_path, said.append), part_of(tmp_path, f"{source}; time.sleep(60)")
    supervisor.launch(part)
    try:
        for _ in range(CRASHES_MAX + 1):
            wait_until(lambda: part.log_file.stat().st_size > 0)
            os.truncate(part.log_file, 0)
            ended = part.process
            end_part(tmp_path, "part")
            supervisor.check()
            assert part.process is not ended
    finally:
        supervisor.stop()
    assert (said, len(part.crashes)) == ([], 0)


def test_the_next_start_ends_what_a_crash_left(tmp_path: Path) -> None:
    crashed, part = Supervisor(tmp_path, print), part_of(tmp_path, SLEEP)
    crashed.launch(part)
    assert Supervisor(tmp_path, print).end_leftovers() == 1
    assert part.process is not None
    assert part.process.wait() == -signal.SIGTERM
    assert Supervisor(tmp_path, print).end_leftovers() == 0
