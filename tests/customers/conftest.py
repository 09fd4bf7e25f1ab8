"""Request limits, which other tests go without."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel.settings import settings
from tests.client import Client
from tests.tenant import Clock

_addresses = (f"198.51.{n // 250}.{n % 250}" for n in count(1))


@pytest.fixture
def limits(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Limits count, and an hour and a minute of theirs have just begun; the clock, for letting time pass."""
    clock.advance(seconds=3601 - business_clock.timestamp() % 3600)
    monkeypatch.setenv("QM_LIMITS", "on")
    settings.cache_clear()
    yield clock
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def caller(api: Client) -> Client:
    """Nobody in particular, at an address from which nobody has called before."""
    return replace(api, address=next(_addresses))
