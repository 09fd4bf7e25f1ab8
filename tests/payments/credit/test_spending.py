"""POST /api/orders/{order_number}/pay-with-credit: what is there pays once, and comes back when the order does not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib import orders, payments
from infra.local.options import ROOT
from tests.client import Client
from tests.factories.credit import balance_of, give_credit, make_credit_order
from tests.factories.customers import make_customer
from tests.factories.orders import make_order
from tests.factories.payments import Checkout
from tests.factories.stock import check_books, make_shelf
from tests.providers import Providers
from tests.tenant import Clock, Tenant
from tests.threads import together

CLIENTS = 50


def test_credit_pays_an_order(tenant: Tenant) -> None:
    order = make_credit_order(tenant, credit_minor=4000)
    reply = order.pay()
    assert (reply.status, reply.json) == (
        200,
        {
            "success": True,
            "order_number": order.number,
            "payment_status": "paid",
            "credit_applied": 25.0,
            "amount_due": 0.0,
            "credit_balance": 15.0,
        },
    )
    assert (order.state(), balance_of(order.shopper)) == (("confirmed", "paid"), 1500)
    assert order.entries() == [("store_credit", "charge", 2500)]
    assert tenant.value("SELECT count(*) FROM outbox WHERE topic = 'payments.order_paid' AND queue <> 'bus'") == 1
    assert reply.statements <= 11
    check_books(tenant)


@pytest.mark.parametrize(
    ("_case", "credit", "asked", "status", "left", "due"),
    [
        ("as much as there is", 1000, None, 200, 0, 15.0),
        ("a part of it", 1000, 4.5, 200, 550, 20.5),
        ("all that is open, to the cent", 2500, 25, 200, 0, 0.0),
        ("more than there is", 1000, 10.01, 409, 1000, None),
        ("more than is open", 9000, 25.01, 400, 9000, None),
        ("nothing there", 0, None, 409, 0, None),
        ("nothing asked for", 1000, 0, 400, 1000, None),
        ("a negative amount", 1000, -5, 400, 1000, None),
    ],
)
def test_what_is_spent(
    _case: str, credit: int, asked: float | None, status: int, left: int, due: float | None, tenant: Tenant
) -> None:
    order = make_credit_order(tenant, credit_minor=credit)
    reply = order.pay() if asked is None else order.pay(amount=asked)
    assert (reply.status, balance_of(order.shopper)) == (status, left), reply.json
    assert reply.json.get("amount_due") == due
    if status != 200:
        assert (order.entries(), order.state()) == ([], ("pending", "unpaid"))
    check_books(tenant)


def test_credit_in_two_parts_pays_the_order(tenant: Tenant) -> None:
    order = make_credit_order(tenant, credit_minor=2500)
    assert order.pay(amount=10).json["payment_status"] == "unpaid"
    assert order.pay().json["payment_status"] == "paid"
    assert order.pay().json == {"error": "This order is already paid"}
    assert (order.state(), balance_of(order.shopper)) == (("confirmed", "paid"), 0)


def test_other_orders_are_as_if_they_were_not_there(tenant: Tenant) -> None:
    rich = make_customer(tenant)
    give_credit(rich, 9000)
    theirs = make_credit_order(tenant)
    guests = make_order(tenant, (make_shelf(tenant).product_id, 1))["order_number"]
    for number in (theirs.number, guests, "QM-NONE"):
        reply = rich.client().post(f"/api/orders/{number}/pay-with-credit", {})
        assert (reply.status, reply.json) == (404, {"error": "Order not found"})
    assert Client(tenant.host).post(f"/api/orders/{theirs.number}/pay-with-credit", {}).status == 401
    assert balance_of(rich) == 9000


def test_a_cancelled_order_takes_no_credit(tenant: Tenant) -> None:
    order = make_credit_order(tenant, credit_minor=2500)
    with tenant.uow() as uow:
        orders.cancel(uow, order.id, reason="customer")
    assert (order.pay().status, balance_of(order.shopper)) == (409, 2500)


@pytest.mark.parametrize(("amount", "before"), [(None, ("confirmed", "paid")), (10, ("pending", "unpaid"))])
def test_a_cancelled_order_gives_its_credit_back_once(
    amount: float | None, before: tuple[str, str], tenant: Tenant
) -> None:
    order = make_credit_order(tenant, credit_minor=3000, delivery_email="ada@example.com")
    order.pay() if amount is None else order.pay(amount=amount)
    assert order.state() == before
    with tenant.uow() as uow:
        orders.cancel(uow, order.id, reason="customer")
    tenant.work_off()
    tenant.rows("UPDATE outbox SET closed_at = NULL WHERE topic = 'orders.cancelled' AND queue <> 'bus' RETURNING id")
    tenant.work_off()
    spent = int((amount or 25) * 100)
    assert (order.state(), balance_of(order.shopper)) == (("cancelled", "refunded"), 3000)
    assert order.entries() == [("store_credit", "charge", spent), ("store_credit", "refund", -spent)]
    mail = tenant.rows("SELECT body_text FROM message WHERE kind = 'order_cancelled' ORDER BY id LIMIT 1")[0][
        "body_text"
    ]
    assert f"{spent / 100:.2f} USD is back in your store credit" in mail
    with tenant.uow() as uow:
        assert payments.refunds_due(uow) == []
    check_books(tenant)


def test_an_order_that_expires_half_paid_gives_its_credit_back(tenant: Tenant, clock: Clock) -> None:
    order = make_credit_order(tenant, credit_minor=1000)
    order.pay()
    clock.advance(seconds=31 * 60)
    with tenant.uow() as uow:
        assert orders.expire_unpaid(uow) == 1
    tenant.work_off()
    assert (order.state(), balance_of(order.shopper)) == (("cancelled", "refunded"), 1000)


def test_a_card_that_pays_as_well_gives_the_credit_back(tenant: Tenant, providers: Providers) -> None:
    """The page with the card was open at the full amount while the credit was spent."""
    order = make_credit_order(tenant, credit_minor=1000)
    api = Client(tenant.host)
    made = api.post("/api/payments/create-intent", {"order_number": order.number, "amount": 25}).json
    order.pay()
    providers.pay(made["payment_intent_id"])
    card = Checkout(tenant, order.id, order.number, 2500, made["payment_intent_id"])
    assert card.confirm().json["success"] is True
    assert (order.state(), balance_of(order.shopper)) == (("confirmed", "paid"), 1000)
    assert sorted(order.entries()) == [
        ("store_credit", "charge", 1000),
        ("store_credit", "refund", -1000),
        ("stripe", "charge", 2500),
    ]
    check_books(tenant)


def test_fifty_clients_spend_the_same_credit_on_one_order_once(tenant: Tenant) -> None:
    order = make_credit_order(tenant, credit_minor=4000)
    clients = [order.shopper.client() for _ in range(CLIENTS)]
    statuses = together(CLIENTS, lambda n: order.pay(clients[n]).status)
    assert sorted(statuses) == [200] + [409] * (CLIENTS - 1)
    assert (order.state(), balance_of(order.shopper)) == (("confirmed", "paid"), 1500)
    assert order.entries() == [("store_credit", "charge", 2500)]


def test_fifty_orders_at_once_do_not_spend_more_than_there_is(tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    placed = [make_credit_order(tenant, shopper=shopper, total_minor=1000) for _ in range(CLIENTS)]
    give_credit(shopper, 7500)
    clients = [shopper.client() for _ in range(CLIENTS)]
    statuses = together(CLIENTS, lambda n: placed[n].pay(clients[n], amount=10).status)
    assert sorted(statuses) == [200] * 7 + [409] * (CLIENTS - 7)
    assert balance_of(shopper) == 500
    assert sum(order.state() == ("confirmed", "paid") for order in placed) == 7
    check_books(tenant)


def test_one_key_fifty_times_spends_once(tenant: Tenant) -> None:
    order = make_credit_order(tenant, credit_minor=2000)
    clients = [order.shopper.client() for _ in range(CLIENTS)]
    replies = together(
        CLIENTS, lambda n: order.pay(clients[n].with_headers(idempotency_key="4b1c7f3e-spend"), amount=5)
    )
    assert {reply.status for reply in replies} <= {200, 409}
    assert order.entries() == [("store_credit", "charge", 500)]
    assert balance_of(order.shopper) == 1500


@pytest.mark.parametrize("seed", range(5))
def test_paying_and_cancelling_at_once_loses_nothing(seed: int, tenant: Tenant) -> None:
    order = make_credit_order(tenant, credit_minor=2500 + seed)

    def cancel(_: int) -> int:
        with tenant.uow() as uow:
            orders.cancel(uow, order.id, reason="customer")
        return 200

    client = order.shopper.client()
    paid, _ = together(2, lambda n: cancel(n) if n else order.pay(client).status)
    tenant.work_off()
    assert paid in (200, 409)
    assert (order.state()[0], balance_of(order.shopper)) == ("cancelled", 2500 + seed)


KILLED = """
import sys
from pathlib import Path
from chalicelib.kernel.uow import as_machine, unit_of_work
from chalicelib import orders
from chalicelib.payments.credit import service
with unit_of_work(as_machine(int(sys.argv[1]), "killed")) as uow:
    service.spend(uow, orders.lock_order(uow, int(sys.argv[2])), amount_minor=None)
print("committed")
"""


@pytest.mark.parametrize(
    ("point", "after"),
    [("uow.before_commit", (("pending", "unpaid"), 4000)), ("uow.after_commit", (("confirmed", "paid"), 1500))],
)
def test_killed_between_ledger_and_order_it_is_all_or_nothing(
    point: str, after: tuple[tuple[str, str], int], tenant: Tenant, tmp_path: Path
) -> None:
    """Payment, credit and order are one transaction: there is no step between them at which to die."""
    order = make_credit_order(tenant, credit_minor=4000)
    (tmp_path / "order.json").write_text(json.dumps({"point": point, "detail": "killed"}))
    command = [sys.executable, "-c", KILLED, str(tenant.id), str(order.id)]
    environment = {**os.environ, "QM_FAULT_FOLDER": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, ""), done.stderr
    assert (order.state(), balance_of(order.shopper)) == after
    check_books(tenant)
    assert order.pay().status == (200 if after[1] == 4000 else 409)
    assert balance_of(order.shopper) == 1500
