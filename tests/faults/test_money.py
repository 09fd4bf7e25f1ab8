"""A process dies at every step between order, link, Stripe's answer, webhook, outbox and refund: one charge, one refund."""

from dataclasses import dataclass

import pytest

from chalicelib.kernel.faults import Fault
from tests.faults import books, settle
from tests.faults.day import PersistentCaller
from tests.faults.rig import Rig, Row, wait_until

PATIENCE_S = 60.0
INVENTORY_KEY, VOICE_KEY = (f"qmk_demo-{surface}-key-of-the-local-stage" for surface in ("inventory", "voice"))
LINK = "/api/payments/create-link"
API = [
    Fault(point="request.before_do", process="gateway", detail=LINK),
    Fault(point="request.after_do", process="gateway", detail=LINK),
    Fault(point="request.answered", process="gateway", detail=LINK),
]
WORKERS = [
    Fault(point="job.claimed", process="pumps", detail="payments.stripe_event"),
    Fault(point="job.closing", process="pumps", detail="payments.stripe_event", number=2),
    Fault(point="job.before_do", process="pumps", detail="payments.refund_due"),
    Fault(point="job.after_do", process="pumps", detail="payments.refund_due"),
]
STRIPE = [
    ("payment_links.create", "before"),
    ("payment_links.create", "after"),
    ("refunds.create", "before"),
    ("refunds.create", "after"),
]


@dataclass(frozen=True)
class Buyer:
    """Somebody who orders, pays on a link and changes their mind, and does not give up on the way."""

    rig: Rig

    def order(self) -> Row:
        """Orders one unit of what there is most of."""
        (row,) = self.rig.rows("""
            SELECT v.product_id FROM availability a JOIN variant v ON v.id = a.variant_id
             WHERE v.is_listed AND v.is_active ORDER BY a.on_hand - a.held DESC LIMIT 1
        """)
        address = {name: "x" for name in ("delivery_name", "delivery_address", "delivery_city", "delivery_state")}
        body = {
            "items": [{"product_id": row["product_id"], "quantity": 1}],
            "payment_method": "credit_card",
            "delivery_zip": "60601",
            **address,
        }
        placed: Row = self.caller().post("/api/orders", body)["order"]
        return placed

    def caller(self, **headers: str) -> PersistentCaller:
        """A caller who repeats what was not answered."""
        return PersistentCaller(self.rig.url, {name.replace("_", "-"): value for name, value in headers.items()})

    def link(self, order: Row) -> str:
        """The page on which the order can be paid; Stripe's id of it."""

        def made() -> bool:
            asked = {"order_number": order["order_number"]}
            return bool(self.caller(x_api_key=VOICE_KEY).post(LINK, asked)["success"])

        wait_until("a link", made, patience_s=PATIENCE_S)
        (row,) = self.rig.rows(
            "SELECT l.provider_id FROM payment_link l JOIN payment p ON p.id = l.payment_id WHERE p.order_id = %(id)s",
            {"id": order["id"]},
        )
        return str(row["provider_id"])

    def pay(self, order: Row, link_id: str) -> None:
        """Opens the page and pays there; waits until we have heard of it."""
        self.rig.wait_up("doubles", "gateway")
        session = self.rig.sandbox("POST", "doubles/control/stripe/visit", {"payment_link": link_id})
        self.rig.sandbox("POST", "doubles/control/stripe/checkout", {"session": session["id"]})
        self.wait_for(order, "paid")

    def cancel(self, order: Row) -> None:
        """Changes their mind; waits for the money."""
        self.caller(x_api_key=INVENTORY_KEY).post(f"/api/v1/orders/{order['id']}/cancel")
        self.wait_for(order, "refunded")

    def wait_for(self, order: Row, payment_state: str) -> None:
        """Until the order's payment is in a state, while time passes quickly."""
        hourglass = settle.Hourglass(self.rig)

        def reached() -> bool:
            hourglass.look()
            rows = self.rig.rows("SELECT payment_state FROM sales_order WHERE id = %(id)s", {"id": order["id"]})
            return bool(rows[0]["payment_state"] == payment_state)

        wait_until(f"the order is {payment_state}", reached, patience_s=PATIENCE_S, pause_s=0.1)


def buy(rig: Rig) -> None:
    buyer = Buyer(rig)
    order = buyer.order()
    buyer.pay(order, buyer.link(order))
    buyer.cancel(order)


@pytest.mark.parametrize("faults", [API, WORKERS], ids=["api", "workers"])
def test_our_processes_die(faults: list[Fault], rig: Rig) -> None:
    for fault in faults:
        fired = rig.order(fault)
        buy(rig)
        assert fired.exists(), f"no pass of {fault}"
        rig.wait_up()
    settle.work_off(rig)
    books.check(rig)


def test_stripe_dies(rig: Rig) -> None:
    for operation, moment in STRIPE:
        pid = rig.pid_of("doubles")
        rule = {"provider": "stripe", "operation": operation, "kill": moment}
        rig.sandbox("POST", "doubles/control/faults", rule)
        buy(rig)
        assert rig.pid_of("doubles") != pid, f"nobody died {moment} {operation}"
        rig.wait_up()
    settle.work_off(rig)
    books.check(rig)
