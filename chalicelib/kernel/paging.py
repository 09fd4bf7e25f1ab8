"""Pages of the warehouse's admin lists: ``page`` and ``per_page`` in, ``total``, ``page``, ``per_page``, ``pages`` out.

    class ItemQuery(PageQuery):
        q: Search | None = None

    class ItemPage(Paged):
        items: list[ItemView]

    @endpoint("GET", "/api/admin/items", allow=WMS_ADMIN)
    def list_items(call: Call[NoBody], query: ItemQuery) -> ItemPage: ...
        return ItemPage(items=..., **paged(query, total))

A list's statement counts at most `count_max` rows: no page costs a walk over a whole table.
"""

from typing import Annotated, TypedDict

from pydantic import Field

from chalicelib.kernel.shapes import Shape

PAGE_MAX = 1_000_000
PER_PAGE = 50
PER_PAGE_MAX = 1000
COUNT_AHEAD = 1_000
"""A list's total is exact up to so many rows after the page; beyond, it says at least so many."""


class PageQuery(Shape):
    """Which page of a list; subclasses add the filters."""

    page: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 1
    per_page: Annotated[int, Field(ge=1, le=PER_PAGE_MAX)] = PER_PAGE


class Paged(Shape):
    """The fields around a page; subclasses add the records, under the name of their kind."""

    total: int
    page: int
    per_page: int
    pages: int


class Window(TypedDict):
    """The parameters with which a list's statement cuts and counts."""

    limit: int
    offset: int
    count_max: int


class PagedFields(TypedDict):
    """What `Paged` is made with."""

    total: int
    page: int
    per_page: int
    pages: int


def window(query: PageQuery) -> Window:
    """limit, offset and the most that is counted."""
    offset = (query.page - 1) * query.per_page
    return {"limit": query.per_page, "offset": offset, "count_max": offset + COUNT_AHEAD}


def paged(query: PageQuery, total: int) -> PagedFields:
    """The fields around a page of a list with so many rows."""
    return {"total": total, "page": query.page, "per_page": query.per_page, "pages": pages(total, query.per_page)}


def pages(total: int, per_page: int) -> int:
    """How many pages so many rows fill."""
    return -(-total // per_page)
