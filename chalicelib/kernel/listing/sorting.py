"""The grammar of ``sort_by``: ``a,-b,+c``."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from chalicelib.kernel.listing.values import checked_text, quoted, refuse

SORT_FIELDS_MAX: Final = 10

_SORT = re.compile(r"([+-]?)([a-z_][a-z0-9_]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sort:
    """One field of an order."""

    field: str
    is_descending: bool = False


def parse_sort(raw: object, fields: Collection[str]) -> tuple[Sort, ...] | None:
    """The sort fields in order; None for a blank text, which asks for the default.

    A ``+`` that the caller did not escape arrives as a space, so blanks around a field are forgiven. Raises
    PydanticCustomError for anything else: unknown fields, a field named twice, empty places, too many.
    """
    text = checked_text(raw)
    if not text.strip():
        return None
    parts = text.split(",")
    if len(parts) > SORT_FIELDS_MAX:
        refuse("sort_syntax", f"At most {SORT_FIELDS_MAX} fields can be sorted by")
    sorts = tuple(_sort(part.strip(), fields) for part in parts)
    if len({sort.field for sort in sorts}) < len(sorts):
        refuse("sort_syntax", "A field is named twice")
    return sorts


def _sort(part: str, fields: Collection[str]) -> Sort:
    match = _SORT.fullmatch(part)
    if match is None:
        refuse("sort_syntax", f"A sort field is written field, +field or -field, not {quoted(part)}")
    sign, field = match.groups()
    if field not in fields:
        refuse("sort_field", f"{quoted(field)} cannot be sorted by; fields are {', '.join(fields)}")
    return Sort(field, sign == "-")
