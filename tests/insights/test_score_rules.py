"""Tiers, and the night."""

from datetime import UTC, datetime

import pytest

from chalicelib.insights.scores import rules


@pytest.mark.parametrize(
    ("p_alive", "expected", "tier"),
    [
        (0.0, 0.0, "lost"),
        (0.1999, 50.0, "lost"),
        (0.2, 50.0, "at_risk"),
        (0.5999, 0.0, "at_risk"),
        (0.6, 6.0, "loyal"),
        (1.0, 5.9999, "regular"),
        (1.0, 2.0, "regular"),
        (1.0, 1.9999, "occasional"),
        (0.6, 0.0, "occasional"),
    ],
)
def test_tiers(p_alive: float, expected: float, tier: str) -> None:
    assert rules.tier_of(p_alive, expected) == tier


@pytest.mark.parametrize(
    ("customers", "returned", "is_enough"), [(30, 10, True), (29, 29, False), (1000, 9, False), (0, 0, False)]
)
def test_how_many_are_enough(customers: int, returned: int, is_enough: bool) -> None:
    assert rules.is_enough(customers, returned) is is_enough


@pytest.mark.parametrize(
    ("now", "time_zone", "night"),
    [
        ("2026-03-01T01:59:59", "UTC", "2026-02-28T02:00:00"),
        ("2026-03-01T02:00:00", "UTC", "2026-03-01T02:00:00"),
        ("2026-03-01T07:59:59", "America/Chicago", "2026-02-28T08:00:00"),
        ("2026-03-01T08:00:00", "America/Chicago", "2026-03-01T08:00:00"),
        (
            "2026-03-08T20:00:00",
            "America/Chicago",
            "2026-03-08T08:00:00",
        ),  # no two o'clock that night: the clock goes on
        ("2026-10-25T12:00:00", "Europe/Berlin", "2026-10-25T00:00:00"),  # two o'clock twice: the first
    ],
)
def test_the_last_night(now: str, time_zone: str, night: str) -> None:
    found = rules.last_night(datetime.fromisoformat(now).replace(tzinfo=UTC), time_zone)
    assert found.astimezone(UTC) == datetime.fromisoformat(night).replace(tzinfo=UTC)
