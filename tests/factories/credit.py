"""Customers with store credit, and orders that it can pay."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from chalicelib.payments.credit import store
from chalicelib.payments.credit.rules import Posting
from tests.client import Client, Reply
from tests.factories.customers import Shopper, make_customer
from tests.factories.identity import make_staff
from tests.factories.orders import order_body
from tests.factories.stock import make_shelf
from tests.tenant import Tenant


def give_credit(shopper: Shopper, amount_minor: int) -> None:
    """Credit out of nowhere."""
    with shopper.tenant.uow() as uow:
        store.lock_account(uow, shopper.id, "USD")
        store.post(uow, shopper.id, [Posting("issued", amount_minor, f"test:{uuid4()}")])


def balance_of(shopper: Shopper) -> int:
    """What the customer has, in minor units; the books of it are checked on the way."""
    account = shopper.tenant.value(
        "SELECT balance_minor FROM store_credit_account WHERE customer_id = %(id)s", id=shopper.id
    )
    entries = shopper.tenant.rows(
        "SELECT amount_minor, balance_minor FROM store_credit_entry WHERE customer_id = %(id)s ORDER BY id",
        id=shopper.id,
    )
    total = 0
    for entry in entries:
        total += entry["amount_minor"]
        assert entry["balance_minor"] == total >= 0
    assert (account or 0) == total
    return total


def make_credit_request(tenant: Tenant) -> int:
    """Credit that waits for a second person."""
    api = make_staff(tenant, commerce_role="manager").client("commerce")
    reply = api.post(f"/api/staff/users/{make_customer(tenant).id}/credit/issue", {"amount": 500})
    return int(reply.json["transaction"]["id"])


@dataclass(frozen=True)
class CreditOrder:
    """An order of a customer who has credit."""

    shopper: Shopper
    id: int
    number: str
    total_minor: int

    def pay(self, api: Client | None = None, **body: Any) -> Reply:
        """POST pay-with-credit."""
        return (api or self.shopper.client()).post(f"/api/orders/{self.number}/pay-with-credit", body)

    def state(self) -> tuple[str, str]:
        """(state, payment state)."""
        sql = "SELECT state, payment_state FROM sales_order WHERE id = %(id)s"
        row = self.shopper.tenant.rows(sql, id=self.id)[0]
        return row["state"], row["payment_state"]

    def entries(self) -> list[tuple[str, str, int]]:
        """(provider, kind, amount) of every entry of the order's payments, in order."""
        rows = self.shopper.tenant.rows(
            "SELECT p.provider, e.kind, e.amount_minor FROM payment_entry e JOIN payment p ON p.id = e.payment_id"
            " WHERE p.order_id = %(id)s ORDER BY e.id",
            id=self.id,
        )
        return [(row["provider"], row["kind"], row["amount_minor"]) for row in rows]


def make_credit_order(
    tenant: Tenant, *, credit_minor: int = 0, shopper: Shopper | None = None, total_minor: int = 2500, **fields: Any
) -> CreditOrder:
    """An unpaid card order of a customer with so much credit."""
    shopper = shopper or make_customer(tenant)
    if credit_minor:
        give_credit(shopper, credit_minor)
    shelf = make_shelf(tenant, free=10, price_minor=total_minor)
    reply = shopper.client().post("/api/orders", order_body((shelf.product_id, 1), **fields))
    assert reply.status == 201, reply.json
    placed = reply.json["order"]
    return CreditOrder(shopper, placed["id"], placed["order_number"], total_minor)
