"""Kills at random moments of the day, a few of `make storm`'s; nothing lost, nothing doubled, nothing stuck."""

import pytest

from tests.faults import books, settle, storm
from tests.faults.rig import Rig, wait_until


def seed_for(target: str) -> int:
    """The smallest seed that kills this."""
    return next(seed for seed in range(1, 10_000) if storm.Round(0, seed).target == target)


@pytest.mark.parametrize("target", ["everything", "everything, twice", "gateway", "pumps", "aws"])
def test_a_round(target: str, rig: Rig) -> None:
    storm.play(rig, storm.Round(1, seed_for(target)))


def test_everything_killed_when_cards_were_charged(rig: Rig) -> None:
    charges = len(rig.doubles("stripe.charge"))
    with rig.day():
        wait_until("a charge", lambda: len(rig.doubles("stripe.charge")) > charges, patience_s=60)
        assert rig.kill() > 10
    rig.start()
    settle.work_off(rig)
    books.check(rig)
