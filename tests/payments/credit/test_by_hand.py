"""Store credit issued by staff: who may, how much alone, and what customers and staff see of it."""

import pytest

from tests.client import Client, Reply
from tests.factories.credit import balance_of, give_credit, make_credit_order
from tests.factories.customers import Shopper, make_customer
from tests.factories.identity import make_staff
from tests.tenant import Clock, Tenant
from tests.threads import together


@pytest.fixture
def shopper(tenant: Tenant) -> Shopper:
    return make_customer(tenant, company_name="Reyes Bakery")


def manager(tenant: Tenant, role: str = "manager") -> Client:
    return make_staff(tenant, commerce_role=role).client("commerce")


def issue(api: Client, shopper: Shopper, amount: float, **more: object) -> Reply:
    return api.post(f"/api/staff/users/{shopper.id}/credit/issue", {"amount": amount, **more})


def test_what_is_issued_and_deducted_stands_in_the_history(tenant: Tenant, shopper: Shopper) -> None:
    api = manager(tenant)
    issued = issue(api, shopper, 20, note="Broken jars")
    deducted = issue(api, shopper, -5.5)
    assert [(r.status, r.json["credit_balance"], r.json["transaction"]["state"]) for r in (issued, deducted)] == [
        (200, 20.0, "posted"),
        (200, 14.5, "posted"),
    ]
    assert issued.statements <= 11
    reply = manager(tenant, "sales_rep").get(f"/api/staff/users/{shopper.id}/credit")
    assert reply.statements <= 4
    told = reply.json
    history = [(e["kind"], e["amount"], e["balance"], e["note"]) for e in told.pop("history")]
    assert told == {
        "user_id": shopper.id,
        "username": shopper.username,
        "company_name": "Reyes Bakery",
        "credit_balance": 14.5,
        "currency": "USD",
    }
    assert history == [("deducted", -5.5, 14.5, ""), ("issued", 20.0, 20.0, "Broken jars")]
    assert balance_of(shopper) == 1450


def test_customers_see_their_own_credit_without_the_notes(tenant: Tenant, shopper: Shopper) -> None:
    assert shopper.client().get("/api/store-credit").json == {
        "credit_balance": 0.0,
        "currency": "USD",
        "history": [],
    }
    issue(manager(tenant), shopper, 20, note="he shouts")
    order = make_credit_order(tenant, shopper=shopper)
    order.pay()
    reply = shopper.client().get("/api/store-credit")
    assert reply.statements <= 4
    assert b"shouts" not in reply.body
    assert [(e["kind"], e["amount"], e["order_number"]) for e in reply.json["history"]] == [
        ("spent", -20.0, order.number),
        ("issued", 20.0, None),
    ]
    last = reply.json["history"][0]["id"]
    older = shopper.client().get(f"/api/store-credit?limit=1&before={last}").json["history"]
    assert [e["kind"] for e in older] == ["issued"]
    assert make_customer(tenant).client().get("/api/store-credit").json["history"] == []


@pytest.mark.parametrize(
    ("_case", "amount", "status"),
    [
        ("below zero", -10.01, 409),
        ("nothing", 0, 400),
        ("three decimals", 1.001, 400),
        ("too much for two", 10_000.01, 400),
        ("too much to take for two", -10_000.01, 400),
    ],
)
def test_what_cannot_be_issued(_case: str, amount: float, status: int, tenant: Tenant, shopper: Shopper) -> None:
    give_credit(shopper, 1000)
    assert (issue(manager(tenant), shopper, amount).status, balance_of(shopper)) == (status, 1000)


@pytest.mark.parametrize("role", ["staff", "sales_rep"])
def test_only_admins_and_managers_issue(role: str, tenant: Tenant, shopper: Shopper) -> None:
    assert (issue(manager(tenant, role), shopper, 1).status, balance_of(shopper)) == (403, 0)


def test_a_customer_who_is_not_there(tenant: Tenant, other_tenant: Tenant) -> None:
    api, foreign = manager(tenant), make_customer(other_tenant)
    assert issue(api, foreign, 1).status == 404
    assert api.get(f"/api/staff/users/{foreign.id}/credit").status == 404


def test_above_a_sum_it_takes_two(tenant: Tenant, shopper: Shopper) -> None:
    asking, deciding = manager(tenant), manager(tenant, "admin")
    reply = issue(asking, shopper, 100.01, note="Lost pallet")
    assert (reply.json["transaction"]["state"], reply.json["credit_balance"], balance_of(shopper)) == (
        "waiting",
        0.0,
        0,
    )
    path = f"/api/staff/credit-requests/{reply.json['transaction']['id']}"
    assert asking.post(f"{path}/approve").status == 403
    assert [r["amount"] for r in deciding.get("/api/staff/credit-requests").json["requests"]] == [100.01]
    approved = deciding.post(f"{path}/approve")
    assert (approved.status, approved.json["credit_balance"], balance_of(shopper)) == (200, 100.01, 10001)
    assert deciding.post(f"{path}/approve").status == 409
    assert deciding.post(f"{path}/reject").status == 409
    assert deciding.get("/api/staff/credit-requests").json == {"requests": []}
    assert issue(deciding, shopper, 100).json["transaction"]["state"] == "posted"  # approving counted for nobody alone


def test_who_asked_may_withdraw(tenant: Tenant, shopper: Shopper) -> None:
    asking = manager(tenant)
    number = issue(asking, shopper, 500).json["transaction"]["id"]
    assert asking.post(f"/api/staff/credit-requests/{number}/reject").json["transaction"] is None
    assert asking.post("/api/staff/credit-requests/2000000000/reject").status == 404
    assert balance_of(shopper) == 0


def test_many_small_sums_are_a_large_one(tenant: Tenant, shopper: Shopper, clock: Clock) -> None:
    member = make_staff(tenant, commerce_role="manager")
    states = [issue(member.client("commerce"), shopper, 30).json["transaction"]["state"] for _ in range(4)]
    assert states == ["posted"] * 3 + ["waiting"]
    clock.advance(seconds=24 * 3600 + 1)
    assert issue(member.client("commerce"), shopper, 30).json["transaction"]["state"] == "posted"


def test_one_person_at_once_at_many_customers_is_one_person(tenant: Tenant) -> None:
    member = make_staff(tenant, commerce_role="manager")
    shoppers = [make_customer(tenant) for _ in range(10)]
    client = member.client("commerce")
    replies = together(10, lambda n: issue(client, shoppers[n], 30))
    assert sorted(r.json["transaction"]["state"] for r in replies) == ["posted"] * 3 + ["waiting"] * 7
    assert sorted(map(balance_of, shoppers)) == [0] * 7 + [3000] * 3


def test_approved_and_rejected_at_once_one_wins(tenant: Tenant, shopper: Shopper) -> None:
    number = issue(manager(tenant), shopper, 500).json["transaction"]["id"]
    clients = [manager(tenant) for _ in range(10)]
    verbs = ["approve", "reject"] * 5
    replies = together(10, lambda n: clients[n].post(f"/api/staff/credit-requests/{number}/{verbs[n]}").status)
    assert sorted(replies) == [200] + [409] * 9
    assert balance_of(shopper) == (50_000 if verbs[replies.index(200)] == "approve" else 0)


def test_the_database_itself_keeps_balances_above_zero(tenant: Tenant, shopper: Shopper) -> None:
    give_credit(shopper, 100)
    with pytest.raises(Exception, match="store_credit_is_never_negative"):
        tenant.rows("UPDATE store_credit_account SET balance_minor = -1 RETURNING 1")
