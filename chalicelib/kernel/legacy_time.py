"""Times of the storage surface: naive Europe/Berlin ``x`` beside aware ``x_utc``.

Inside, every time is aware UTC. The naive form is derived when a reply is drawn and turned back when a filter
is read; nothing is ever stored or compared in it, so a change of the clock cannot lose or double anything but
its display.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, PlainSerializer, WithJsonSchema

LEGACY_ZONE = ZoneInfo("Europe/Berlin")
_MICROSECOND = timedelta(microseconds=1)


def naive_text(moment: datetime) -> str:
    """An aware time as Berlin's wall clock shows it, without an offset.

    Microseconds are kept: a caller who sends the shown time back as a filter finds the same record.
    """
    return moment.astimezone(LEGACY_ZONE).replace(tzinfo=None).isoformat(timespec="microseconds")


def utc_text(moment: datetime) -> str:
    """An aware time as ISO 8601 in UTC with the offset ``+00:00``, as the contract's schemas describe it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


LegacyTime = Annotated[
    AwareDatetime,
    PlainSerializer(naive_text, return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "description": "Europe/Berlin wall time without an offset; kept for old clients"}
    ),
]
"""An aware time that is shown as naive Berlin time."""
UtcTime = Annotated[
    AwareDatetime,
    PlainSerializer(utc_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "ISO 8601, UTC, with its offset"}),
]
"""An aware time that is shown in UTC with its offset."""


def utc_twin_of(name: str) -> Any:
    """The default of an ``x_utc`` field: the time given for ``x``, which must stand above it in the model.

    ``created_at: LegacyTime`` and ``created_at_utc: UtcTime = utc_twin_of("created_at")``: who makes the
    reply names the time once, and the two forms cannot disagree.
    """
    return Field(default_factory=lambda data: data.get(name))


def both_forms(name: str, moment: datetime | None) -> dict[str, str | None]:
    """``{"x": naive Berlin, "x_utc": aware UTC}`` for replies that are plain dicts."""
    if moment is None:
        return {name: None, f"{name}_utc": None}
    return {name: naive_text(moment), f"{name}_utc": utc_text(moment)}


def earliest_instant(wall: datetime) -> datetime:
    """The first moment at which Berlin's clock shows `wall` (naive) or later: what "at least" means.

    In the hour that the clock shows twice in autumn this is the first pass. A time in the hour that is left
    out in spring becomes the moment of the change. Raises OverflowError at the ends of the calendar.
    """
    first, second = _readings(wall)
    return first if first <= second else _clock_change(second, first)


def latest_instant(wall: datetime) -> datetime:
    """The last moment at which Berlin's clock shows `wall` (naive) or earlier: what "at most" means.

    In the doubled hour this is the second pass; a time in the left-out hour becomes the last microsecond
    before the change. So no record is lost whose shown time lies inside the bounds. Raises OverflowError as
    above.
    """
    first, second = _readings(wall)
    return second if first <= second else _clock_change(second, first) - _MICROSECOND


def _readings(wall: datetime) -> tuple[datetime, datetime]:
    """Both readings of a wall time (PEP 495: fold 0 and 1).

    Equal for ordinary times, the first later in a gap.
    """
    return (
        wall.replace(tzinfo=LEGACY_ZONE, fold=0).astimezone(UTC),
        wall.replace(tzinfo=LEGACY_ZONE, fold=1).astimezone(UTC),
    )


def _clock_change(before: datetime, after: datetime) -> datetime:
    """The moment of the one change of Berlin's offset after `before` and up to `after`."""
    offset_after = after.astimezone(LEGACY_ZONE).utcoffset()
    while after - before > _MICROSECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(LEGACY_ZONE).utcoffset() == offset_after:
            after = middle
        else:
            before = middle
    return after
