"""Outages on the real stage: AWS stands still in the middle of a day, a provider is away for half of it."""

import signal

from infra.local.demo.company import PASSWORD
from infra.local.demo.day.cast import ADMIN
from tests.faults import books, settle
from tests.faults.rig import Rig, wait_until
from tests.faults.rows import command, put_sending

ORDER = {
    "payment_method": "credit_card",
    "delivery_name": "Ana Reyes",
    "delivery_address": "12 Harbor Street",
    "delivery_city": "Chicago",
    "delivery_state": "IL",
    "delivery_zip": "60601",
    "delivery_email": "still@example.com",
}


def a_product(rig: Rig) -> int:
    """One that one warehouse has a lot of."""
    rows = rig.rows("""
        SELECT v.product_id FROM availability a JOIN variant v ON v.id = a.variant_id
         WHERE a.on_hand - a.held > 20 AND v.is_default ORDER BY v.id LIMIT 1
    """)
    return int(rows[0]["product_id"])


def test_orders_are_taken_while_aws_stands_still(rig: Rig) -> None:
    """The emulator is stopped, not ended: connections come about and nothing is ever answered."""
    settle.work_off(rig)
    product_id = a_product(rig)
    before = len(rig.rows("SELECT id FROM sales_order"))
    rig.kill_part("aws", signal.SIGSTOP)
    try:
        body = {**ORDER, "items": [{"product_id": product_id, "quantity": 1}]}
        answers = [rig.ask("POST", "/api/orders", body, idempotency_key=f"still-{n}")[0] for n in range(5)]
        again = rig.ask("POST", "/api/orders", body, idempotency_key="still-0")[0]
        sign_in = rig.ask("POST", "/api/auth/login", {"username": ADMIN, "password": PASSWORD})
        assert (answers, again, sign_in[0]) == ([201] * 5, 201, 503)
        assert len(rig.rows("SELECT id FROM sales_order")) == before + 5
    finally:
        rig.kill_part("aws", signal.SIGCONT)
    rig.wait_up()
    settle.work_off(rig)
    books.check(rig)
    mails = {item["message_id"] for item in rig.sandbox("GET", "inbox?kind=mail&to=still@example.com")["items"]}
    assert len(mails) == 5


def test_an_outage_of_twilio_holds_texts_up_and_nothing_else(rig: Rig) -> None:
    """Two hours of the business's time; the list says what waits, and for whom."""
    settle.work_off(rig)
    faults = "doubles/control/faults"
    rig.sandbox("POST", faults, {"provider": "twilio", "operation": "*", "status": 503, "times": None})
    texts = [put_sending(rig, "sms", f"+1312555080{number}") for number in range(8)]
    mails = [put_sending(rig, "mail", f"during{number}@example.com") for number in range(4)]
    wait_until("the mails", lambda: closed(rig, mails) == len(mails), patience_s=60)
    for _ in range(12):
        rig.advance(600)
        wait_until("a look at the texts", lambda: tried_since(rig, texts), patience_s=60)
    assert (closed(rig, texts), dead(rig, texts)) == (0, 0)
    shown = command(rig, "dead")
    assert "Waiting for a provider:" in shown
    assert "twilio" in shown
    rig.sandbox("DELETE", faults)
    settle.work_off(rig, patience_s=180)
    books.check(rig)
    arrived = [item["to"] for item in rig.doubles("sms") if item["to"].startswith("+1312555080")]
    assert sorted(arrived) == [f"+1312555080{number}" for number in range(8)]


def closed(rig: Rig, ids: list[int]) -> int:
    return len(rig.rows("SELECT 1 FROM outbox WHERE id = ANY(%(ids)s) AND closed_at IS NOT NULL", {"ids": ids}))


def dead(rig: Rig, ids: list[int]) -> int:
    return len(rig.rows("SELECT 1 FROM outbox WHERE id = ANY(%(ids)s) AND dead_at IS NOT NULL", {"ids": ids}))


def tried_since(rig: Rig, ids: list[int]) -> bool:
    """Whether all of them were tried and put off again since the clock was moved."""
    query = "SELECT 1 FROM outbox WHERE id = ANY(%(ids)s) AND not_before > %(now)s"
    return len(rig.rows(query, {"ids": ids, "now": rig.now()})) == len(ids)
