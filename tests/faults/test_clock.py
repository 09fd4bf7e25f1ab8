"""The business's clock jumps hours ahead and back while people order, reserve and read: nothing doubled, nothing stuck."""

import time

from tests.faults import books, load, settle
from tests.faults.rig import Rig

HOURS_S = 3 * 3600.0


def test_a_clock_that_jumps_under_load(rig: Rig) -> None:
    load.stock_up(rig)
    with load.running(rig) as callers:
        for jump_s in (HOURS_S, -HOURS_S, 2 * HOURS_S, -2 * HOURS_S, HOURS_S):
            callers.wait_for_answers()
            rig.advance(jump_s)
            time.sleep(0.5)  # schedules run, leases end, while callers go on
        callers.wait_for_answers()
        rig.advance(-HOURS_S)
        callers.wait_for_answers()
    assert callers.broken == []
    load.check_effects(rig, callers)
    settle.work_off(rig)
    books.check(rig)


def test_a_day_begun_before_and_after_a_jump(rig: Rig) -> None:
    """Whoever signed in before is asked to sign in again; whoever comes after has a day like any other."""
    with rig.day():
        time.sleep(rig.day_s / 2)  # in the middle of it
        rig.advance(HOURS_S)
        time.sleep(0.5)  # let the schedules see it
        rig.advance(-HOURS_S)
    settle.work_off(rig)
    books.check(rig)
    with rig.day() as day:
        settle.see_through(rig, day)
    settle.work_off(rig)
    books.check(rig)
