"""What the list language means, said a second time in plain Python: the oracle of the property tests."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from chalicelib.kernel.listing import ListQuery
from chalicelib.kernel.listing.search import ALL_FIELDS, And, Search, Term
from chalicelib.kernel.listing.sorting import Sort
from chalicelib.kernel.listing.values import Null
from tests.kernel.listings import SHELF, STATES

NAMES = (
    None, "", "a", "A b", "AB", "ab AND c", "100%", "100_", "a\\b", 'say "a"', "(b)", "none", "None", "é",
    "a,b", "a:b", "Olive oil", "olive  OIL", "CRÈME", "crème",
)  # fmt: skip
DEPTH_MAX = 90
"""The list's own condition hides what is deeper."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One row of the table."""

    id: int
    name: str | None
    depth: int | None
    load: Decimal | None
    state: str
    is_open: bool
    created_at: datetime


def shelves(count: int = 90) -> list[Shelf]:
    """Rows with many equal values, so that orders have ties, around the autumn change of the clock."""
    random = Random(20261025)
    return [
        Shelf(
            id=number,
            name=random.choice(NAMES),
            depth=random.choice((None, 0, 1, 2, 10, 12, 21, -1, 95)),
            load=random.choice((None, Decimal("0.00"), Decimal("1.50"), Decimal("12.00"), Decimal("-3.25"))),
            state=random.choice(STATES),
            is_open=random.random() < 0.5,
            created_at=datetime(2026, 10, 24, 22, tzinfo=UTC) + timedelta(minutes=20 * random.randrange(20)),
        )
        for number in range(1, count + 1)
    ]


def matching(rows: Iterable[Shelf], query: ListQuery) -> list[Shelf]:
    """All rows that the query means, in its order, without paging."""
    found = [row for row in rows if (row.depth is None or row.depth < DEPTH_MAX) and _matches(row, query)]
    sorts = getattr(query, "sort_by", None) or (Sort("created_at", is_descending=True),)
    names = {sort.field for sort in sorts}
    tiebreaker = [] if "id" in names else [Sort("id", is_descending=sorts[-1].is_descending)]
    for sort in reversed([*sorts, *tiebreaker]):
        found.sort(key=lambda row: _rank(getattr(row, sort.field)), reverse=sort.is_descending)
    return found


def _matches(row: Shelf, query: ListQuery) -> bool:
    for field in SHELF.fields.values():
        for parameter, operator in field.parameters:
            asked = getattr(query, parameter)
            if asked is not None and not _holds(_wire(row, field.name), operator, asked):
                return False
    search = getattr(query, "search", None)
    return search is None or _found(row, search)


def _wire(row: Shelf, name: str) -> Any:
    return str(row.id) if name == "id" else getattr(row, name)


def _holds(value: Any, operator: str, asked: Any) -> bool:
    if operator == "in":
        return any(_holds(value, "eq", one) for one in asked)
    if asked is Null.NULL:
        return value is None
    if value is None:
        return False
    if operator == "ilike":
        return str(asked).lower() in str(value).lower()
    if operator == "eq":
        return bool(value == asked)
    return bool(value >= asked if operator == "gte" else value <= asked)


def _found(row: Shelf, tree: Search) -> bool:
    if isinstance(tree, Term):
        names = SHELF.searchable if tree.field == ALL_FIELDS else [tree.field]
        return any(_holds(_wire(row, name), "ilike", tree.value) for name in names)
    results = [_found(row, part) for part in tree.parts]
    return all(results) if isinstance(tree, And) else any(results)


def _rank(value: Any) -> Any:
    """PostgreSQL's order: NULL is larger than everything; text by code points (the test orders by none)."""
    return (1, 0) if value is None else (0, value)
