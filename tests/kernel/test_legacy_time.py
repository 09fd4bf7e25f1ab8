"""Naive Berlin times beside aware UTC ones, at the two changes of the clock too."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.kernel.legacy_time import (
    LEGACY_ZONE,
    LegacyTime,
    UtcTime,
    both_forms,
    earliest_instant,
    latest_instant,
    naive_text,
    utc_twin_of,
)
from chalicelib.kernel.shapes import Shape

SPRING = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
"""02:00 becomes 03:00."""
AUTUMN = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
"""03:00 becomes 02:00."""


class JobTimes(Shape):
    """As a reply of the storage surface declares its times."""

    created_at: LegacyTime
    created_at_utc: UtcTime = utc_twin_of("created_at")
    deleted_at: LegacyTime | None = None
    deleted_at_utc: UtcTime | None = utc_twin_of("deleted_at")


def wall(moment: datetime) -> datetime:
    return moment.astimezone(LEGACY_ZONE).replace(tzinfo=None)


def is_doubled(shown: datetime) -> bool:
    return earliest_instant(shown) < latest_instant(shown)


def test_a_reply_names_a_time_once_and_shows_it_twice() -> None:
    reply = JobTimes(created_at=datetime(2026, 7, 1, 22, 30, 0, 250, tzinfo=UTC))
    assert reply.model_dump(mode="json") == {
        "created_at": "2026-07-02T00:30:00.000250",
        "created_at_utc": "2026-07-01T22:30:00.000250+00:00",
        "deleted_at": None,
        "deleted_at_utc": None,
    }


def test_a_plain_dict_has_both_forms() -> None:
    assert both_forms("last_used", datetime(2026, 1, 5, 12, 0, tzinfo=UTC)) == {
        "last_used": "2026-01-05T13:00:00.000000",
        "last_used_utc": "2026-01-05T12:00:00.000000+00:00",
    }
    assert both_forms("last_used", None) == {"last_used": None, "last_used_utc": None}


@pytest.mark.parametrize(
    ("_case", "shown", "earliest", "latest"),
    [
        ("winter", "2026-01-05T13:00", "2026-01-05T12:00:00+00:00", "2026-01-05T12:00:00+00:00"),
        ("summer", "2026-07-05T13:00", "2026-07-05T11:00:00+00:00", "2026-07-05T11:00:00+00:00"),
        (
            "the hour left out",
            "2026-03-29T02:30",
            "2026-03-29T01:00:00+00:00",
            "2026-03-29T00:59:59.999999+00:00",
        ),
        (
            "its first moment",
            "2026-03-29T02:00",
            "2026-03-29T01:00:00+00:00",
            "2026-03-29T00:59:59.999999+00:00",
        ),
        ("just after it", "2026-03-29T03:00", "2026-03-29T01:00:00+00:00", "2026-03-29T01:00:00+00:00"),
        (
            "the hour shown twice",
            "2026-10-25T02:30",
            "2026-10-25T00:30:00+00:00",
            "2026-10-25T01:30:00+00:00",
        ),
        ("just after both", "2026-10-25T03:00", "2026-10-25T02:00:00+00:00", "2026-10-25T02:00:00+00:00"),
    ],
)
def test_bounds_of_a_wall_time(_case: str, shown: str, earliest: str, latest: str) -> None:
    naive = datetime.fromisoformat(shown)
    assert earliest_instant(naive).isoformat() == earliest
    assert latest_instant(naive).isoformat() == latest


around_a_change = st.builds(
    lambda change, minutes, micros: change + timedelta(minutes=minutes, microseconds=micros),
    st.sampled_from([SPRING, AUTUMN]),
    st.integers(-240, 240),
    st.integers(-2, 2),
)
any_moment = st.integers(-600_000_000_000_000, 7_000_000_000_000_000).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)
moments = around_a_change | any_moment
walls = moments.map(wall) | around_a_change.map(lambda moment: moment.replace(tzinfo=None))


@given(moments, walls)
def test_no_moment_whose_shown_time_lies_inside_the_bounds_is_lost(moment: datetime, bound: datetime) -> None:
    if wall(moment) >= bound:
        assert moment >= earliest_instant(bound)
    if wall(moment) <= bound:
        assert moment <= latest_instant(bound)


@given(moments)
def test_a_shown_time_sent_back_as_both_bounds_finds_its_moment(moment: datetime) -> None:
    shown = datetime.fromisoformat(naive_text(moment))
    assert earliest_instant(shown) <= moment <= latest_instant(shown)


@given(moments, walls)
def test_outside_the_doubled_hour_bounds_mean_exactly_what_the_clock_shows(moment: datetime, bound: datetime) -> None:
    assume(not any(is_doubled(shown) for shown in (wall(moment), bound)))
    assert (moment >= earliest_instant(bound)) == (wall(moment) >= bound)
    assert (moment <= latest_instant(bound)) == (wall(moment) <= bound)


def test_the_ends_of_the_calendar_overflow() -> None:
    with pytest.raises(OverflowError):
        earliest_instant(datetime.fromisoformat("0001-01-01"))
