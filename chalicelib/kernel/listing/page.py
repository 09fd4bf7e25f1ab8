"""The page of the storage surface and its honest total."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Self, TypeVar

from pydantic import BeforeValidator, Field

from chalicelib.kernel.listing.values import read_integer
from chalicelib.kernel.shapes import Shape

SIZE_DEFAULT: Final = 50
SIZE_MAX: Final = 1000
PAGE_MAX: Final = (2**31 - 1) // SIZE_MAX
"""The offset of any page at any size stays below 2^31."""
COUNT_MAX: Final = 100_000
"""Up to here `total` is exact; beyond it PostgreSQL stops counting."""

_ASCII_DIGITS: Final = BeforeValidator(read_integer)

Item = TypeVar("Item")


class ListQuery(Shape):
    """The parameters that every list has. Each `Listing` makes its own subclass with its filters."""

    page: Annotated[int, Field(ge=1, le=PAGE_MAX, description="Page, from 1"), _ASCII_DIGITS] = 1
    size: Annotated[int, Field(ge=1, le=SIZE_MAX, description="Most items"), _ASCII_DIGITS] = SIZE_DEFAULT

    @property
    def offset(self) -> int:
        """How many items come before this page."""
        return (self.page - 1) * self.size


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one page and how many there are in all; `total` stops at COUNT_MAX + 1."""

    rows: list[dict[str, Any]]
    total: int

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]]) -> Self:
        """Takes the rows of `store.page_statement` apart."""
        total = rows[0]["list_total"]
        own = [row for row in rows if row["list_position"] is not None]
        return cls([{k: v for k, v in row.items() if k not in ("list_total", "list_position")} for row in own], total)


class Page(Shape, Generic[Item]):
    """A page of a list. `total` is exact up to 100,000; above that it says how many are known to exist."""

    items: list[Item]
    page: Annotated[int, Field(ge=1)]
    pages: Annotated[int, Field(ge=0)]
    size: Annotated[int, Field(ge=1)]
    total: Annotated[int, Field(ge=0)]

    @classmethod
    def of(cls, items: Sequence[Item], query: ListQuery, total: int) -> Self:
        """The page that `query` asked for.

        Where counting stopped, a full page promises one more item, so that a client who follows `pages` gets
        to the end.
        """
        if total > COUNT_MAX:
            is_full = len(items) == query.size
            total = max(total, query.offset + len(items) + is_full)
        return cls(items=list(items), page=query.page, pages=-(-total // query.size), size=query.size, total=total)
