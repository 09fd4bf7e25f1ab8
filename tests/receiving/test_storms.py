"""Many scanners at the dock at once, on the real database: nothing is made, lost or done twice, and nobody sees a 5xx."""

from collections import Counter
from pathlib import Path

import pytest

from chalicelib.kernel import faults
from chalicelib.kernel.settings import settings
from tests.client import Reply
from tests.factories.floor import make_floor, place
from tests.factories.purchasing import item, make_admin, make_dock, make_purchase_order
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

CLIENTS = 50


def check_orders(tenant: Tenant) -> None:
    """Asserts that lines say what their standing receipts say, and statuses what lines say."""
    wrong_lines = """
        SELECT count(*) FROM purchase_order_line l
         WHERE l.received <> (SELECT coalesce(sum(r.quantity), 0) FROM receipt r
                               WHERE r.purchase_order_line_id = l.id AND r.cancelled_at IS NULL)
    """
    wrong_orders = """
        SELECT count(*) FROM purchase_order o
         WHERE o.status <> 'CLOSED' AND o.status <> (
            SELECT CASE WHEN bool_and(l.received >= l.quantity) THEN 'RECEIVED'
                        WHEN bool_or(l.received > 0) THEN 'PARTIAL' ELSE 'OPEN' END
              FROM purchase_order_line l WHERE l.purchase_order_id = o.id)
    """
    wrong_moves = """
        SELECT count(*) FROM receipt r
         WHERE (SELECT array_agg(m.reason || m.quantity ORDER BY m.id) FROM stock_move m WHERE m.document = 'receipt:' || r.id)
            <> ARRAY['purchase_received' || r.quantity]
               || CASE WHEN r.cancelled_at IS NULL THEN '{}'::text[] ELSE ARRAY['receipt_cancelled' || r.quantity] END
    """
    assert [tenant.value(sql) for sql in (wrong_lines, wrong_orders, wrong_moves)] == [0, 0, 0]
    check_books(tenant)


def test_one_receipt_cancelled_by_many_is_one_reversal(tenant: Tenant) -> None:
    dock, shelf = make_dock(tenant), make_shelf(tenant, free=0)
    ordered = make_purchase_order(tenant, (shelf, 10))
    [receipt_id] = dock.receive(ordered, (shelf, 4)).json["receipt_ids"]
    replies = together(CLIENTS, lambda _: dock.cancel(receipt_id))
    assert Counter((r.status, r.json["reversed"]) for r in replies) == {(200, 1): 1, (200, 0): CLIENTS - 1}
    assert (shelf.levels(), ordered.status(), ordered.received()) == ((0, 0), "OPEN", [0])
    check_orders(tenant)


def test_the_last_ordered_unit_is_received_once(tenant: Tenant) -> None:
    dock, shelf = make_dock(tenant), make_shelf(tenant, free=0)
    ordered = make_purchase_order(tenant, (shelf, 10))
    assert dock.receive(ordered, (shelf, 9)).status == 200
    replies = together(CLIENTS, lambda _: dock.receive(ordered, (shelf, 1)))
    assert Counter(r.status for r in replies) == {200: 1, 400: CLIENTS - 1}
    assert (shelf.levels(), ordered.status(), ordered.received()) == ((10, 0), "RECEIVED", [10])
    check_orders(tenant)


def test_a_new_lot_that_many_bring_at_once_is_made_once(tenant: Tenant) -> None:
    dock, shelf = make_dock(tenant), make_shelf(tenant, free=0)
    orders = [make_purchase_order(tenant, (shelf, 2)) for _ in range(20)]
    lots = ["L-1", "L-2"]

    def work(n: int) -> Reply:
        named = [{**item((shelf, 1)), "lot_number": lot} for lot in (lots if n % 2 else lots[::-1])]
        return dock.receive(orders[n], *named)

    replies = together(len(orders), work)
    assert Counter((r.status, r.json.get("po_status")) for r in replies) == {(200, "RECEIVED"): 20}
    held = tenant.rows("SELECT number, on_hand FROM stock_level JOIN lot ON lot.id = lot_id ORDER BY number")
    assert [(row["number"], row["on_hand"]) for row in held] == [("L-1", 20), ("L-2", 20)]
    check_orders(tenant)


def test_many_orders_over_the_same_shelves_all_come_in(tenant: Tenant) -> None:
    dock, shelves = make_dock(tenant), [make_shelf(tenant, free=0) for _ in range(4)]
    orders = [make_purchase_order(tenant, *[(shelf, 3) for shelf in shelves]) for _ in range(CLIENTS)]

    def work(n: int) -> Reply:
        return dock.receive(orders[n], *[(shelf, 3) for shelf in (shelves if n % 2 else shelves[::-1])])

    assert Counter(r.status for r in together(CLIENTS, work)) == {200: CLIENTS}
    assert [shelf.levels() for shelf in shelves] == [(3 * CLIENTS, 0)] * 4
    check_orders(tenant)


def test_receiving_and_cancelling_at_once(tenant: Tenant) -> None:
    dock, shelves = make_dock(tenant), [make_shelf(tenant, free=0) for _ in range(2)]
    ordered, other = (make_purchase_order(tenant, *[(shelf, 40) for shelf in shelves]) for _ in range(2))
    known = [
        dock.receive(o, *[(shelf, 1) for shelf in shelves]).json["receipt_ids"]
        for o in (ordered, other)
        for _ in range(8)
    ]

    def work(n: int) -> Reply:
        if n % 3 == 0:
            return dock.cancel(*known[n % 16], *reversed(known[(n + 8) % 16]))
        return dock.receive((ordered, other)[n % 2], *[(shelf, 1) for shelf in shelves[:: 1 if n % 2 else -1]])

    replies = together(CLIENTS, work)
    assert {r.status for r in replies} == {200}
    assert sum(r.json.get("reversed", 0) for r in replies) == 32
    received = sum(len(r.json["receipt_ids"]) for r in replies if "receipt_ids" in r.json)
    assert sum(shelf.levels()[0] for shelf in shelves) == received == sum([*ordered.received(), *other.received()])
    check_orders(tenant)


def test_receiving_into_an_order_that_is_being_closed(tenant: Tenant) -> None:
    dock, shelf, admin = make_dock(tenant), make_shelf(tenant, free=0), make_admin(tenant)
    ordered = make_purchase_order(tenant, (shelf, 100))
    close = f"/api/admin/purchase-orders/{ordered.id}/close"
    replies = together(20, lambda n: admin.post(close) if n % 5 == 0 else dock.receive(ordered, (shelf, 1)))
    closed, received = replies[::5], [r for n, r in enumerate(replies) if n % 5]
    assert Counter(r.status for r in closed) == {200: 1, 409: 3}
    assert {r.status for r in received} <= {200, 400}
    assert {r.json["error"] for r in received if r.status == 400} <= {"Purchase order status is CLOSED, cannot receive"}
    units = sum(r.status == 200 for r in received)
    assert (ordered.status(), ordered.received(), shelf.levels()) == ("CLOSED", [units], (units, 0))
    check_orders(tenant)


def test_receiving_into_an_order_whose_lines_are_being_replaced(tenant: Tenant) -> None:
    """Whoever waited for the change sees the lines that came of it."""
    dock, shelf, admin = make_dock(tenant), make_shelf(tenant, free=0), make_admin(tenant)
    for _ in range(5):
        ordered = make_purchase_order(tenant, (shelf, 100))
        lines = {"lines": [{"item_id": shelf.variant_id, "quantity_ordered": 50}]}
        path = f"/api/admin/purchase-orders/{ordered.id}"
        replies = together(8, lambda n: admin.put(path, lines) if n == 0 else dock.receive(ordered, (shelf, 1)))  # noqa: B023  # called before the loop goes on
        assert {r.status for r in replies[1:]} == {200}
        assert replies[0].status in (200, 400)
        assert ordered.received() == [7]
    check_orders(tenant)


def test_taking_back_what_others_pick(tenant: Tenant) -> None:
    """Units that are set aside for a pick stay; an order whose units went back is short."""
    dock, floor = make_dock(tenant), make_floor(tenant)
    shelves = [make_shelf(tenant, free=0) for _ in range(8)]
    receipts = [
        dock.receive(make_purchase_order(tenant, (shelf, 1)), (shelf, 1)).json["receipt_ids"][0] for shelf in shelves
    ]
    placed = [place(tenant, (shelf, 1)) for shelf in shelves]
    replies = together(16, lambda n: floor.wave(placed[n // 2]) if n % 2 else dock.cancel(receipts[n // 2]))
    assert {r.status for r in replies[::2]} <= {200, 409}
    assert {r.status for r in replies[1::2]} == {200}
    tenant.work_off()
    assert [shelf.levels() for shelf in shelves] == [(1, 1) if r.status == 409 else (0, 0) for r in replies[::2]]
    check_orders(tenant)


def test_a_repeated_key_has_one_effect(tenant: Tenant) -> None:
    dock, shelf = make_dock(tenant), make_shelf(tenant, free=0)
    ordered = make_purchase_order(tenant, (shelf, 10))
    body = {"po_id": ordered.id, "items": [item((shelf, 2))]}
    first = dock.client.post("/api/receiving/receive", body, idempotency_key="scan-1")
    again = [dock.client.post("/api/receiving/receive", body, idempotency_key="scan-1") for _ in range(2)]
    assert first.status == 200
    assert [(r.status, r.json, r.headers["Idempotent-Replay"]) for r in again] == [(200, first.json, "true")] * 2
    at_once = together(10, lambda _: dock.client.post("/api/receiving/receive", body, idempotency_key="scan-2").status)
    assert set(at_once) <= {200, 409}
    assert (ordered.received(), shelf.levels()) == ([4], (4, 0))
    cancelled = [
        dock.client.post(
            "/api/receiving/cancel", {"receipt_ids": first.json["receipt_ids"]}, idempotency_key="undo-1"
        ).json["reversed"]
        for _ in range(2)
    ]
    assert (cancelled, ordered.received()) == ([1, 1], [2])
    check_orders(tenant)


@pytest.mark.parametrize("point", ["uow.before_commit", "uow.after_commit"])
def test_a_scanner_that_hears_nothing_sends_again(
    point: str, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies before the commit has done nothing, whoever dies after it has done it once."""
    dock, shelf = make_dock(tenant), make_shelf(tenant, free=0)
    ordered = make_purchase_order(tenant, (shelf, 10))
    body = {"po_id": ordered.id, "items": [item((shelf, 2))]}
    (tmp_path / "1.json").write_text(faults.Fault(point=point, action="raise").model_dump_json())
    with monkeypatch.context() as patched:
        patched.setenv("QM_FAULT_FOLDER", str(tmp_path))
        settings.cache_clear()
        assert dock.client.post("/api/receiving/receive", body, idempotency_key="scan-1").status == 500
    settings.cache_clear()
    assert ordered.received() == [0 if point == "uow.before_commit" else 2]
    assert dock.client.post("/api/receiving/receive", body, idempotency_key="scan-1").status == 200
    assert (ordered.received(), shelf.levels(), ordered.receipts()) == ([2], (2, 0), (1, 0))
    check_orders(tenant)
