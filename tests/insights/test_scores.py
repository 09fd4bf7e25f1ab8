"""Scores of customers as staff see them, and how they are computed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from chalicelib import routes
from chalicelib.insights.scores import service, store
from chalicelib.kernel import clock as business
from chalicelib.kernel import jobs, schedules
from chalicelib.kernel.endpoint import Outside
from tests.client import Client, Reply
from tests.factories.customers import make_customer
from tests.factories.identity import make_staff
from tests.factories.orders import make_order
from tests.factories.scores import make_regular, put_orders
from tests.factories.stock import make_shelf
from tests.tenant import Clock, Tenant
from tests.threads import together

SCORES = "/api/customers/scores"
RECOMPUTE = "/api/scores/recompute"
TODAY = datetime(2026, 3, 9, 15, 0, tzinfo=UTC)


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return make_staff(tenant, commerce_role="admin").client("commerce")


@pytest.fixture
def staff(tenant: Tenant) -> Client:
    return make_staff(tenant, commerce_role="staff").client("commerce")


def recomputed(tenant: Tenant, admin: Client) -> None:
    reply = admin.post(RECOMPUTE)
    assert (reply.status, reply.json) == (200, {"success": True, "message": "Scores are being computed"})
    tenant.work_off()


def usernames(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.json
    return [row["username"] for row in reply.json["results"]]


# Reading.


def test_before_anything_was_computed(tenant: Tenant, staff: Client) -> None:
    customer = make_customer(tenant)
    reply = staff.get(SCORES)
    assert (reply.status, reply.statements) == (200, 4)
    assert reply.json == {
        "results": [],
        "total": 0,
        "page": 1,
        "per_page": 50,
        "pages": 0,
        "tier_counts": {"loyal": 0, "regular": 0, "occasional": 0, "at_risk": 0, "lost": 0},
        "last_computed": None,
        "run": {
            "status": "none",
            "requested_by": None,
            "requested_at": None,
            "started_at": None,
            "as_of": None,
            "customers": 0,
            "models": [],
        },
    }
    one = staff.get(f"/api/customers/{customer.id}/score")
    assert (one.status, one.statements) == (200, 4)
    assert (one.json["username"], one.json["tier"], one.json["p_alive"], one.json["last_computed"]) == (
        customer.username,
        None,
        None,
        None,
    )


def test_scores_of_a_few_customers(tenant: Tenant, admin: Client, staff: Client) -> None:
    weekly = make_regular(tenant, *range(1, 200, 7), company_name="Corner Shop 7")
    seldom, gone = make_regular(tenant, 20, 80, 150, 210), make_regular(tenant, *range(300, 400, 7))
    recomputed(tenant, admin)

    reply = staff.get(SCORES)
    assert (usernames(reply), reply.json["total"], reply.statements) == (
        [weekly.username, seldom.username, gone.username],
        3,
        4,
    )
    first, second, third = reply.json["results"]
    assert (first["tier"], second["tier"], third["tier"]) == ("loyal", "occasional", "lost")
    assert first == {
        "customer_id": weekly.id,
        "username": weekly.username,
        "company_name": "Corner Shop 7",
        "first_name": "",
        "last_name": "",
        "email": weekly.email,
        "phone": weekly.phone,
        "tier": "loyal",
        "p_alive": first["p_alive"],
        "expected_orders_90d": first["expected_orders_90d"],
        "order_days": 29,
        "first_order_on": (business.now() - timedelta(days=197)).date().isoformat(),
        "last_order_on": (business.now() - timedelta(days=1)).date().isoformat(),
        "bg_nbd": first["bg_nbd"],
    }
    assert first["p_alive"] > 0.9
    assert 8 < first["expected_orders_90d"] < 14
    assert third["p_alive"] < 0.01
    assert reply.json["tier_counts"] == {"loyal": 1, "regular": 0, "occasional": 1, "at_risk": 0, "lost": 1}
    assert reply.json["last_computed"] is not None
    run = reply.json["run"]
    assert (run["status"], run["customers"], run["requested_by"][:6]) == ("done", 3, "staff:")
    assert [(model["kind"], model["source"]) for model in run["models"]] == [("MBG/NBD", "prior"), ("BG/NBD", "prior")]

    one = staff.get(f"/api/customers/{weekly.id}/score")
    assert one.json == {**first, "last_computed": reply.json["last_computed"]}


@pytest.mark.parametrize(
    ("_case", "query", "found"),
    [
        ("the most to be expected first", "", "abc"),
        ("the least first", "ordering=expected_orders_90d", "cba"),
        ("who is most surely a customer first", "ordering=-p_alive", "abc"),
        ("who is least surely one first", "ordering=p_alive", "cba"),
        ("the newest accounts first", "ordering=-customer_id", "cba"),
        ("the oldest accounts first", "ordering=customer_id", "abc"),
        ("of a tier", "tier=lost", "c"),
        ("of a tier that nobody is of", "tier=at_risk", ""),
        ("at least so surely", "min_p_alive=0.5", "ab"),
        ("at most so surely", "max_p_alive=0.5", "c"),
        ("a part of a company's name, in any case", "search=LIVE%20oi", "b"),
        ("a part of an address, blanks around it", "search=%20bistro%40exa%20", "a"),
        ("a part of a number", "search=2125559", "c"),
        ("signs that mean something to LIKE", "search=%25_", ""),
        ("a search in an order", "search=example.com&ordering=p_alive", "cba"),
        ("everything at once", "search=example.com&tier=loyal&min_p_alive=0.5&max_p_alive=1", "a"),
        ("a page", "per_page=1&page=2", "b"),
        ("a page past the end", "per_page=2&page=3", ""),
    ],
)
def test_which_customers_in_which_order(
    _case: str, query: str, found: str, tenant: Tenant, admin: Client, staff: Client
) -> None:
    a = make_regular(tenant, *range(1, 200, 7), email="bistro@example.com", company_name="")
    b = make_regular(tenant, 20, 80, 150, 210, company_name="Olive Oil Importers")
    c = make_regular(tenant, *range(300, 400, 7), phone="+12125559876")
    make_customer(tenant)
    recomputed(tenant, admin)
    names = {a.username: "a", b.username: "b", c.username: "c"}
    assert "".join(names[name] for name in usernames(staff.get(f"{SCORES}?{query}"))) == found


@pytest.mark.parametrize(
    "query",
    [
        "tier=gold",
        "ordering=name",
        "ordering=-",
        "min_p_alive=nan",
        "max_p_alive=inf",
        "min_p_alive=-0.1",
        "max_p_alive=1.1",
        "page=0",
        "per_page=1001",
        f"search={'a' * 201}",
        "search=%00",
        "unknown=1",
    ],
)
def test_what_cannot_be_asked(query: str, staff: Client) -> None:
    reply = staff.get(f"{SCORES}?{query}")
    assert reply.status == 400


def test_other_organizations_customers(tenant: Tenant, other_tenant: Tenant, admin: Client, staff: Client) -> None:
    theirs = make_regular(other_tenant, 1, 5)
    recomputed(other_tenant, make_staff(other_tenant, commerce_role="admin").client("commerce"))
    make_regular(tenant, 1, 5)
    recomputed(tenant, admin)
    assert staff.get(f"/api/customers/{theirs.id}/score").status == 404
    assert staff.get(SCORES).json["total"] == 1
    assert usernames(staff.get(f"{SCORES}?search={theirs.username}")) == []


# What counts.


def histories(tenant: Tenant) -> dict[int, tuple[int, int, int]]:
    """Customer -> days with an order, and how many days ago the first and the last of them was."""
    with tenant.uow() as uow:
        found = store.read_histories(uow)
        today = (uow.now.date() - service.EPOCH).days
    rows = zip(found.customer_ids, found.order_days, found.first_days, found.last_days, strict=True)
    return {each: (days, today - first, today - last) for each, days, first, last in rows}


def test_orders_that_were_none(tenant: Tenant) -> None:
    """Guests', cancelled, refunded altogether, dated in the future; and customers who are none any more."""
    noon = business.now().replace(hour=12, minute=0)
    shelf = make_shelf(tenant, free=5)
    make_order(tenant, (shelf.product_id, 1))
    put_orders(tenant, None, noon)
    customer, left = make_customer(tenant), make_regular(tenant, 3)
    tenant.rows("UPDATE customer SET is_active = false WHERE id = %(id)s RETURNING id", id=left.id)
    assert histories(tenant) == {}
    for days, fields in enumerate(({"state": "cancelled"}, {"payment_state": "refunded"}), 3):
        put_orders(tenant, customer.id, noon - timedelta(days=days), **fields)
    put_orders(tenant, customer.id, business.now() + timedelta(days=1))
    assert histories(tenant) == {}
    put_orders(tenant, customer.id, noon - timedelta(days=9), payment_state="part-refunded")
    put_orders(tenant, customer.id, noon - timedelta(days=5), state="pending", payment_state="unpaid")
    assert histories(tenant) == {customer.id: (2, 9, 5)}


def test_orders_of_one_day_are_one(tenant: Tenant) -> None:
    noon = business.now().replace(hour=12, minute=0)
    customer = make_customer(tenant)
    put_orders(tenant, customer.id, *(noon - timedelta(days=4, hours=hours) for hours in (0, 1, 2, 11)))
    assert histories(tenant) == {customer.id: (1, 4, 4)}


def test_days_are_those_of_the_organization(tenant: Tenant, staff: Client, admin: Client) -> None:
    """Ten at night and two hours later are two days in Chicago, and one in UTC (4 and 6 o'clock)."""
    tenant.as_owner("UPDATE organization SET time_zone = 'America/Chicago' WHERE id = %(id)s", id=tenant.id)
    customer = make_customer(tenant)
    put_orders(tenant, customer.id, datetime(2026, 3, 2, 4, tzinfo=UTC), datetime(2026, 3, 2, 6, tzinfo=UTC))
    recomputed(tenant, admin)
    shown = staff.get(f"/api/customers/{customer.id}/score").json
    assert (shown["order_days"], shown["first_order_on"], shown["last_order_on"]) == (2, "2026-03-01", "2026-03-02")


def test_enough_customers_are_learned_from(tenant: Tenant, admin: Client, staff: Client) -> None:
    for number in range(40):
        make_regular(tenant, *range(number % 20 + 1, 100 + number, number % 9 + 3))
    recomputed(tenant, admin)
    models = staff.get(SCORES).json["run"]["models"]
    assert [(model["kind"], model["source"]) for model in models] == [("MBG/NBD", "fitted"), ("BG/NBD", "fitted")]
    assert all(model["log_likelihood"] < 0 and model["alpha"] > 0 for model in models)


# Runs.


def due(tenant: Tenant) -> list[int]:
    rows = tenant.rows("SELECT id FROM outbox WHERE topic = 'insights.scores_due' AND closed_at IS NULL ORDER BY id")
    return [row["id"] for row in rows]


def run_of(tenant: Tenant) -> Any:
    return tenant.value("SELECT run_id FROM score_run")


def test_one_run_at_a_time(tenant: Tenant, admin: Client, staff: Client) -> None:
    make_regular(tenant, 1, 8)
    replies = together(10, lambda _: admin.post(RECOMPUTE))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 9
    assert len(due(tenant)) == 1
    assert staff.get(SCORES).json["run"]["status"] == "queued"
    refused = next(reply for reply in replies if reply.status == 409)
    assert refused.json == {"error": "Scores are being computed already"}
    tenant.work_off()
    assert staff.get(SCORES).json["run"]["status"] == "done"
    recomputed(tenant, admin)


def test_the_request_computes_nothing(admin: Client) -> None:
    reply = admin.post(RECOMPUTE)
    assert (reply.status, reply.statements) == (200, 5)


def test_readers_see_the_old_scores_until_the_new_ones_are_whole(tenant: Tenant, admin: Client, staff: Client) -> None:
    old = make_regular(tenant, 1, 8)
    recomputed(tenant, admin)
    before = staff.get(SCORES).json
    new = make_regular(tenant, *range(1, 90, 3))
    tenant.rows("DELETE FROM sales_order WHERE customer_id = %(id)s RETURNING id", id=old.id)
    assert admin.post(RECOMPUTE).status == 200
    run_id = run_of(tenant)
    with tenant.uow() as uow:
        step = service.compute(uow, run_id)
    assert isinstance(step, Outside)
    scores = step.do()
    during = staff.get(SCORES).json
    assert (during["results"], during["last_computed"]) == (before["results"], before["last_computed"])
    assert during["run"]["status"] == "running"
    with tenant.uow() as uow:
        assert step.then(uow, scores) is None
        (meanwhile,) = together(1, lambda _: staff.get(SCORES))
        assert usernames(meanwhile) == [old.username]  # the others are written, and not yet committed
    after = staff.get(SCORES)
    assert (usernames(after), after.json["run"]["status"]) == ([new.username], "done")
    tenant.work_off()
    assert usernames(staff.get(SCORES)) == [new.username]


def test_a_run_that_was_lost_is_replaced_and_writes_no_more(
    tenant: Tenant, admin: Client, staff: Client, clock: Clock
) -> None:
    make_regular(tenant, 1, 8)
    assert admin.post(RECOMPUTE).status == 200
    lost = run_of(tenant)
    with tenant.uow() as uow:
        step = service.compute(uow, lost)
    assert isinstance(step, Outside)
    clock.advance(seconds=15 * 60 - 5)
    assert admin.post(RECOMPUTE).status == 409
    clock.advance(seconds=10)
    assert staff.get(SCORES).json["run"]["status"] == "lost"
    assert admin.post(RECOMPUTE).status == 200
    with tenant.uow() as uow:
        step.then(uow, step.do())
        assert service.compute(uow, lost) is None
    assert staff.get(SCORES).json["results"] == []
    tenant.work_off()
    assert staff.get(SCORES).json["total"] == 1


def test_the_same_message_twice(tenant: Tenant, admin: Client, staff: Client) -> None:
    make_regular(tenant, 1, 8)
    assert admin.post(RECOMPUTE).status == 200
    (outbox_id,) = due(tenant)
    together(3, lambda _: jobs.run(tenant.id, outbox_id, "insights.scores_due", routes.CONSUMERS))
    assert due(tenant) == []
    assert staff.get(SCORES).json["total"] == 1


def test_a_customer_who_goes_meanwhile(tenant: Tenant, admin: Client, staff: Client) -> None:
    stays, goes = make_regular(tenant, 1, 8), make_regular(tenant, 2)
    assert admin.post(RECOMPUTE).status == 200
    run_id = run_of(tenant)
    with tenant.uow() as uow:
        step = service.compute(uow, run_id)
    assert isinstance(step, Outside)
    tenant.rows("DELETE FROM sales_order WHERE customer_id = %(id)s RETURNING id", id=goes.id)
    tenant.rows("DELETE FROM customer WHERE id = %(id)s RETURNING id", id=goes.id)
    with tenant.uow() as uow:
        step.then(uow, step.do())
    assert usernames(staff.get(SCORES)) == [stays.username]


def test_a_score_goes_with_its_customer(tenant: Tenant, admin: Client, staff: Client) -> None:
    gone, hidden = make_regular(tenant, 1, 8), make_regular(tenant, 2)
    recomputed(tenant, admin)
    tenant.rows("DELETE FROM sales_order WHERE customer_id = %(id)s RETURNING id", id=gone.id)
    tenant.rows("DELETE FROM customer WHERE id = %(id)s RETURNING id", id=gone.id)
    tenant.rows("UPDATE customer SET is_active = false WHERE id = %(id)s RETURNING id", id=hidden.id)
    assert staff.get(SCORES).json["results"] == []


def test_asking_is_audited(tenant: Tenant, admin: Client) -> None:
    assert admin.post(RECOMPUTE).status == 200
    rows = tenant.rows("SELECT actor, action, entity FROM audit_entry WHERE entity = 'scores'")
    assert [(row["actor"][:6], row["action"]) for row in rows] == [("staff:", "recompute")]


# At night.


@pytest.fixture
def in_utc(tenant: Tenant, clock: Clock) -> Tenant:
    """An organization that exists since long, at noon."""
    tenant.as_owner("UPDATE organization SET created_at = now() - interval '30 days' WHERE id = %(id)s", id=tenant.id)
    now = datetime.now(UTC)
    clock.advance(seconds=(now.replace(hour=12, minute=0, second=0) + timedelta(days=1) - now).total_seconds())
    return tenant


def test_once_a_night(in_utc: Tenant, clock: Clock, staff: Client) -> None:
    tenant = in_utc
    make_regular(tenant, 1, 8)

    def at_the_hour() -> int:
        schedules.score_customers({}, None)
        return len(due(tenant))

    assert at_the_hour() == 1
    tenant.work_off()
    assert staff.get(SCORES).json["run"]["requested_by"] == "machine:0"
    assert at_the_hour() == 0  # this night's are there
    clock.advance(seconds=13.5 * 3600)
    assert at_the_hour() == 0  # half past one
    clock.advance(seconds=3600)
    assert at_the_hour() == 1  # half past two
    assert at_the_hour() == 1  # asked for already
    tenant.work_off()
    assert at_the_hour() == 0


def test_not_on_the_day_it_opens_and_not_without_customers(tenant: Tenant, in_utc: Tenant, clock: Clock) -> None:
    schedules.score_customers({}, None)
    assert due(tenant) == []
    make_regular(tenant, 1)
    tenant.as_owner("UPDATE organization SET created_at = %(now)s WHERE id = %(id)s", now=business.now(), id=tenant.id)
    schedules.score_customers({}, None)
    assert due(tenant) == []


def test_a_stranger_to_a_run_does_nothing(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        assert service.compute(uow, uuid4()) is None
