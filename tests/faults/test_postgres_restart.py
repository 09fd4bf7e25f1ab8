"""PostgreSQL restarts under load: callers see their answers or 503 with Retry-After, and each effect happens once."""

import signal
import time

import pytest

from tests.faults import books, load, settle, trees
from tests.faults.rig import Rig


def work_for(seconds: float) -> None:
    time.sleep(seconds)  # the load goes on meanwhile


def api_processes(rig: Rig) -> set[int]:
    pid = rig.pid_of("gateway")
    return {pid, *trees.descendants(pid)}


@pytest.mark.parametrize("how", ["killed", "fast shutdown", "backends killed"])
def test_restarts_under_load(how: str, rig: Rig) -> None:
    load.stock_up(rig)
    before = api_processes(rig)
    with load.running(rig) as callers:
        for _ in range(2):
            callers.wait_for_answers()
            if how == "backends killed":
                assert rig.kill_workers("postgres") > 0
            else:
                rig.kill_part("postgres", signal.SIGKILL if how == "killed" else signal.SIGINT)
            work_for(1.0)
            rig.wait_up("postgres")
        callers.wait_for_answers()
    assert callers.broken == []
    assert callers.count(503) > 0
    assert callers.slowest_s < 29
    assert {what: n for what, n in callers.answers.items() if what.split()[1] not in ("200", "201", "503")} == {}
    assert api_processes(rig) == before
    load.check_effects(rig, callers)
    settle.work_off(rig)
    books.check(rig)
