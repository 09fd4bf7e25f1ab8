"""PostgreSQL restarts under load: callers see their answers or 503 with Retry-After, and each effect happens once."""

import signal
from collections.abc import Callable

from tests.faults import books, load, settle, trees
from tests.faults.rig import Rig


def api_processes(rig: Rig) -> set[int]:
    pid = rig.pid_of("gateway")
    return {pid, *trees.descendants(pid)}


def test_restarts_under_load(rig: Rig) -> None:
    load.stock_up(rig)
    before = api_processes(rig)
    restarts: list[Callable[[], int]] = [
        lambda: rig.kill_part("postgres"),
        lambda: rig.kill_part("postgres", signal.SIGINT),
        lambda: rig.kill_workers("postgres"),
    ]
    with load.running(rig) as callers:
        for restart in restarts:
            callers.wait_for_answers()
            refused = callers.count(503)
            assert restart() > 0
            callers.wait_for_refusal(after=refused)
            rig.wait_up("postgres")
        callers.wait_for_answers()
    assert callers.broken == []
    assert callers.slowest_s < 29, "the gateway would have given up"
    assert {what: n for what, n in callers.answers.items() if what.split()[1] not in ("200", "201", "503")} == {}
    assert api_processes(rig) == before
    load.check_effects(rig, callers)
    settle.work_off(rig)
    books.check(rig)
