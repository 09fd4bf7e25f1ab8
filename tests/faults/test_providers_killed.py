"""The providers' side dies before or after it has done what it was asked: what was begun is found again, not done twice."""

from tests.faults import books, settle
from tests.faults.rig import Rig

DEATHS = [
    ("mail", "send", "after"),
    ("mail", "send", "before"),
    ("stripe", "payment_intents.create", "before"),
    ("stripe", "payment_intents.create", "after"),
    ("twilio", "messages.create", "after"),
    ("twilio", "messages.create", "before"),
]
"""In the order in which a day comes past them. The next is ordered when the doubles are back, which may be too late for this
day: then it happens in the next one."""
DAYS_MAX = 4


def test_doubles_that_die_again_and_again(rig: Rig) -> None:
    left = list(DEATHS)
    pid = order_next(rig, left)
    for _ in range(DAYS_MAX):
        pid = play_day(rig, left, pid)
        if rig.pid_of("doubles") != pid:
            break
    assert (left, rig.pid_of("doubles") != pid) == ([], True), "not all of them died"
    settle.work_off(rig)
    books.check(rig)


def play_day(rig: Rig, left: list[tuple[str, str, str]], pid: int) -> int:
    """A day in which the doubles die as often as there is time for; the process that is to die next, or was the last to."""
    hourglass = settle.of_a_day(rig)
    with rig.day() as day:
        while day.poll() is None:
            if left and rig.pid_of("doubles") != pid:
                rig.wait_up("doubles")
                pid = order_next(rig, left)
            hourglass.look()
    assert day.returncode == 0, rig.day_log.read_text()[-500:]
    return pid


def order_next(rig: Rig, left: list[tuple[str, str, str]]) -> int:
    """Lets the doubles die at the next of their deaths; the process that will."""
    provider, operation, moment = left.pop(0)
    rig.sandbox("POST", "doubles/control/faults", {"provider": provider, "operation": operation, "kill": moment})
    return rig.pid_of("doubles")
