"""Everything killed at once, or one part after the other; nothing lost, nothing doubled."""

from tests.faults import books, settle
from tests.faults.rig import Rig, wait_until


def test_everything_killed_in_the_middle_of_a_day(rig: Rig) -> None:
    with rig.day():
        wait_until("a charge", lambda: len(rig.doubles("stripe.charge")) > 2, patience_s=60)
        assert rig.kill() > 10
    rig.start()
    settle.work_off(rig)
    books.check(rig)
