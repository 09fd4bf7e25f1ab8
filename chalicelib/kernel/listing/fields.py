"""What lists can be filtered, searched and sorted by; a context's ``store.py`` declares it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final, LiteralString

from psycopg import sql
from pydantic import PlainValidator, WithJsonSchema

from chalicelib.kernel.listing.values import (
    VALUES_MAX,
    Null,
    checked_text,
    read_boolean,
    read_earliest,
    read_integer,
    read_latest,
    read_number,
    read_values,
    refuse,
)

OPERATORS: Final = ("eq", "in", "ilike", "gte", "lte")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Kind(StrEnum):
    """What a field holds; the value is the SQL type that its parameters are cast to."""

    TEXT = "text"
    INTEGER = "bigint"
    NUMBER = "numeric"
    TIMESTAMP = "timestamptz"
    BOOLEAN = "boolean"


ALLOWED: Final = {
    Kind.TEXT: {"eq", "in", "ilike"},
    Kind.INTEGER: {"eq", "in", "ilike", "gte", "lte"},
    Kind.NUMBER: {"eq", "in", "ilike", "gte", "lte"},
    Kind.TIMESTAMP: {"gte", "lte"},
    Kind.BOOLEAN: {"eq"},
}
READERS: Final[dict[Kind, Callable[[object], object]]] = {
    Kind.TEXT: checked_text,
    Kind.INTEGER: read_integer,
    Kind.NUMBER: read_number,
    Kind.BOOLEAN: read_boolean,
}
SCHEMAS: Final[dict[Kind, dict[str, Any]]] = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.TIMESTAMP: {"type": "string"},
    Kind.BOOLEAN: {"type": "boolean"},
}
MEANINGS: Final = {
    "eq": "Equal to this value",
    "in": f"Equal to one of at most {VALUES_MAX} values: repeat the parameter or put commas between",
    "ilike": "Contains this text, ignoring case; no wildcards",
    "gte": "At least this value",
    "lte": "At most this value",
}
TIME_MEANING: Final = "ISO 8601; without an offset it is Europe/Berlin wall time, a date alone is its midnight"


@dataclass(frozen=True, slots=True)
class ListField:
    """One field on the wire. Made by `text`, `integer`, `number`, `timestamp`, `boolean` and `enumeration`.

    `null_word` is the special word that ``__eq`` and ``__in`` take for "empty" (SQL NULL).
    """

    name: str
    kind: Kind
    expression: sql.SQL
    operators: tuple[str, ...]
    is_searchable: bool = False
    null_word: str | None = None
    values: tuple[str, ...] = ()
    """The words of an enumeration; anything else is refused."""
    sort: sql.SQL | None = None
    """What is sorted by instead of the expression: the number behind an id that is shown as text."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or "__" in self.name:
            raise ValueError(f"not a field name: {self.name}")
        if unknown := set(self.operators) - ALLOWED[self.kind]:
            raise ValueError(f"{self.name} is {self.kind.name}: no {sorted(unknown)}")
        if self.is_searchable and "ilike" not in ALLOWED[self.kind]:
            raise ValueError(f"{self.name} is {self.kind.name}: not searchable")

    @property
    def sort_expression(self) -> sql.SQL:
        """What this field is sorted by."""
        return self.sort or self.expression

    @property
    def parameters(self) -> Iterable[tuple[str, str]]:
        """Parameter names with their operators, in a fixed order."""
        return [(f"{self.name}__{operator}", operator) for operator in OPERATORS if operator in self.operators]

    def annotation(self, operator: str) -> Any:
        """The pydantic type of one parameter: reads text, refuses nonsense, shows its JSON schema."""
        return Annotated[Any, PlainValidator(self._reader(operator)), WithJsonSchema(self._schema(operator))]

    def description(self, operator: str) -> str:
        """What the parameter means, for the API's document."""
        parts = [MEANINGS[operator]]
        if self.kind is Kind.TIMESTAMP:
            parts.append(TIME_MEANING)
        if self.null_word and operator in ("eq", "in"):
            parts.append(f"`{self.null_word}` finds records without one")
        return "; ".join(parts)

    def example(self, operator: str) -> str:
        """A text that the parameter accepts."""
        if self.kind is Kind.TIMESTAMP:
            return "2026-03-01T08:00:00+00:00"
        if self.values and operator != "ilike":
            return self.values[0]
        return "true" if self.kind is Kind.BOOLEAN else "1"

    def _reader(self, operator: str) -> Callable[[object], object]:
        if self.kind is Kind.TIMESTAMP:
            return read_earliest if operator == "gte" else read_latest
        if operator == "ilike":
            return checked_text
        if operator == "in":
            return partial(read_values, read=self._read_one)
        return self._read_one if operator == "eq" else READERS[self.kind]

    def _read_one(self, raw: object) -> object:
        word = checked_text(raw)
        if self.null_word is not None and word == self.null_word:
            return Null.NULL
        if self.values and word not in self.values:
            refuse("enum", f"Input should be one of: {', '.join(self.values)}")
        return READERS[self.kind](word)

    def _schema(self, operator: str) -> dict[str, Any]:
        if operator == "ilike":
            return {"type": "string"}
        schema = SCHEMAS[self.kind]
        if operator in ("eq", "in") and self.values:
            schema = {"type": "string", "enum": [*self.values, *([self.null_word] if self.null_word else [])]}
        elif operator in ("eq", "in") and self.null_word and self.kind is not Kind.TEXT:
            schema = {"anyOf": [schema, {"type": "string", "const": self.null_word}]}
        return {"type": "array", "items": schema, "maxItems": VALUES_MAX} if operator == "in" else schema


def constant(fragment: LiteralString) -> sql.SQL:
    """A constant piece of SQL from a declaration, in parentheses.

    Refuses at import what could end a statement or swallow parameters.
    """
    if any(mark in fragment for mark in ("%", "{", "}", ";", "--", "/*", "\x00")) or not fragment.strip():
        raise ValueError(f"not a plain SQL expression: {fragment!r}")
    return sql.SQL("(" + fragment + ")")


def text(
    name: str,
    expression: LiteralString,
    operators: str = "",
    *,
    is_searchable: bool = False,
    null_word: str | None = None,
    sort: LiteralString | None = None,
) -> ListField:
    """A field of text. The expression must be of type text: cast uuid and bit columns (``job.id::text``).

    `sort` is what the field is sorted by where text would order it wrongly (``sort="job.id"``: 9 before 10).
    """
    return ListField(
        name,
        Kind.TEXT,
        constant(expression),
        tuple(operators.split()),
        is_searchable,
        null_word=null_word,
        sort=constant(sort) if sort else None,
    )


def integer(
    name: str,
    expression: LiteralString,
    operators: str = "",
    *,
    is_searchable: bool = False,
    null_word: str | None = None,
) -> ListField:
    """A whole number within 64 bits; ``ilike`` and search look at its digits."""
    return ListField(
        name, Kind.INTEGER, constant(expression), tuple(operators.split()), is_searchable, null_word=null_word
    )


def number(name: str, expression: LiteralString, operators: str = "", *, is_searchable: bool = False) -> ListField:
    """An exact decimal number (SQL numeric); ``ilike`` and search look at its digits."""
    return ListField(name, Kind.NUMBER, constant(expression), tuple(operators.split()), is_searchable)


def timestamp(name: str, expression: LiteralString, operators: str = "") -> ListField:
    """A time (SQL timestamptz) with lower and upper bounds."""
    return ListField(name, Kind.TIMESTAMP, constant(expression), tuple(operators.split()))


def boolean(name: str, expression: LiteralString, operators: str = "") -> ListField:
    """True or false."""
    return ListField(name, Kind.BOOLEAN, constant(expression), tuple(operators.split()))


def enumeration(
    name: str,
    expression: LiteralString,
    operators: str = "",
    *,
    values: Iterable[str],
    is_searchable: bool = False,
    null_word: str | None = None,
) -> ListField:
    """One of a few words as the wire spells them. The expression must yield those words as SQL text."""
    words = tuple(str(value) for value in values)
    if not words or any("," in word or word == null_word for word in words):
        raise ValueError(f"{name}: an enumeration needs words, without commas")
    return ListField(
        name,
        Kind.TEXT,
        constant(expression),
        tuple(operators.split()),
        is_searchable,
        null_word=null_word,
        values=words,
    )
