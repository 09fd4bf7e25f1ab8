"""Trees of processes, and their sudden death."""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """All processes below one, whatever their groups: PostgreSQL's children lead sessions of their own."""
    children: dict[int, list[int]] = defaultdict(list)
    for child, parent in _parents():
        children[parent].append(child)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def kill(pid: int) -> int:
    """SIGKILL for a process and everything below it, as a machine that loses power; how many that were.

    It is stopped first, so that it does not see its children die and start new ones.
    """
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    victims = [*descendants(pid), pid]
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    return len(victims)


def _parents() -> list[tuple[int, int]]:
    """(process, its parent) of all processes (proc(5), field 4 of stat; elsewhere ps)."""
    if sys.platform != "linux":
        answer = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        return [(int(pid), int(parent)) for pid, parent in map(str.split, answer.stdout.splitlines())]
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                found.append((int(entry.name), int(stat[stat.rindex(")") + 2 :].split()[1])))
    return found
