"""Reading the list language: what is accepted, what is refused, and how all of it is named at once."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.kernel.listing import Listing, ListingError, Page, enumeration, text, timestamp
from chalicelib.kernel.listing.page import COUNT_MAX, PAGE_MAX, SIZE_MAX, Found
from chalicelib.kernel.listing.search import And, Or, Term
from chalicelib.kernel.listing.sorting import Sort
from chalicelib.kernel.listing.values import Null
from tests.kernel.listings import BARE, SHELF


def read(parameter: str, value: object) -> Any:
    return getattr(SHELF.parse({parameter: value}), parameter)


@pytest.mark.parametrize(
    ("parameter", "written", "meant"),
    [
        ("page", "7", 7),
        ("size", str(SIZE_MAX), SIZE_MAX),
        ("id__eq", "", ""),
        ("name__eq", "none", Null.NULL),
        ("name__eq", "None", "None"),
        ("name__ilike", "none", "none"),
        ("name__in", "a,b", ("a", "b")),
        ("name__in", ["a, b", "none"], ("a", "b", Null.NULL)),
        ("depth__eq", "-12", -12),
        ("depth__eq", ["3"], 3),
        ("depth__eq", "none", Null.NULL),
        ("depth__ilike", "x", "x"),
        ("depth__gte", "9223372036854775807", 2**63 - 1),
        ("load__lte", "12.50", Decimal("12.50")),
        ("state__in", "CREATED,In Work", ("CREATED", "In Work")),
        ("is_open__eq", "True", True),
        ("created_at__gte", "2026-07-01T10:00:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("created_at__gte", "2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("created_at__gte", "2026-07-01T10:00:00Z", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("created_at__lte", "2026-07-01T10:00:00+05:30", datetime(2026, 7, 1, 4, 30, tzinfo=UTC)),
        ("created_at__lte", "2026-07-01T10:00:00 05:30", datetime(2026, 7, 1, 4, 30, tzinfo=UTC)),
        ("created_at__lte", "2026-07-01 10:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("created_at__gte", "2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("created_at__lte", "2026-10-25T02:30", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("sort_by", "name,-depth,+load", (Sort("name"), Sort("depth", is_descending=True), Sort("load"))),
        ("sort_by", " load, -id", (Sort("load"), Sort("id", is_descending=True))),
        ("sort_by", " ", None),
        ("search", " \t", None),
    ],
)
def test_a_parameter_means(parameter: str, written: object, meant: object) -> None:
    assert read(parameter, written) == meant


def test_nothing_given_means_the_first_fifty() -> None:
    query = SHELF.parse({})
    assert (query.page, query.size, query.offset) == (1, 50, 0)
    assert query.model_dump(exclude_defaults=True) == {}


A, B, C = Term("name", "a"), Term("name", "b"), Term("depth", "3")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("name:a", A),
        ("*:a", Term("*", "a")),
        ("name: a", A),
        ("name:olive  oil", Term("name", "olive  oil")),
        ("name:salt and pepper", Term("name", "salt and pepper")),
        ("name:ANDREW", Term("name", "ANDREW")),
        ("name:AND", Term("name", "AND")),
        ("name:a:b", Term("name", "a:b")),
        ("name:at 12:30", Term("name", "at 12:30")),
        ('name:12" pan', Term("name", '12" pan')),
        ('name:"a AND (b) depth:3"', Term("name", "a AND (b) depth:3")),
        (r'name:"say \"hi\" \\ %"', Term("name", r'say "hi" \ %')),
        ("name:a AND depth:3", And((A, C))),
        ("name:a OR name:b OR depth:3", Or((A, B, C))),
        ("name:a OR name:b AND depth:3", Or((A, And((B, C))))),
        ("(name:a OR name:b) AND depth:3", And((Or((A, B)), C))),
        ("(name:a)", A),
        ("(name:a)OR(name:b)", Or((A, B))),
        ('(name:"a")AND depth:3', And((A, C))),
    ],
)
def test_a_search_means(written: str, meant: object) -> None:
    assert read("search", written) == meant


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("a", "search_syntax"),
        ("name:", "search_syntax"),
        ('name:""', "search_syntax"),
        (":a", "search_syntax"),
        ("name:a AND", "search_syntax"),
        ("AND name:a", "search_syntax"),
        ("name:a AND OR name:b", "search_syntax"),
        ("name:a name:b", "search_syntax"),
        ('name:a name:"b"', "search_syntax"),
        ("name:a (depth:3)", "search_syntax"),
        ("name: AND", "search_syntax"),
        ("()", "search_syntax"),
        ("(name:a", "search_syntax"),
        ("name:a)", "search_syntax"),
        (")(", "search_syntax"),
        ("((name:a))", "search_syntax"),
        ("(name:a OR (name:b))", "search_syntax"),
        ("name:cup (12 oz)", "search_syntax"),
        ('name:"a', "search_syntax"),
        ('name:"a"b', "search_syntax"),
        ("id:a", "search_field"),
        ("nosuch:a", "search_field"),
        ("NAME:a", "search_field"),
        ("created_at:2026", "search_field"),
        ("name:a\x00", "string_unprintable"),
        ("name:\ud800", "string_unprintable"),
        (" OR ".join(["name:a"] * 21), "search_syntax"),
        ("name:" + "a" * 500, "string_too_long"),
        ("(" * 10_000, "string_too_long"),
        ("(" * 500, "search_syntax"),
        (["name:a", "name:b"], "parameter_repeated"),
        (None, "string_type"),
    ],
)
def test_a_search_is_refused(written: object, kind: str) -> None:
    with pytest.raises(ListingError) as caught:
        SHELF.parse({"search": written})
    assert [(error["type"], error["loc"]) for error in caught.value.errors] == [(kind, ["search"])]


@pytest.mark.parametrize(
    ("parameter", "written", "kind"),
    [
        ("page", "0", "greater_than_equal"),
        ("page", str(PAGE_MAX + 1), "less_than_equal"),
        ("page", "9" * 30, "int_parsing"),
        ("page", "1.0", "int_parsing"),
        ("page", "1_0", "int_parsing"),
        ("page", "١", "int_parsing"),
        ("page", "", "int_parsing"),
        ("size", "0", "greater_than_equal"),
        ("size", str(SIZE_MAX + 1), "less_than_equal"),
        ("depth__eq", "9223372036854775808", "int_parsing"),
        ("depth__eq", "３", "int_parsing"),
        ("depth__gte", "none", "int_parsing"),
        ("depth__in", "1,,2", "value_empty"),
        ("depth__in", "1,x", "int_parsing"),
        ("depth__in", [], "too_short"),
        ("depth__in", ",".join("1" * 101), "too_long"),
        ("depth__in", ["1"] * 101, "too_long"),
        ("load__eq", "NaN", "decimal_parsing"),
        ("load__gte", "Infinity", "decimal_parsing"),
        ("load__gte", "1e5", "decimal_parsing"),
        ("state__eq", "created", "enum"),
        ("state__in", "CREATED,GONE", "enum"),
        ("is_open__eq", "1", "bool_parsing"),
        ("created_at__gte", "yesterday", "datetime_parsing"),
        ("created_at__gte", "2026-02-30", "datetime_parsing"),
        ("created_at__gte", "0001-01-01T00:00", "datetime_parsing"),
        ("created_at__lte", "9999-12-31T23:59:59-05:00", "datetime_parsing"),
        ("created_at__lte", "２０２６-01-01", "datetime_parsing"),
        ("name__eq", "a\x00b", "string_unprintable"),
        ("name__ilike", "a" * 501, "string_too_long"),
        ("name__eq", ["a", "b"], "parameter_repeated"),
        ("name__eq", {"a": "b"}, "string_type"),
        ("sort_by", "nosuch", "sort_field"),
        ("sort_by", "name,name", "sort_syntax"),
        ("sort_by", "name,-name", "sort_syntax"),
        ("sort_by", "name,", "sort_syntax"),
        ("sort_by", "--name", "sort_syntax"),
        ("sort_by", "name;DROP TABLE shelf", "sort_syntax"),
        ("sort_by", ",".join(["name"] * 11), "sort_syntax"),
        ("created_at__eq", "2026-01-01", "extra_forbidden"),
        ("nosuch__eq", "1", "extra_forbidden"),
        ("limit", "1", "extra_forbidden"),
    ],
)
def test_a_parameter_is_refused(parameter: str, written: object, kind: str) -> None:
    with pytest.raises(ListingError) as caught:
        SHELF.parse({parameter: written})
    assert [(error["type"], error["loc"]) for error in caught.value.errors] == [(kind, [parameter])]


def test_all_wrong_parameters_are_named_at_once() -> None:
    with pytest.raises(ListingError) as caught:
        SHELF.parse({"page": "x", "search": "(", "sort_by": "?", "depth__eq": "y", "other": "z", "size": "2"})
    assert {error["loc"][0] for error in caught.value.errors} == {
        "page",
        "search",
        "sort_by",
        "depth__eq",
        "other",
    }
    assert all(set(error) == {"type", "loc", "msg"} for error in caught.value.errors)


def test_the_model_alone_refuses_too() -> None:
    with pytest.raises(ValidationError):
        SHELF.query_model.model_validate({"search": "(("})


def test_half_a_surrogate_in_a_name_is_refused() -> None:
    with pytest.raises(ListingError):
        SHELF.parse({"\ud800": "1"})


def test_braces_of_a_caller_are_no_template() -> None:
    with pytest.raises(ListingError, match=r"\{sentence\}"):
        SHELF.parse({"search": "{sentence}"})


def test_the_model_is_made_once_and_documents_each_parameter() -> None:
    assert SHELF.query_model is SHELF.query_model
    schema = SHELF.query_model.model_json_schema()["properties"]
    page = schema["page"]
    assert (page["type"], page["default"], page["minimum"], page["maximum"]) == ("integer", 1, 1, PAGE_MAX)
    assert schema["depth__in"]["items"] == {"anyOf": [{"type": "integer"}, {"type": "string", "const": "none"}]}
    assert schema["state__eq"]["enum"] == ["CREATED", "ACCEPTED", "In Work"]
    assert schema["sort_by"]["default"] == "-created_at"
    assert schema["name__eq"]["description"].endswith("`none` finds records without one")
    assert "Europe/Berlin" in schema["created_at__gte"]["description"]
    assert all("description" in parameter for parameter in schema.values())


def test_a_list_without_searchable_fields_takes_no_search() -> None:
    with pytest.raises(ListingError, match="Extra inputs"):
        BARE.parse({"search": "*:a"})


def test_a_query_of_another_list_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        SHELF.compile(BARE.parse({}))


@pytest.mark.parametrize(
    ("sort_by", "order"),
    [
        ("", "(shelf.created_at) DESC, (shelf.id) DESC"),
        ("name,-depth", "(shelf.name) ASC, (shelf.depth) DESC, (shelf.id) DESC"),
        ("-name,depth", "(shelf.name) DESC, (shelf.depth) ASC, (shelf.id) ASC"),
    ],
)
def test_every_order_ends_with_the_tiebreaker(sort_by: str, order: str) -> None:
    assert SHELF.compile(SHELF.parse({"sort_by": sort_by})).order_by.as_string() == order


def test_values_are_bound_and_never_text() -> None:
    clauses = SHELF.compile(SHELF.parse({"name__eq": "it's", "search": "*:100%_\\", "page": "3", "size": "20"}))
    assert clauses.where.as_string() == (
        "((shelf.name) = %(list_0)s::text) AND ((shelf.name) ILIKE %(list_1)s::text OR "
        "(shelf.depth)::text ILIKE %(list_2)s::text OR (shelf.load)::text ILIKE %(list_3)s::text OR "
        "(shelf.state) ILIKE %(list_4)s::text)"
    )
    assert clauses.params == {"list_0": "it's"} | {f"list_{n}": r"%100\%\_\\%" for n in (1, 2, 3, 4)}
    assert (clauses.limit, clauses.offset) == (20, 40)


@pytest.mark.parametrize(
    ("_case", "make"),
    [
        ("an operator its kind has not", lambda: timestamp("at", "t.at", "ilike")),
        ("an operator nobody knows", lambda: text("a", "t.a", "like")),
        ("no field name", lambda: text("A-b", "t.a")),
        ("an operator inside the name", lambda: text("a__eq", "t.a")),
        ("a parameter in the SQL", lambda: text("a", "t.a || %(b)s")),
        ("a second statement", lambda: text("a", "t.a; DROP TABLE t")),
        ("no words", lambda: enumeration("a", "t.a", "eq", values=())),
        ("a word that `in` would cut", lambda: enumeration("a", "t.a", "eq", values=("x,y",))),
        ("a field declared twice", lambda: listing_of(text("a", "t.a"), text("a", "t.b"))),
        ("a reserved name", lambda: listing_of(text("page", "t.page"))),
        ("an unknown default", lambda: listing_of(text("a", "t.a"), default_sort="b")),
    ],
)
def test_a_wrong_declaration_fails_at_import(_case: str, make: Any) -> None:
    with pytest.raises(ValueError):
        make()


def listing_of(*fields: Any, default_sort: str = "") -> Listing:
    return Listing("X", columns="1", source="FROM t", fields=fields, tiebreaker="t.id", default_sort=default_sort)


@pytest.mark.parametrize(
    ("_case", "page", "size", "items", "counted", "total", "pages"),
    [
        ("nothing", 1, 50, 0, 0, 0, 0),
        ("one page", 1, 50, 3, 3, 3, 1),
        ("a last page that is full", 2, 10, 10, 20, 20, 2),
        ("past the end", 9, 10, 0, 20, 20, 2),
        ("exactly the cap", 1, 1000, 1000, COUNT_MAX, COUNT_MAX, 100),
        ("above the cap, at the start", 1, 1000, 1000, COUNT_MAX + 1, COUNT_MAX + 1, 101),
        ("above the cap, a full page promises more", 150, 1000, 1000, COUNT_MAX + 1, 150_001, 151),
        ("above the cap, the real end", 151, 1000, 7, COUNT_MAX + 1, 150_007, 151),
    ],
)
def test_a_page_counts_honestly(
    _case: str, page: int, size: int, items: int, counted: int, total: int, pages: int
) -> None:
    query = SHELF.parse({"page": str(page), "size": str(size)})
    drawn = Page[int].of(list(range(items)), query, counted)
    assert (drawn.total, drawn.pages, drawn.page, drawn.size, len(drawn.items)) == (
        total,
        pages,
        page,
        size,
        items,
    )


def test_rows_lose_what_the_statement_added() -> None:
    rows: list[dict[str, Any]] = [{"list_total": 2, "list_position": 1, "id": 5}]
    assert Found.of(rows) == Found([{"id": 5}], 2)
    assert Found.of([{"list_total": 2, "list_position": None, "id": None}]) == Found([], 2)
