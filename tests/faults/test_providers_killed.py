"""The providers' side dies before or after it has done what it was asked: what was begun is found again, not done twice."""

import psycopg

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
"""In the order in which a day comes past them: the answer to the first is asked for again, and meets the second."""


def test_doubles_that_die_again_and_again(rig: Rig) -> None:
    left = list(DEATHS)
    pid = order_next(rig, left)
    hourglass = settle.of_a_day(rig)
    with rig.day() as day:
        while day.poll() is None:
            try:
                if left and rig.pid_of("doubles") != pid:
                    rig.wait_up("doubles")
                    pid = order_next(rig, left)
                hourglass.look()
            except psycopg.OperationalError:
                continue
    assert (day.returncode, left) == (0, []), rig.day_log.read_text()[-500:]
    assert rig.pid_of("doubles") != pid
    settle.work_off(rig)
    books.check(rig)


def order_next(rig: Rig, left: list[tuple[str, str, str]]) -> int:
    """Lets the doubles die at the next of their deaths; the process that will."""
    provider, operation, moment = left.pop(0)
    rig.sandbox("POST", "doubles/control/faults", {"provider": provider, "operation": operation, "kill": moment})
    return rig.pid_of("doubles")
