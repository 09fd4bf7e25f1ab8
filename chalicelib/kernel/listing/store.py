"""Every piece of SQL that the list language is made of. Values only ever travel as bound parameters."""

from collections.abc import Mapping
from typing import Any, Final

from psycopg import sql

from chalicelib.kernel.listing.fields import Kind, ListField
from chalicelib.kernel.listing.values import Null

ALWAYS: Final = sql.SQL("TRUE")
AND: Final = sql.SQL(" AND ")
OR: Final = sql.SQL(" OR ")
COMMA: Final = sql.SQL(", ")
GROUP: Final = sql.SQL("({})")
ASCENDING: Final = sql.SQL("{} ASC")
DESCENDING: Final = sql.SQL("{} DESC")
IS_NULL: Final = sql.SQL("{} IS NULL")
EITHER_NULL: Final = sql.SQL("{} OR {} IS NULL")
CONTAINS: Final = sql.SQL("{} ILIKE {}::text")
CONTAINS_DIGITS: Final = sql.SQL("{}::text ILIKE {}::text")
"""Escaping in ILIKE is PostgreSQL's default, the backslash (PostgreSQL 18, section 9.7.1)."""
OPERATIONS: Final = {
    "eq": sql.SQL("{} = {}::{}"),
    "in": sql.SQL("{} = ANY({}::{}[])"),
    "gte": sql.SQL("{} >= {}::{}"),
    "lte": sql.SQL("{} <= {}::{}"),
}
TYPES: Final = {
    Kind.TEXT: sql.SQL("text"),
    Kind.INTEGER: sql.SQL("bigint"),
    Kind.NUMBER: sql.SQL("numeric"),
    Kind.TIMESTAMP: sql.SQL("timestamptz"),
    Kind.BOOLEAN: sql.SQL("boolean"),
}
"""Parameters are cast: a declaration of the wrong type fails at PREPARE, not at some caller's value."""

PAGE: Final = sql.SQL("""
    WITH found AS (
        SELECT {columns} {source}
         WHERE {where}
         ORDER BY {order_by}
         LIMIT %(list_limit)s OFFSET %(list_offset)s
    ), placed AS (
        SELECT found.*, row_number() OVER () AS list_position FROM found
    ), counted AS (
        SELECT count(*) AS list_total
          FROM (SELECT 1 {source} WHERE {where} LIMIT %(list_count_max)s) AS capped
    )
    SELECT counted.list_total, placed.*
      FROM counted LEFT JOIN placed ON TRUE
     ORDER BY placed.list_position
""")
"""Rows and count in one statement.

A page past the end is one row without a position, so the total is never lost.
"""

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


def like_pattern(words: str) -> str:
    """A LIKE pattern that means "contains exactly these characters"."""
    return "%" + words.translate(_ESCAPES) + "%"


class Conditions:
    """Collects bound parameters while conditions are built; their names all start with ``list_``."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}

    def bind(self, value: object) -> sql.Placeholder:
        """A placeholder for one value."""
        name = "list_" + str(len(self.params))
        self.params[name] = value
        return sql.Placeholder(name)

    def filter(self, field: ListField, operator: str, value: Any) -> sql.Composed:
        """The condition of one ``field__operator`` parameter."""
        if operator == "ilike":
            return self.contains(field, value)
        if operator == "in":
            return self._among(field, value)
        if value is Null.NULL:
            return IS_NULL.format(field.expression)
        return self._compare(field, operator, value)

    def contains(self, field: ListField, words: str) -> sql.Composed:
        """The field, as it reads on the wire, contains `words`, ignoring case."""
        template = CONTAINS if field.kind is Kind.TEXT else CONTAINS_DIGITS
        return template.format(field.expression, self.bind(like_pattern(words)))

    def _among(self, field: ListField, values: tuple[object, ...]) -> sql.Composed:
        present = [value for value in values if value is not Null.NULL]
        among = self._compare(field, "in", present)
        return among if len(present) == len(values) else EITHER_NULL.format(among, field.expression)

    def _compare(self, field: ListField, operator: str, value: object) -> sql.Composed:
        return OPERATIONS[operator].format(field.expression, self.bind(value), TYPES[field.kind])


def page_statement(columns: sql.SQL, source: sql.SQL, where: sql.Composable, order_by: sql.Composable) -> sql.Composed:
    """The single statement of a list; `page_params` binds what it adds."""
    return PAGE.format(columns=columns, source=source, where=where, order_by=order_by)


def page_params(*, limit: int, offset: int, count_max: int) -> Mapping[str, int]:
    """The paging parameters of `page_statement`."""
    return {"list_limit": limit, "list_offset": offset, "list_count_max": count_max}
