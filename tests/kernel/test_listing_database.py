"""The list language against a real PostgreSQL: whatever is accepted runs, and means what the model says."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import psycopg
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row

from chalicelib.kernel.listing import Found, Listing, ListingError, Page, text
from infra.local.postgres import start_postgres
from tests.kernel.listings import BARE, CREATE_SHELF, FILL_SHELF, SHELF, STATES
from tests.kernel.shelf_model import DEPTH_MAX, NAMES, matching, shelves

ROWS = shelves()


class Database:
    """What a unit of work offers to a listing, counting its statements."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self.connection = connection
        self.statements = 0

    def rows(self, sql: sql.Composed, params: Mapping[str, Any], /) -> list[dict[str, Any]]:
        self.statements += 1
        return self.connection.execute(sql, params).fetchall()

    def read(self, parameters: Mapping[str, object]) -> Found:
        return SHELF.read(self, SHELF.parse(parameters), {"depth_max": DEPTH_MAX})

    def ids(self, parameters: Mapping[str, object]) -> list[int]:
        return [row["id"] for row in self.read({"size": "1000", **parameters}).rows]


@pytest.fixture(scope="module")
def connection_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    cluster = start_postgres(tmp_path_factory.mktemp("listing"), durable=False)
    yield cluster.owner_url()
    cluster.stop()


@pytest.fixture(scope="module")
def database(connection_url: str) -> Iterator[Database]:
    with psycopg.connect(connection_url, row_factory=dict_row, prepare_threshold=None) as connection:
        connection.execute(CREATE_SHELF)
        with connection.cursor() as cursor:
            cursor.executemany(FILL_SHELF, [asdict(row) for row in ROWS])
        yield Database(connection)
        connection.rollback()


def meant(parameters: Mapping[str, object]) -> list[int]:
    return [row.id for row in matching(ROWS, SHELF.parse(parameters))]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"name__eq": "none"},
        {"name__in": "none,a"},
        {"name__in": "none"},
        {"name__eq": ""},
        {"name__ilike": "%"},
        {"name__ilike": "_"},
        {"name__ilike": "\\"},
        {"name__ilike": "OLIVE"},
        {"name__ilike": "cRèmE"},
        {"id__eq": "7"},
        {"id__eq": "seven"},
        {"id__ilike": "1"},
        {"depth__in": ["1,2", "none"]},
        {"depth__ilike": "1"},
        {"depth__gte": "2", "depth__lte": "12"},
        {"depth__gte": str(2**63 - 1)},
        {"load__eq": "1.5"},
        {"load__ilike": ".50"},
        {"state__in": "CREATED,In Work", "is_open__eq": "false"},
        {"created_at__gte": "2026-10-25T02:20", "created_at__lte": "2026-10-25T02:40"},
        {"search": "*:1"},
        {"search": 'name:"ab AND c" OR depth:21'},
        {"search": "(name:a OR name:b) AND state:work"},
        {"search": "name:a OR name:b AND state:work"},
        {"sort_by": "depth,-load,+is_open"},
        {"sort_by": "-is_open,created_at"},
        {"sort_by": "-id"},
    ],
)
def test_a_query_finds_what_it_means(database: Database, parameters: dict[str, object]) -> None:
    assert database.ids(parameters) == meant(parameters)


def test_the_doubled_hour_is_found_in_both_of_its_passes(database: Database) -> None:
    found = database.ids({"created_at__gte": "2026-10-25T02:00", "created_at__lte": "2026-10-25T02:00"})
    instants = {row.created_at.isoformat() for row in ROWS if row.id in found}
    assert {"2026-10-25T00:00:00+00:00", "2026-10-25T01:00:00+00:00"} <= instants


@pytest.mark.parametrize("sort_by", ["", "state", "-is_open,depth", "name,-load"])
@pytest.mark.parametrize("size", [1, 7, 50])
def test_pages_neither_repeat_nor_lose_a_row(database: Database, sort_by: str, size: int) -> None:
    whole = database.ids({"sort_by": sort_by})
    seen: list[int] = []
    for page in range(1, 200):
        found = database.read({"sort_by": sort_by, "size": str(size), "page": str(page)})
        assert found.total == len(whole)
        if not found.rows:
            break
        seen += [row["id"] for row in found.rows]
    assert seen == whole


def test_a_list_is_one_statement_and_its_rows_are_the_contexts_own(database: Database) -> None:
    before = database.statements
    found = database.read({"size": "2"})
    assert database.statements == before + 1
    assert list(found.rows[0]) == ["id", "name", "depth", "load", "state", "is_open", "created_at"]
    query = SHELF.parse({"size": "2"})
    page = Page[int].of([row["id"] for row in found.rows], query, found.total)
    assert page.pages == -(-found.total // 2)


def test_a_page_past_the_end_still_knows_the_total(database: Database) -> None:
    assert database.read({"page": "2147483", "size": "1000"}) == Found([], len(meant({})))


def test_counting_stops_at_the_cap(database: Database) -> None:
    many = Listing("Many", columns="n", source="FROM generate_series(1, 100500) AS n", fields=(), tiebreaker="n")
    found = many.read(database, many.parse({"page": "2", "size": "3"}))
    assert ([row["n"] for row in found.rows], found.total) == ([4, 5, 6], 100_001)


def test_every_sample_can_be_prepared(database: Database) -> None:
    samples = [(listing, query) for listing in (SHELF, BARE) for query in listing.samples()]
    assert len(samples) == 3
    for listing, query in samples:
        listing.read(database, query, {"depth_max": DEPTH_MAX})


def test_a_declaration_of_the_wrong_type_fails_at_any_value(database: Database) -> None:
    wrong = Listing(
        "Wrong",
        columns="1",
        source="FROM shelf",
        fields=(text("depth", "shelf.depth", "eq"),),
        tiebreaker="id",
    )
    with pytest.raises(psycopg.errors.UndefinedFunction), database.connection.transaction():
        wrong.read(database, wrong.parse({"depth__eq": "1"}))


pieces = st.sampled_from(
    ["name:", "depth:", "name", "state", "*:", ":", '"', "\\", "(", ")", " ", " AND ", " OR ", "AND", "a",
     "1", "%", "_", "'", ";", "--", "\x00", "$1", "%s", "%(x)s", "{}", "\n", "é", "٣", ",", "+", "-", "none",
     "NaN", "2026-10-25T02:30"]
)  # fmt: skip
hostile = st.text(max_size=40) | st.lists(pieces, max_size=25).map("".join) | st.sampled_from(["(" * 10_000, "9" * 400])
parameter_names = st.sampled_from(sorted(SHELF.query_model.model_fields)) | st.text(max_size=12)


@given(st.dictionaries(parameter_names, hostile | st.lists(hostile, max_size=3), max_size=4))
@example({"search": "name:a' OR '1'='1"})
@example({"search": 'name:"%(x)s" OR name:"{}"'})
@example({"sort_by": "id; DROP TABLE shelf"})
def test_any_text_either_runs_or_is_refused(database: Database, parameters: dict[str, object]) -> None:
    try:
        query = SHELF.parse(parameters)
    except ListingError:
        return
    found = SHELF.read(database, query, {"depth_max": DEPTH_MAX})
    assert len(found.rows) <= min(query.size, found.total)


words = st.sampled_from([name for name in NAMES if name]) | st.text('aAbB1%_\\"():, éÉ', min_size=1, max_size=4)
fields = st.sampled_from([*SHELF.searchable, "*"])


def written(field: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{field}:"{escaped}"'


terms = st.builds(written, fields, words)
operators = st.sampled_from([" AND ", " OR "])


def chains(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    tail = st.lists(st.tuples(operators, parts), max_size=3)
    return st.builds(lambda head, rest: head + "".join(o + p for o, p in rest), parts, tail)


expressions = chains(terms | chains(terms).map(lambda inner: f"({inner})"))
values = {
    "id": st.integers(0, 95).map(str),
    "name": words.filter(lambda word: "," not in word and word.strip() == word) | st.just("none"),
    "depth": st.integers(-2, 22).map(str) | st.just("none"),
    "load": st.sampled_from(["0", "1.5", "12.00", "-3.25", "4"]),
    "state": st.sampled_from(STATES),
    "is_open": st.sampled_from(["true", "false"]),
    "created_at": st.sampled_from(["2026-10-25T01:40", "2026-10-25T02:20", "2026-10-25T03:00", "2026-10-25T01:20:00Z"]),
}


@st.composite
def filters(draw: st.DrawFn) -> dict[str, object]:
    field = SHELF.fields[draw(st.sampled_from(sorted(values)))]
    parameter, operator = draw(st.sampled_from(list(field.parameters)))
    one = values[field.name]
    if operator == "ilike":
        return {parameter: draw(words)}
    if operator in ("gte", "lte"):
        return {parameter: draw(one.filter(lambda word: word != "none"))}
    return {parameter: draw(st.lists(one, min_size=1, max_size=3) if operator == "in" else one)}


@given(st.lists(filters(), max_size=3), st.none() | expressions)
def test_filters_and_search_mean_what_the_model_says(
    database: Database, chosen: list[dict[str, object]], search: str | None
) -> None:
    parameters = {name: value for one in chosen for name, value in one.items()}
    if search is not None:
        assume(search.count(":") <= 20 and len(search) <= 500)
        parameters["search"] = search
    assert database.ids(parameters) == meant(parameters)
