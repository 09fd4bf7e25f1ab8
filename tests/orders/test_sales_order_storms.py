"""Many administrators and scanners over the same sales orders at once: nothing is made, lost or done twice."""

from collections import Counter

from chalicelib import orders
from tests.client import Reply
from tests.factories.floor import check_floor, make_floor, place, put, units_in
from tests.factories.sales_orders import PATH, line, make_panel
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

CLIENTS = 50


def test_one_number_entered_by_many_is_one_order(tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant, free=100)
    replies = together(CLIENTS, lambda _: panel.create((shelf, 2), so_number="SO-SAME"))
    assert Counter(r.status for r in replies) == {200: 1, 400: CLIENTS - 1}
    assert {r.json["error"] for r in replies if r.status == 400} == {"Duplicate SO number: SO-SAME"}
    assert (shelf.free(), tenant.value("SELECT count(*) FROM order_line")) == (98, 1)
    check_books(tenant)


def test_orders_after_the_last_units_hold_them_once(tenant: Tenant) -> None:
    panel, shelf, other = make_panel(tenant), make_shelf(tenant, free=30), make_shelf(tenant, free=30)
    pair = [(shelf, 1), (other, 1)]
    replies = together(CLIENTS, lambda n: panel.create(*(pair if n % 2 else pair[::-1])))
    assert Counter(r.status for r in replies) == {200: CLIENTS}
    held = Counter(row["quantity_held"] for r in replies for row in r.json["lines"])
    assert (held, shelf.free(), other.free()) == ({1: 60, 0: 40}, 0, 0)
    check_books(tenant)


def test_an_order_cancelled_by_many_is_cancelled_once(tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant, free=10)
    order, other = place(tenant, (shelf, 4)), place(tenant, (shelf, 2))
    batch_id = floor.wave(order, other).json["batch_id"]
    floor.confirm(floor.tasks(batch_id)[0]["pick_task_id"], shelf.sku, 3)
    replies = together(CLIENTS, lambda _: panel.cancel(order.id))
    assert Counter(r.status for r in replies) == {200: 1, 400: CLIENTS - 1}
    assert sum(r.json["units_returned"] for r in replies if r.status == 200) == 3
    assert (shelf.levels(), units_in(tenant, shelf, "outbound")) == ((10, 2), 0)
    check_books(tenant)
    check_floor(tenant)


def test_cancelling_while_its_wave_is_picked_and_completed(tenant: Tenant) -> None:
    panel, floor = make_panel(tenant), make_floor(tenant)
    shelves = [make_shelf(tenant, free=20) for _ in range(2)]
    for _ in range(4):
        first, second = place(tenant, *[(s, 2) for s in shelves]), place(tenant, *[(s, 1) for s in shelves])
        batch_id = floor.wave(first, second).json["batch_id"]
        tasks = floor.tasks(batch_id)

        def work(n: int, first: orders.Order = first, batch_id: int = batch_id, tasks: list = tasks) -> Reply:  # type: ignore[type-arg]  # JSON
            if n == 0:
                return panel.cancel(first.id)
            if n == 1:
                return floor.complete(batch_id)
            return floor.confirm(tasks[n % 2]["pick_task_id"], tasks[n % 2]["sku"], 1)

        replies = together(6, work)
        assert (replies[0].status, {r.status for r in replies} <= {200, 400}) == (200, True)
        assert floor.state(first) == "cancelled"
        check_books(tenant)
        check_floor(tenant)
        for task in floor.tasks(batch_id):
            left = task["quantity_to_pick"] - task["quantity_picked"]
            if task["status"] == "PENDING":
                assert floor.confirm(task["pick_task_id"], task["sku"], left).status == 200
        assert floor.complete(batch_id).status == (409 if replies[1].status == 200 else 200)
        assert [row.picked for row in floor.now(second).lines] == [1, 1]
        check_books(tenant)


def test_waves_cancellations_and_changes_of_one_order_at_once(tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant, free=30)
    for _ in range(4):
        order = place(tenant, (shelf, 3))

        def work(n: int, order: orders.Order = order) -> Reply:
            if n % 3 == 0:
                return floor.wave(order)
            if n % 3 == 1:
                return panel.cancel(order.id)
            return panel.change(order.id, lines=[line(shelf, 1 + n % 4)])

        replies = together(12, work)
        assert {r.status for r in replies} <= {200, 400, 409}, [r.json for r in replies if r.status > 409]
        check_books(tenant)
        check_floor(tenant)


def test_waves_over_orders_that_wait_for_stock_share_what_arrives(tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant, free=0)
    ids = [panel.place((shelf, 3)) for _ in range(10)]

    def work(n: int) -> int:
        if n >= 10:
            put(tenant, shelf, 2)
            return 200
        body = {"so_ids": [ids[n]], "warehouse_id": tenant.warehouse_id}
        return floor.client.post("/api/picking/wave-create", body).status

    assert set(together(20, work)) == {200}
    tenant.work_off()
    on_hand, held = (int(tenant.value(f"SELECT sum({column}) FROM availability")) for column in ("on_hand", "held"))
    assert on_hand == 20 >= held
    check_books(tenant)
    check_floor(tenant)


def test_changes_of_one_order_at_once_leave_one_of_them(tenant: Tenant) -> None:
    panel = make_panel(tenant)
    shelves = [make_shelf(tenant, free=10) for _ in range(3)]
    order_id = panel.place((shelves[0], 1))

    def work(n: int) -> int:
        chosen = [shelves[(n + k) % 3] for k in range(1 + n % 3)]
        return panel.change(order_id, lines=[line(shelf, 2 + n % 4) for shelf in chosen]).status

    assert set(together(20, work)) == {200}
    assert all(ordered == held for ordered, held in panel.lines(order_id, "ordered", "held"))
    assert panel.client.get(f"{PATH}?per_page=1").json["total"] == 1
    check_books(tenant)
