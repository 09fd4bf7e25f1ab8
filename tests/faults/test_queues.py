"""Every queue message comes three times, late and in another order; the day ends as it always does."""

import json
from collections.abc import Iterator

import pytest

from tests.faults import books, settle
from tests.faults.rig import Rig


@pytest.fixture
def unruly(rig: Rig) -> Iterator[Rig]:
    file = rig.data_dir / "queues.json"
    file.write_text(json.dumps({"copies": 2, "late_s": 0.6, "seed": 20}), encoding="utf-8")
    yield rig
    file.unlink()


def test_messages_that_come_often_late_and_in_any_order(unruly: Rig) -> None:
    with unruly.day() as day:
        settle.see_through(unruly, day)
    settle.work_off(unruly)
    books.check(unruly)
