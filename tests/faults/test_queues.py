"""Every queue message comes three times, late and in another order; the day ends as it always does."""

from collections.abc import Iterator

import pytest

from infra.local.unruly import CALM, Unruliness, order
from tests.faults import books, settle
from tests.faults.rig import Rig


@pytest.fixture
def unruly(rig: Rig) -> Iterator[Rig]:
    order(rig.data_dir, Unruliness(copies=2, late_s=0.6, seed=20))
    yield rig
    order(rig.data_dir, CALM)


def test_messages_that_come_often_late_and_in_any_order(unruly: Rig) -> None:
    with unruly.day() as day:
        settle.see_through(unruly, day)
    settle.work_off(unruly)
    books.check(unruly)
