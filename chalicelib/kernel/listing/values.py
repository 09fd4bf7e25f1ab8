"""Reads what callers write behind a parameter's name.

Every refusal is a PydanticCustomError, so that one reply can name all wrong parameters at once.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Final, NoReturn

from pydantic_core import PydanticCustomError

from chalicelib.kernel.legacy_time import earliest_instant, latest_instant

TEXT_LENGTH_MAX: Final = 500
VALUES_MAX: Final = 100
BIGINT_MAX: Final = 2**63 - 1
"""PostgreSQL's bigint; whole numbers beyond it cannot equal anything that is stored."""

_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?", re.ASCII)
_LOST_PLUS = re.compile(r"(.*[0-9][T ][0-9]{2}:?[0-9]{2}.*) ([0-9]{2}:?[0-9]{2})", re.ASCII)
"""A ``+`` before an offset that a caller forgot to escape arrives as a space; nothing else looks like it."""


class Null(Enum):
    """What the special word (``none``) of a field asks for: records where the field is empty."""

    NULL = "null"


def refuse(kind: str, sentence: str) -> NoReturn:
    """Raises the error that pydantic collects. `sentence` may hold the caller's words; it is no template."""
    raise PydanticCustomError(kind, "{sentence}", {"sentence": sentence})


def quoted(words: str) -> str:
    """The caller's words, short enough and harmless enough to be sent back in a sentence."""
    return repr(words if len(words) <= 40 else words[:40] + "...")


def checked_text(raw: object, *, length_max: int = TEXT_LENGTH_MAX) -> str:
    """One piece of text that PostgreSQL can take: no NUL, no half surrogate, not too long."""
    if isinstance(raw, Sequence) and not isinstance(raw, str | bytes):
        if len(raw) != 1:
            refuse("parameter_repeated", "This parameter should be given once")
        raw = raw[0]
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw)
    if not isinstance(raw, str):
        refuse("string_type", "Input should be a text")
    if len(raw) > length_max:
        refuse("string_too_long", f"Text should have at most {length_max} characters")
    if "\x00" in raw or any("\ud800" <= character <= "\udfff" for character in raw):
        refuse("string_unprintable", "Text should not contain NUL or half surrogates")
    return raw


def read_integer(raw: object) -> int:
    """A whole number in ASCII digits within PostgreSQL's bigint."""
    text = checked_text(raw)
    if not _INTEGER.fullmatch(text):
        refuse("int_parsing", "Input should be a whole number within 64 bits")
    number = int(text)
    if not -BIGINT_MAX <= number <= BIGINT_MAX:
        refuse("int_parsing", "Input should be a whole number within 64 bits")
    return number


def read_number(raw: object) -> Decimal:
    """A finite decimal number, without an exponent."""
    text = checked_text(raw)
    if not _NUMBER.fullmatch(text):
        refuse("decimal_parsing", "Input should be a decimal number")
    return Decimal(text)


def read_boolean(raw: object) -> bool:
    """``true`` or ``false``, in any case."""
    text = checked_text(raw).lower()
    if text not in ("true", "false"):
        refuse("bool_parsing", "Input should be true or false")
    return text == "true"


def read_earliest(raw: object) -> datetime:
    """The lower bound of a time filter, in UTC."""
    return _read_time(raw, earliest_instant)


def read_latest(raw: object) -> datetime:
    """The upper bound of a time filter, in UTC."""
    return _read_time(raw, latest_instant)


def read_values(raw: object, read: Callable[[object], object]) -> tuple[object, ...]:
    """The values of an ``__in`` filter: the parameter repeated, values between commas, or both."""
    pieces = [raw] if isinstance(raw, str | int) or not isinstance(raw, Sequence) else list(raw)
    if not pieces:
        refuse("too_short", "At least one value is needed")
    values: list[object] = []
    for piece in pieces:
        text = checked_text(piece, length_max=TEXT_LENGTH_MAX * VALUES_MAX)
        if text.count(",") >= VALUES_MAX - len(values):
            refuse("too_long", f"At most {VALUES_MAX} values can be given")
        values.extend(_read_part(part.strip(), read) for part in text.split(","))
    return tuple(values)


def _read_part(part: str, read: Callable[[object], object]) -> object:
    if not part:
        refuse("value_empty", "A value is empty")
    return read(part)


def _read_time(raw: object, from_wall: Callable[[datetime], datetime]) -> datetime:
    text = checked_text(raw)
    lost_plus = _LOST_PLUS.fullmatch(text)
    try:
        moment = datetime.fromisoformat("+".join(lost_plus.groups()) if lost_plus else text)
        return from_wall(moment) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        refuse("datetime_parsing", "Input should be a time in ISO 8601")
