"""Orders on their way to being paid."""

from dataclasses import dataclass
from typing import Any

from tests.client import Client, Reply
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.providers import Providers
from tests.tenant import Tenant


@dataclass(frozen=True)
class Checkout:
    """A card order and the intent that pays it."""

    tenant: Tenant
    order_id: int
    number: str
    total_minor: int
    intent_id: str

    def confirm(self, **changes: Any) -> Reply:
        """What the checkout page says when it is done."""
        body = {"order_number": self.number, "payment_intent_id": self.intent_id, **changes}
        return Client(self.tenant.host).post("/api/payments/confirm", body)

    def order(self) -> tuple[str, str]:
        """(state, payment state) of the order."""
        row = self.tenant.rows("SELECT state, payment_state FROM sales_order WHERE id = %(id)s", id=self.order_id)[0]
        return row["state"], row["payment_state"]

    def entries(self) -> list[tuple[str, int]]:
        """(kind, amount) of every entry of the order, sorted."""
        rows = self.tenant.rows(
            "SELECT e.kind, e.amount_minor FROM payment_entry e JOIN payment p ON p.id = e.payment_id"
            " WHERE p.order_id = %(id)s ORDER BY e.kind, e.amount_minor",
            id=self.order_id,
        )
        return [(row["kind"], row["amount_minor"]) for row in rows]

    def picture(self) -> dict[str, Any]:
        """Everything about the order's money that a repetition might change."""
        return {
            "order": self.order(),
            "entries": self.entries(),
            "payments": [
                tuple(row.values())
                for row in self.tenant.rows(
                    "SELECT provider_id, state, failure_code FROM payment WHERE order_id = %(id)s ORDER BY id",
                    id=self.order_id,
                )
            ],
            "due": [
                tuple(row.values())
                for row in self.tenant.rows(
                    "SELECT reason, amount_minor FROM refund_due WHERE amount_minor > 0 ORDER BY payment_id"
                )
            ],
            "paid_mails": self.tenant.value(
                "SELECT count(*) FROM outbox WHERE topic = 'payments.order_paid' AND queue <> 'bus'"
                " AND (payload->>'order_id')::int = %(id)s",
                id=self.order_id,
            ),
        }


def make_checkout(tenant: Tenant, *, quantity: int = 2, price_minor: int = 1250, **order: Any) -> Checkout:
    """An unpaid card order of a guest, with its intent at the Stripe double."""
    shelf = make_shelf(tenant, free=10, price_minor=price_minor)
    placed = make_order(tenant, (shelf.product_id, quantity), **order)
    number, amount = placed["order_number"], placed["total_amount"]
    reply = Client(tenant.host).post("/api/payments/create-intent", {"order_number": number, "amount": amount})
    assert reply.status == 200, reply.json
    intent_id = reply.json["payment_intent_id"]
    return Checkout(tenant, placed["id"], number, quantity * price_minor, intent_id)


def deliver_all(tenant: Tenant, providers: Providers, *types: str, subject: str = "") -> None:
    """Lets every webhook reach us that waits, each worked on before the next, and works off what comes of them."""
    for delivery in providers.webhooks("stripe", *types, subject=subject):
        assert delivery.send(Client(tenant.host)).status == 200
        tenant.work_off(rounds=1)
    tenant.work_off()


def make_paid(tenant: Tenant, providers: Providers, *, card: str = "success", **order: Any) -> Checkout:
    """An order that was paid, as its webhooks have told."""
    checkout = make_checkout(tenant, **order)
    providers.pay(checkout.intent_id, card=card)
    deliver_all(tenant, providers, "payment_intent.succeeded", subject=checkout.intent_id)
    assert checkout.order() == ("confirmed", "paid")
    return checkout
