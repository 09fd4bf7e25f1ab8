"""A process dies at each named point of the kernel; the day goes on, nothing is lost, nothing doubled."""

import pytest

from chalicelib.kernel.faults import Fault
from tests.faults import books, points, settle
from tests.faults.rig import Rig


@pytest.mark.parametrize("orders", [points.API, points.WORKERS, points.SCHEDULES], ids=["api", "workers", "schedules"])
def test_a_day_with_deaths_at_every_point(orders: list[Fault], rig: Rig) -> None:
    fired = {rig.order(order): order for order in orders}
    with rig.day() as day:
        settle.see_through(rig, day)
    late = [str(order) for file, order in fired.items() if not file.exists()]
    assert late == [], "no pass of these in the day"
    rig.wait_up()
    settle.work_off(rig)
    books.check(rig)
