"""The feed: every committed fact once, in an order that never changes, whoever writes meanwhile."""

import random
import threading
import time
from collections import defaultdict
from typing import Any

import pytest

from chalicelib.feed import rules
from chalicelib.kernel import jobs, schedules
from chalicelib.kernel.retention import FEED_KEPT_FOR
from chalicelib.orders import facts
from tests.client import Client
from tests.factories.feed import Noted, Renoted, data_of, number, reader, tell
from tests.factories.floor import make_floor, place
from tests.factories.identity import make_api_key
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.tenant import Clock, Tenant
from tests.threads import together

WRITERS, TOLD_EACH, RECORDS = 50, 6, 7


def positions(events: list[dict[str, Any]]) -> list[int]:
    return [int(event["cursor"]) for event in events]


def test_a_fact_is_read_as_it_was_told(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        uow.tell(Noted(note_id=7, number=3))
        at = uow.now
    assert reader(tenant).get("/api/v1/events").json == {"events": [], "next": "0", "has_more": False}
    number()
    reply = reader(tenant).get("/api/v1/events")
    assert (reply.status, reply.statements) == (200, 4)
    assert reply.json == {
        "events": [
            {
                "id": f"evt_{tenant.id}_1",
                "type": "order.placed",
                "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "record": "note:7",
                "sequence": 1,
                "cursor": "1",
                "data": {"note_id": 7, "number": 3},
            }
        ],
        "next": "1",
        "has_more": False,
    }


def test_the_cursor_leads_through_the_feed_page_by_page(tenant: Tenant) -> None:
    tell(tenant, *(Noted(note_id=1, number=n) for n in range(7)))
    seen, after, pages = [], "0", 0
    while True:
        page = reader(tenant).get(f"/api/v1/events?after={after}&limit=3").json
        seen += [event["data"]["number"] for event in page["events"]]
        after, pages = page["next"], pages + 1
        if not page["has_more"]:
            break
    assert (seen, pages, after) == (list(range(7)), 3, "7")
    assert reader(tenant).get(f"/api/v1/events?after={after}").json == {"events": [], "next": "7", "has_more": False}
    tell(tenant, Noted(note_id=2))
    assert positions(reader(tenant).get(f"/api/v1/events?after={after}").json["events"]) == [8]


def test_who_begins_with_the_latest_hears_what_happens_from_now_on(tenant: Tenant) -> None:
    tell(tenant, Noted(note_id=1), Noted(note_id=2))
    page = reader(tenant).get("/api/v1/events?after=latest").json
    assert page == {"events": [], "next": "2", "has_more": False}


@pytest.mark.parametrize(
    ("_case", "query", "expected"),
    [
        ("one type", "type=order.shipped", [2, 4]),
        ("two types", "type=order.shipped&type=order.placed", [1, 2, 3, 4]),
        ("another type", "type=order.short", []),
        ("one record", "record=note:1", [1, 2]),
        ("one record from a place on", "record=note:1&after=1", [2]),
        ("a record and a type", "record=note:2&type=order.placed", [3]),
        ("nothing of the kind", "record=order:1", []),
    ],
)
def test_a_reader_may_want_some_of_it(_case: str, query: str, expected: list[int], tenant: Tenant) -> None:
    tell(tenant, Noted(note_id=1), Renoted(note_id=1), Noted(note_id=2), Renoted(note_id=2))
    reply = reader(tenant).get(f"/api/v1/events?{query}")
    assert (positions(reply.json["events"]), reply.json["next"], reply.statements) == (expected, "4", 4)
    assert [event["sequence"] for event in reply.json["events"] if event["record"] == "note:1"] in ([1, 2], [2], [])


def test_a_call_looks_through_so_many_events_and_says_where_to_go_on(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(tenant, *(Noted(note_id=n) for n in range(1, 8)), Renoted(note_id=1))
    monkeypatch.setattr(rules, "SCAN_MAX", 3)
    client, after, pages = reader(tenant), "0", []
    for _ in range(3):
        page = client.get(f"/api/v1/events?type=order.shipped&after={after}").json
        pages.append((positions(page["events"]), page["next"], page["has_more"]))
        after = page["next"]
    assert pages == [([], "3", True), ([], "6", True), ([8], "8", False)]


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=",
        "limit=0",
        "limit=1001",
        "type=no.such",
        "record=order",
        "record=a:b:c",
        "since=1",
    ],
)
def test_what_is_no_question_is_refused(query: str, tenant: Tenant) -> None:
    assert reader(tenant).get(f"/api/v1/events?{query}").status == 422


def test_a_feed_is_its_organizations(tenant: Tenant, other_tenant: Tenant) -> None:
    tell(tenant, Noted(note_id=1, number=1))
    tell(other_tenant, Noted(note_id=1, number=2))
    for owner, said in ((tenant, 1), (other_tenant, 2)):
        page = reader(owner).get("/api/v1/events").json
        assert [(e["id"], e["sequence"], e["data"]["number"]) for e in page["events"]] == [
            (f"evt_{owner.id}_1", 1, said)
        ]


def test_reading_needs_the_scope(tenant: Tenant, api: Client) -> None:
    assert api.get("/api/v1/events").status == 401
    assert api.as_key(make_api_key(tenant, "inventory:read")).get("/api/v1/events").status == 403


def test_what_is_older_than_thirty_days_is_forgotten_and_its_cursor_says_so(tenant: Tenant, clock: Clock) -> None:
    tell(tenant, Noted(note_id=1), Noted(note_id=1))
    clock.advance(seconds=FEED_KEPT_FOR.total_seconds() + 60)
    tell(tenant, Noted(note_id=1))
    schedules.purge_expired({}, None)
    client = reader(tenant)
    reply = client.get("/api/v1/events?after=1")
    assert (reply.status, reply.json["code"]) == (410, "cursor_gone")
    assert (reply.json["oldest"], reply.json["latest"]) == ("2", "3")
    page = client.get("/api/v1/events").json
    assert [(e["cursor"], e["sequence"]) for e in page["events"]] == [("3", 3)], "the count goes on"
    assert client.get("/api/v1/events?after=2").json["events"] == page["events"]


def test_a_cursor_of_another_feed_is_gone(tenant: Tenant) -> None:
    """As after a return to a backup: events would be missed without anybody's noticing."""
    tell(tenant, Noted(note_id=1))
    assert reader(tenant).get("/api/v1/events?after=2").status == 410


def test_an_order_is_told_from_its_placing_to_the_parcel(tenant: Tenant) -> None:
    shelf, floor = make_shelf(tenant, free=10), make_floor(tenant)
    order = place(tenant, (shelf, 2))
    floor.pick_all(order)
    assert floor.verify(order, shelf.barcode, 2).status == 200
    assert floor.pack(order).status == 200
    assert floor.fulfil(order).status == 200
    number()
    page = reader(tenant).get(f"/api/v1/events?record=order:{order.id}").json
    assert [(e["type"], e["sequence"]) for e in page["events"]] == [
        ("order.placed", 1),
        ("order.picking_started", 2),
        ("order.picked", 3),
        ("order.packed", 4),
        ("order.shipped", 5),
    ]
    parcels = reader(tenant).get("/api/v1/events?type=shipment.created").json["events"]
    assert [(e["data"]["order_id"], e["data"]["units"]) for e in parcels] == [(order.id, 2)]


def test_what_becomes_of_an_order_that_the_stock_lets_down_is_told(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant, free=5)
    order = make_order(tenant, (shelf.product_id, 5))
    adjustment = {"sku": shelf.sku, "location_id": tenant.warehouse_id, "quantity": -2, "reason": "damage"}
    assert api.as_key(make_api_key(tenant)).post("/api/v1/inventory_adjustments", adjustment).status == 201
    tenant.work_off()
    number()
    told = [
        (e["type"], e["record"])
        for e in reader(tenant).get("/api/v1/events").json["events"]
        if not e["type"].startswith(("order.", "item."))
    ]
    assert told == [("stock.adjusted", f"variant:{shelf.variant_id}")]
    of_order = reader(tenant).get(f"/api/v1/events?record=order:{order['id']}").json["events"]
    assert [e["type"] for e in of_order] == ["order.placed", "order.short"]


def test_a_short_pick_is_told_as_any_other_fact(tenant: Tenant) -> None:
    shelf, floor = make_shelf(tenant, free=2), make_floor(tenant)
    order = place(tenant, (shelf, 2))
    (task,) = floor.tasks(floor.wave(order).json["batch_id"])
    assert floor.short(task["pick_task_id"], 1).status == 200
    number()
    (event,) = reader(tenant).get("/api/v1/events?type=order.short").json["events"]
    told = {name: event[name] for name in ("type", "record", "data")}
    assert told == facts.Short(order_id=order.id).as_row()


class Storm:
    """Writers who commit whenever they like, two relays that number, readers who follow."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.written = threading.Event()
        self.waiting = WRITERS
        self.lock = threading.Lock()

    def run(self, part: int) -> list[dict[str, Any]]:
        if part < WRITERS:
            self.write(part)
            return []
        return self.relay() if part < WRITERS + 2 else self.follow()

    def write(self, part: int) -> None:
        chance = random.Random(part)
        for n in range(TOLD_EACH):
            with self.tenant.uow() as uow:
                uow.tell(Noted(note_id=1 + chance.randrange(RECORDS), number=part * TOLD_EACH + n))
                uow.flush()
                time.sleep(chance.random() * 0.03)  # its ids are drawn, others commit before it
        with self.lock:
            self.waiting -= 1
            if not self.waiting:
                self.written.set()

    def relay(self) -> list[dict[str, Any]]:
        while not self.written.is_set():
            number()
        number()
        return []

    def follow(self) -> list[dict[str, Any]]:
        """Reads until everything that was written has been seen."""
        client, after = reader(self.tenant), "0"
        seen: list[dict[str, Any]] = []
        while len(seen) < WRITERS * TOLD_EACH or not self.written.is_set():
            page = client.get(f"/api/v1/events?after={after}&limit=11").json
            seen += page["events"]
            after = page["next"]
        return seen


def test_readers_see_every_event_of_many_writers_once_and_in_one_order(tenant: Tenant) -> None:
    """A numbering that trusted ids would skip those that are committed after higher ones were read."""
    *_, first, second = together(WRITERS + 4, Storm(tenant).run)
    assert sorted(event["data"]["number"] for event in first) == list(range(WRITERS * TOLD_EACH))
    assert positions(first) == list(range(1, WRITERS * TOLD_EACH + 1))
    assert first == second
    by_record: dict[str, list[int]] = defaultdict(list)
    for event in first:
        by_record[event["record"]].append(event["sequence"])
    assert len(by_record) == RECORDS
    assert all(sequences == list(range(1, len(sequences) + 1)) for sequences in by_record.values())
    of_writer: dict[int, list[int]] = defaultdict(list)
    for event in first:
        of_writer[event["data"]["number"] // TOLD_EACH].append(event["data"]["number"])
    assert all(numbers == sorted(numbers) for numbers in of_writer.values()), "what came after another stands after it"


def test_a_late_commit_is_numbered_late_and_not_missed(tenant: Tenant) -> None:
    slow_wrote, slow_may_commit = threading.Event(), threading.Event()

    def work(part: int) -> None:
        if part == 0:
            with tenant.uow() as uow:
                uow.tell(Noted(note_id=1, number=1))
                uow.flush()
                slow_wrote.set()
                assert slow_may_commit.wait(20)
            return
        assert slow_wrote.wait(20)
        tell(tenant, Noted(note_id=2, number=2))
        assert data_of(reader(tenant).get("/api/v1/events")) == [{"note_id": 2, "number": 2}]
        slow_may_commit.set()

    together(2, work)
    number()
    page = reader(tenant).get("/api/v1/events?after=1")
    assert data_of(page) == [{"note_id": 1, "number": 1}]


def test_more_than_one_numbering_takes_at_once_is_numbered_in_turn(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.kernel.facts.NUMBER_BATCH", 4)
    tell(tenant, *(Noted(note_id=1, number=n) for n in range(10)))
    events = reader(tenant).get("/api/v1/events").json["events"]
    assert [(e["data"]["number"], e["sequence"]) for e in events] == [(n, n + 1) for n in range(10)]


def test_the_relay_numbers_what_was_told_and_goes_on_when_it_cannot(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_order(tenant, (make_shelf(tenant).product_id, 1))
    with monkeypatch.context() as patch:
        patch.setattr("chalicelib.kernel.store.NUMBER_FACTS", "SELECT 1 / 0 AS numbered")
        assert jobs.relay() >= 1, "the order's work leaves all the same"
    assert '"FactsStuck": 1' in capsys.readouterr().out
    assert reader(tenant).get("/api/v1/events").json["events"] == []
    jobs.relay()
    assert [e["type"] for e in reader(tenant).get("/api/v1/events").json["events"]][-1:] == ["order.placed"]


def test_what_was_rolled_back_is_not_told(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        uow.savepoint()
        uow.tell(Noted(note_id=1))
        uow.flush()
        uow.tell(Noted(note_id=2))
        uow.rollback_to_savepoint()
        uow.tell(Noted(note_id=3))
    number()
    assert [e["record"] for e in reader(tenant).get("/api/v1/events").json["events"]] == ["note:3"]


def test_telling_costs_no_statement_of_its_own(tenant: Tenant) -> None:
    counted = []
    for told in (0, 20):
        with tenant.uow() as uow:
            uow.audit("note.add", "note", 1)
            for n in range(told):
                uow.tell(Noted(note_id=n + 1))
            uow.flush()
            counted.append(uow.statements)
    assert counted[0] == counted[1]
