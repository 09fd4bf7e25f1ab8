"""The lists of the storage surface against the contract: fields, filters, search, sorting, limits."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from chalicelib.robots.lists.store import (
    INVENTORY,
    JOB_STATES,
    JOB_TYPES,
    JOBS,
    REQUEST_STATES,
    REQUEST_TYPES,
    REQUESTS,
)
from tests.factories.floor import make_lot
from tests.factories.robots import Storage, make_storage
from tests.factories.stock import make_shelf
from tests.tenant import Tenant

LISTS = {"requests": REQUESTS, "jobs": JOBS, "inventory_view": INVENTORY}
PARAMETERS = {
    "requests": """counter__eq created_at__gte created_at__lte id__eq id__in page placing_pos__eq priority__eq size sort_by
        status__eq status__in type__eq type__in updated_at__gte updated_at__lte""",
    "jobs": """balcony_id__eq created_at__gte created_at__lte id__eq level_id__eq page request_id__eq request_id__in size
        sort_by status__eq status__in type__eq type__in updated_at__gte updated_at__lte""",
    "inventory_view": """box_height_string_max__eq box_height_string_max__ilike box_id__eq box_id__ilike box_size_string__eq
        box_size_string__ilike box_size_string__in carrier_id__eq carrier_id__ilike content_codes__ilike depth__eq depth__gte
        depth__ilike depth__in depth__lte eta_int__ilike item_count__eq item_count__ilike item_count_max__eq
        item_count_max__ilike level_id__in measurement_unit__in page position_x__eq position_x__ilike position_y__eq
        position_y__ilike search section_code_32__eq section_code__eq size sku_id__eq sku_id__ilike sku_name__ilike sort_by
        system_quantity__eq system_quantity__ilike updated_at__gte updated_at__lte""",
}
FIELDS = {
    "requests": """bot_id counter created_at created_at_utc entities id level_id placing_pos priority status type updated_at
        updated_at_utc warnings""",
    "jobs": """balcony_id bot_id box_id carrier_id created_at created_at_utc id level_id measurement_unit on_empty_sku_action
        quantity request_id sku_id sku_name status type updated_at updated_at_utc""",
    "inventory_view": """box_height_string_max box_id box_size box_size_string carrier_id content_codes depth eta eta_int id
        item_count item_count_max level_id measurement_unit on_empty_sku_action position_x position_y section_code
        section_code_32 sku_id sku_name system_quantity updated_at updated_at_utc""",
}


@pytest.fixture
def storage(tenant: Tenant) -> Storage:
    """Two carriers: three boxes of which one is empty, and one box with a lot; one job waits."""
    made = make_storage(tenant)
    _, _, boxes = made.carrier(boxes=3, items_max=50)
    made.load(12, box=boxes[0])
    made.load(7, box=boxes[1])
    tracked = make_shelf(tenant, free=0)
    made.load(30, shelf=tracked, lot_id=make_lot(tenant, tracked, expires_on=None))
    made.ask((tracked, 1))
    made.work()
    return made


@pytest.mark.parametrize("name", LISTS)
def test_rows_and_parameters_are_those_of_the_contract(storage: Storage, name: str) -> None:
    reply = storage.api.get(f"/api/v2/{name}")
    assert set(reply.json) == {"items", "page", "pages", "size", "total"}
    assert reply.json["total"] > 0
    assert set(reply.json["items"][0]) == set(FIELDS[name].split())
    assert set(PARAMETERS[name].split()) == set(LISTS[name].query_model.model_fields)
    assert reply.statements <= 4


@pytest.mark.parametrize("name", LISTS)
def test_every_filter_search_and_sort_runs(storage: Storage, name: str) -> None:
    for query in LISTS[name].samples():
        assert LISTS[name].name
        with storage.tenant.uow() as uow:
            LISTS[name].read(uow, query)


def hostile() -> Iterator[tuple[str, str]]:
    """Words that are no values of these parameters."""
    for name in LISTS:
        yield name, "page=0"
        yield name, "size=1001"
        yield name, "page=99999999999999999999"
        yield name, "sort_by=1;DROP TABLE bot"
        yield name, "sort_by=created_at,,id"
        yield name, "id__like=1"
        yield name, "nonsense=1"
        yield name, "updated_at__gte=yesterday"
        yield name, "updated_at__lte=0000-00-00"
    yield "jobs", "status__eq=' OR 1=1 --"
    yield "jobs", "type__in=FETCH,MAINTENANCE"
    yield "jobs", "level_id__eq=1e3"
    yield "jobs", "level_id__eq=99999999999999999999999"
    yield "jobs", "id__eq=\x00"
    yield "jobs", "search=*:a"
    yield "requests", "counter__eq=one"
    yield "inventory_view", "search=sku_id:(a OR (b AND c))"
    yield "inventory_view", "search=organization_id:1"
    yield "inventory_view", "search=sku_id:"
    yield "inventory_view", "depth__in=1,,2"
    yield "inventory_view", "section_code_32__eq=0x1"
    yield "inventory_view", "item_count__eq=' OR ''='"


@pytest.mark.parametrize(("name", "query"), list(hostile()))
def test_hostile_parameters_are_refused(tenant: Tenant, name: str, query: str) -> None:
    api = make_storage(tenant, bots=0).api
    key, _, value = query.partition("=")
    reply = api.get(f"/api/v2/{name}?{key}={quote(value)}")
    if "\x00" in value:
        assert reply.status in (400, 422)
        return
    assert reply.status == 422, reply.json
    assert [set(error) for error in reply.json["detail"]] == [{"loc", "msg", "type"}]
    assert reply.json["detail"][0]["loc"][0] == "query"


def test_the_inventory_shows_boxes_empty_boxes_and_free_space(storage: Storage) -> None:
    rows = storage.inventory()
    assert len(rows) == 6  # four boxes, one of them empty, and the free space of two carriers
    by_units = {row["system_quantity"]: row for row in rows}
    box = by_units[12]
    assert (box["item_count"], box["item_count_max"], box["box_size"], box["box_size_string"]) == (12, 50, 4, "XS")
    assert (box["section_code"], box["section_code_32"]) == ("10000000", int("1111" + "0" * 28))
    assert (box["measurement_unit"], box["on_empty_sku_action"], box["box_height_string_max"]) == (
        "PIECE",
        "UNASSIGN",
        300,
    )
    empty = by_units[0]
    assert (empty["sku_id"], empty["measurement_unit"], empty["section_code"]) == (None, None, "00100000")
    free = sorted(row["box_size"] for row in rows if row["box_id"] is None)
    assert (free, by_units[None]["system_quantity"]) == ([20, 28], None)
    assert [row["box_size_string"] for row in rows if row["box_id"] is None] == ["M", "M"]
    assert by_units[30]["content_codes"].startswith("LOT-")
    assert len({row["id"] for row in rows}) == 6


@pytest.mark.parametrize(
    ("query", "units"),
    [
        ("box_id__eq=none", [None, None]),
        ("sku_id__eq=none", [None, None, 0]),
        ("sku_id__eq=none&box_size_string__eq=XS", [0]),
        ("system_quantity__eq=12", [12]),
        ("system_quantity__ilike=2", [12]),
        ("item_count__eq=0", [0]),
        ("item_count_max__eq=50", [0, 7, 12]),
        ("box_size_string__in=XS,L", [0, 7, 12, 30]),
        ("section_code__eq=01000000", [7]),
        ("section_code_32__eq=00001111000000000000000000000000", [7]),
        ("section_code_32__eq=1111000000000000000000000000", [7]),
        ("section_code_32__eq=11110000000000000000000000000000", [12, 30]),
        ("search=section_code:0010", [0]),
        ("search=*:LOT", []),
        ("content_codes__ilike=lot-", [30]),
        ("eta_int__ilike=77777", []),
        ("depth__gte=1", []),
        ("depth__lte=0&item_count__eq=7", [7]),
        ("measurement_unit__in=PIECE", [7, 12, 30]),
        ("updated_at__gte=2999-01-01", []),
        ("updated_at__lte=2999-01-01&item_count__eq=7", [7]),
        ("box_height_string_max__eq=300&item_count__eq=7", [7]),
    ],
)
def test_inventory_filters(storage: Storage, query: str, units: list[int | None]) -> None:
    found = [row["system_quantity"] for row in storage.inventory(query)]
    assert sorted(found, key=lambda n: (n is not None, n)) == units


def test_inventory_is_sorted_and_paged_without_loss(storage: Storage) -> None:
    down = [row["system_quantity"] for row in storage.inventory("sort_by=-system_quantity&box_size_string__eq=XS")]
    assert down == [30, 12, 7, 0]
    pages = [storage.inventory(f"size=2&page={page}") for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [2, 2, 2, 0]
    assert len({row["id"] for page in pages for row in page}) == 6


def test_a_sku_whose_empty_box_stays_its_own_is_shown_with_nothing(storage: Storage) -> None:
    sku = next(row["sku_id"] for row in storage.inventory("system_quantity__eq=7"))
    storage.tenant.rows(
        "INSERT INTO storage_sku (variant_id, on_empty_sku_action) SELECT id, 'DO_NOTHING' FROM variant WHERE sku = %(s)s "
        "RETURNING variant_id",
        s=sku,
    )
    reply = storage.api.post("/api/v2/requests", {"type": "FULFILLMENT", "entities": [{"sku_id": sku, "quantity": 7}]})
    storage.work()
    storage.trigger(storage.jobs(request_id__eq=reply.json["id"])[0]["id"])
    (row,) = storage.inventory(f"sku_id__eq={sku}")
    assert (row["system_quantity"], row["on_empty_sku_action"]) == (0, "DO_NOTHING")


def test_jobs_are_filtered(storage: Storage) -> None:
    (job,) = storage.jobs(status__eq="WAITING")
    for filters in (
        {"id__eq": job["id"]},
        {"request_id__in": f"{job['request_id']},other"},
        {"balcony_id__eq": str(storage.balcony.id)},
        {"level_id__eq": str(storage.level_id)},
        {"status__in": "WAITING,FAILED", "type__eq": "FULFILLMENT"},
    ):
        assert [found["id"] for found in storage.jobs(**filters)] == [job["id"]]
    assert storage.jobs(status__in="FAILED") == []
    assert (job["sku_name"] or "").startswith("Product ")


def test_requests_are_newest_first_and_filtered(storage: Storage) -> None:
    for n in range(3):
        storage.api.post("/api/v2/requests", {"type": "PAUSE" if n % 2 else "RESUME", "id": f"P{n}"})
    listed = storage.api.get("/api/v2/requests").json["items"]
    assert [request["id"] for request in listed[:3]] == ["P2", "P1", "P0"]
    counters = [request["counter"] for request in listed]
    assert counters == sorted(counters, reverse=True)
    found = storage.api.get("/api/v2/requests?type__in=PAUSE&status__eq=COMPLETED").json
    assert ([request["id"] for request in found["items"]], found["total"]) == (["P1"], 1)
    assert storage.request("P1")["entities"] == []


def test_words_of_lists_are_those_of_the_tables(tenant: Tenant) -> None:
    """The lists offer exactly the words that the database accepts."""
    sql = "SELECT pg_get_constraintdef(oid) AS d FROM pg_constraint WHERE conrelid = %(t)s::regclass AND contype = 'c'"
    request_checks = " ".join(row["d"] for row in tenant.rows(sql, t="storage_request"))
    job_checks = " ".join(row["d"] for row in tenant.rows(sql, t="storage_job"))
    assert all(f"'{word}'" in request_checks for word in (*REQUEST_TYPES, *REQUEST_STATES))
    assert all(f"'{word}'" in job_checks for word in JOB_STATES)
    assert set(JOB_TYPES) < set(REQUEST_TYPES)
