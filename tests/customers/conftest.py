"""Request limits, which other tests go without."""

from collections.abc import Iterator

import pytest

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel.settings import settings
from tests.tenant import Clock


@pytest.fixture
def limits(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Limits count, and an hour and a minute of theirs have just begun; the clock, for letting time pass."""
    clock.advance(seconds=3601 - business_clock.timestamp() % 3600)
    monkeypatch.setenv("QM_LIMITS", "on")
    settings.cache_clear()
    yield clock
    monkeypatch.undo()
    settings.cache_clear()
