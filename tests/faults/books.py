"""What must hold after any fault, seen from the outside: the database as its owner reads it, and the providers' records.

Holds for a day that was cut off anywhere, once everything was worked off (`settle.work_off`).
"""

from collections import Counter
from typing import Any

from tests.faults.rig import Rig, RigFailure

WRONG: dict[str, str] = {
    "sum of moves = levels": """
        SELECT variant_id, account_id, lot, moved.units, level.on_hand
          FROM (SELECT variant_id, account_id, lot, sum(units) AS units
                  FROM (SELECT variant_id, to_account_id AS account_id, coalesce(lot_id, 0) AS lot, quantity AS units
                          FROM stock_move
                         UNION ALL
                        SELECT variant_id, from_account_id, coalesce(lot_id, 0), -quantity FROM stock_move) both_ends
                  JOIN account a ON a.id = account_id AND a.is_inside
                 GROUP BY 1, 2, 3) moved
          FULL JOIN (SELECT variant_id, account_id, coalesce(lot_id, 0) AS lot, on_hand FROM stock_level) level
               USING (variant_id, account_id, lot)
         WHERE coalesce(moved.units, 0) <> coalesce(level.on_hand, 0)
    """,
    "holds = open order lines": """
        SELECT o.number, o.state, l.id, l.quantity, l.picked, l.short, coalesce(h.held, 0) AS held
          FROM order_line l JOIN sales_order o ON o.id = l.order_id
          LEFT JOIN (SELECT order_line_id, sum(quantity) AS held FROM stock_hold GROUP BY 1) h ON h.order_line_id = l.id
         WHERE coalesce(h.held, 0) <> CASE
               WHEN o.state NOT IN ('pending', 'confirmed', 'picking') THEN 0
               WHEN o.channel = 'inventory' AND o.state = 'pending' AND NOT o.is_reserved THEN 0
               ELSE l.quantity - l.picked - l.short END
           AND NOT o.is_short
    """,
    "held = holds": """
        SELECT a.variant_id, a.warehouse_id, a.held, coalesce(h.held, 0) AS holds
          FROM availability a
          LEFT JOIN (SELECT variant_id, warehouse_id, sum(quantity) AS held FROM stock_hold GROUP BY 1, 2) h
               USING (variant_id, warehouse_id)
         WHERE a.held <> coalesce(h.held, 0)
    """,
    "what shipped left stock once": """
        SELECT o.number, o.state, l.id, l.shipped, coalesce(s.units, 0) AS in_shipments
          FROM order_line l JOIN sales_order o ON o.id = l.order_id
          LEFT JOIN (SELECT order_line_id, sum(quantity) AS units FROM shipment_line GROUP BY 1) s
               ON s.order_line_id = l.id
         WHERE l.shipped <> coalesce(s.units, 0)
            OR (o.state = 'shipped' AND l.shipped <> l.quantity - l.short)
            OR (o.state NOT IN ('shipped', 'delivered') AND l.shipped > 0)
    """,
    "shipments = moves to customers": """
        SELECT o.number, s.units AS shipped, coalesce(m.units, 0) AS moved
          FROM (SELECT order_id, sum(quantity) AS units FROM shipment h JOIN shipment_line l ON l.shipment_id = h.id
                 GROUP BY 1) s
          JOIN sales_order o ON o.id = s.order_id
          FULL JOIN (SELECT document, sum(quantity) AS units FROM stock_move m
                       JOIN account a ON a.id = m.to_account_id AND a.kind = 'customer'
                      WHERE reason = 'shipment' GROUP BY 1) m ON m.document = 'order:' || o.id
         WHERE s.units IS DISTINCT FROM m.units
    """,
    "each order announced once": """
        SELECT order_id, channel, kind, count(*) FROM message WHERE order_id IS NOT NULL
         GROUP BY 1, 2, 3 HAVING count(*) > 1
    """,
    "what shipped was announced": """
        SELECT o.number FROM sales_order o
         WHERE o.state = 'shipped' AND o.delivery_phone IS NOT NULL
           AND NOT EXISTS (SELECT FROM message m WHERE m.order_id = o.id AND m.kind = 'order_shipped' AND m.channel = 'sms')
    """,
    "paid by one charge": """
        SELECT o.number, o.payment_state, o.total_minor, count(e.id) AS charges, sum(e.amount_minor) AS paid_minor
          FROM sales_order o
          LEFT JOIN payment p ON p.order_id = o.id LEFT JOIN payment_entry e ON e.payment_id = p.id AND e.kind = 'charge'
         GROUP BY o.id
        HAVING count(e.id) > 1 OR (count(e.id) = 1) <> (o.payment_state IN ('paid', 'refunded'))
            OR (count(e.id) = 1 AND sum(e.amount_minor) <> o.total_minor)
    """,
    # Robots speak whenever they like: what they have said just now may still be on its way.
    "outbox rows closed": """
        SELECT id, topic, attempts, last_error, dead_at FROM outbox
         WHERE closed_at IS NULL AND (dead_at IS NOT NULL OR created_at < %(now)s::timestamptz - interval '5 seconds')
    """,
    "messages handed over": """
        SELECT id, channel, kind, state, attempts, error_code FROM message
         WHERE provider_id IS NULL OR state IN ('queued', 'failed', 'undelivered')
    """,
    "no key claimed for ever": """
        SELECT actor, route, key, claimed_until FROM idempotency_key
         WHERE status IS NULL AND claimed_until > %(now)s::timestamptz + interval '60 seconds'
    """,
    "webhooks worked on once": """
        SELECT d.id, d.source, d.event_type, count(o.id) AS rows FROM webhook_delivery d
          LEFT JOIN outbox o ON o.queue = 'webhooks' AND (o.payload->>'delivery_id')::bigint = d.id
         GROUP BY d.id HAVING count(o.id) <> 1
    """,
    # Positions and sequences are 1, 2, 3 ... without gaps, whatever died while they were given.
    "facts numbered without gaps": """
        SELECT h.organization_id, h.position, count(e.position) AS events, max(e.position) AS last
          FROM feed_head h LEFT JOIN feed_event e ON e.organization_id = h.organization_id
         GROUP BY 1, 2 HAVING count(e.position) <> h.position OR max(e.position) <> h.position
    """,
    "sequences without gaps": """
        SELECT r.record, r.sequence, count(e.position) AS events FROM feed_record r
          LEFT JOIN feed_event e ON e.organization_id = r.organization_id AND e.record = r.record
         GROUP BY 1, 2, r.organization_id HAVING count(e.position) <> r.sequence
    """,
    "orders told as they went": """
        SELECT o.number, o.state, e.type, e.told
          FROM sales_order o
          LEFT JOIN LATERAL (
            SELECT type, count(*) AS told FROM feed_event e WHERE e.record = 'order:' || o.id
                AND type IN ('order.placed', 'order.shipped', 'order.cancelled') GROUP BY type) e ON true
         WHERE e.told IS DISTINCT FROM 1
            OR (e.type = 'order.shipped') > (o.state IN ('shipped', 'delivered'))
            OR (e.type = 'order.cancelled') > (o.state = 'cancelled')
    """,
    "calls kept": "SELECT call_id FROM voice_call WHERE transcript_key IS NULL",
}
"""What a rule says -> rows that break it."""


def check(rig: Rig) -> str:
    """Checks everything; one line about what there is. Raises RigFailure with all that is wrong."""
    wrong: dict[str, Any] = {
        rule: rows[:3] for rule, query in WRONG.items() if (rows := rig.rows(query, {"now": rig.now()}))
    }
    wrong |= {rule: found for rule, found in (*_money(rig), *_messages(rig)) if found}
    books = _own_books(rig)
    if not books["is_whole"]:
        wrong["GET /api/books"] = books
    if wrong:
        raise RigFailure("the books are wrong:\n" + "\n".join(f"  {rule}: {found}" for rule, found in wrong.items()))
    return (
        f"{books['stock']['moves']} moves, {books['payments']['orders']} paid orders, {books['outbox']['rows']} effects, "
        f"{books['audit']['sealed']} audit entries"
    )


def _own_books(rig: Rig) -> dict[str, Any]:
    """What the platform itself says of its books."""
    status, books = rig.ask("GET", "/api/books", **rig.bearer())
    if status != 200:
        raise RigFailure(f"GET /api/books answered {status}: {books!r:.300}")
    return dict(books)


def _money(rig: Rig) -> list[tuple[str, list[Any]]]:
    """Every charge and every refund at Stripe is one of ours, and every one of ours is at Stripe, over the same amount."""
    there = Counter(
        (charge["payment_intent"], charge["amount"])
        for charge in rig.doubles("stripe.charge")
        if charge["status"] == "succeeded"
    )
    rows = rig.rows("""
        SELECT e.external_id, e.amount_minor FROM payment_entry e JOIN payment p ON p.id = e.payment_id
         WHERE e.kind = 'charge' AND p.provider = 'stripe'
    """)
    here = Counter((row["external_id"], row["amount_minor"]) for row in rows)
    back_there = Counter(
        (refund["payment_intent"], refund["amount"])
        for refund in rig.doubles("stripe.refund")
        if refund["status"] == "succeeded"
    )
    rows = rig.rows("""
        SELECT p.provider_id, -e.amount_minor AS amount_minor FROM payment_entry e JOIN payment p ON p.id = e.payment_id
         WHERE e.kind = 'refund' AND p.provider = 'stripe'
    """)
    back_here = Counter((row["provider_id"], row["amount_minor"]) for row in rows)
    return [
        ("charges at Stripe that we do not know", sorted((there - here).elements())),
        ("charges of ours that Stripe does not know", sorted((here - there).elements())),
        ("refunds at Stripe that we do not know", sorted((back_there - back_here).elements())),
        ("refunds of ours that Stripe does not know", sorted((back_here - back_there).elements())),
    ]


def _messages(rig: Rig) -> list[tuple[str, list[Any]]]:
    """What was due is in the inbox once: a text by its text, a mail by its Message-ID (decision 0009)."""
    items = rig.sandbox("GET", "inbox?limit=1000000")["items"]
    texts = Counter((item["to"], item["body"]) for item in items if item["kind"] == "sms")
    mails = {item["message_id"] for item in items if item["kind"] == "mail"}
    due = rig.rows("SELECT channel, recipient, body_text, provider_id FROM message")
    due_texts = Counter((m["recipient"], m["body_text"]) for m in due if m["channel"] == "sms")
    due_mails = {m["provider_id"] for m in due if m["channel"] == "mail"}
    return [
        ("text messages too many", sorted((texts - due_texts).elements())),
        ("text messages lost", sorted((due_texts - texts).elements())),
        ("mails that nobody wanted", sorted(mails - due_mails)),
        ("mails lost", sorted(due_mails - mails)),
    ]
