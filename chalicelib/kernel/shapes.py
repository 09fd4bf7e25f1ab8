"""The base of every request and reply model, and the field types that contexts share."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
QUANTITY_MAX = 1_000_000_000


class Shape(BaseModel):
    """A frozen model. In requests unknown fields are refused; a field that is wrong is named with the others."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, str_strip_whitespace=False)


class NoBody(Shape):
    """For endpoints that read no body; an empty object is forgiven."""


class NoQuery(Shape):
    """For endpoints without query parameters."""


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refuse_unprintable(value: str) -> str:
    """Control characters have no business in a name or an address; line breaks belong into `Note`."""
    if not value.isprintable():
        raise PydanticCustomError("string_unprintable", "Text should not contain control characters")
    return value


Instant = Annotated[
    datetime,
    PlainSerializer(_utc, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T09:30:00.000Z"]}),
]
"""An aware UTC time, shown as ISO 8601 with Z."""


def _refuse_unix_time(value: Any) -> Any:
    """pydantic takes numbers, also as text, for seconds since 1970: ``as_of=0.5`` would be a time nobody meant."""
    if isinstance(value, str) and _DATE.match(value):
        return value
    raise PydanticCustomError("datetime_parsing", "Input should be a time in ISO 8601")


TimeIn = Annotated[AwareDatetime, BeforeValidator(_refuse_unix_time)]
"""A time in a request: ISO 8601 with its offset."""
LooseTimeIn = Annotated[datetime, BeforeValidator(_refuse_unix_time)]
"""The same from a provider that may leave the offset out."""


def _refuse_day_numbers(value: Any) -> Any:
    """pydantic takes numbers for days since 1970, and midnights for dates."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        return value
    raise PydanticCustomError("date_parsing", "Input should be a date in the form YYYY-MM-DD")


Day = Annotated[date, BeforeValidator(_refuse_day_numbers)]
"""A day in a request: ``2026-03-01``."""


def at_most(characters: int) -> BeforeValidator:
    """Counts before blanks are taken off, as the document's ``maxLength`` does: pydantic counts what is left of them.

    Stands after the `StringConstraints`: behind a validator these would no longer be the text's own, and a minimum would
    be counted before blanks are taken off.
    """

    def check(value: Any) -> Any:
        if isinstance(value, str) and len(value) > characters:
            raise PydanticKnownError("string_too_long", {"max_length": characters})
        return value

    return BeforeValidator(check)


Quantity = Annotated[StrictInt, Field(gt=0, le=QUANTITY_MAX)]
"""Whole units of a stock-keeping unit, greater than zero."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_refuse_unprintable)]
"""A required line of text."""
OptionalText = Annotated[str, StringConstraints(max_length=255), AfterValidator(_refuse_unprintable)]
"""A line of text that may be empty."""
Note = Annotated[str, StringConstraints(max_length=4000)]
"""Several lines."""
Sku = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    at_most(64),
    AfterValidator(_refuse_unprintable),
]
Barcode = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=128),
    at_most(128),
    AfterValidator(_refuse_unprintable),
]
LotNumber = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=100),
    at_most(100),
    AfterValidator(_refuse_unprintable),
]
"""What stands on goods: the number of their lot. Empty: nothing does."""
JsonObject = dict[str, Any]
