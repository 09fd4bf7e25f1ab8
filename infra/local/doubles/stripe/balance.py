"""Stripe's balance transactions: what moved money, read from charges, refunds and disputes as they are now."""

from collections.abc import Iterator

from infra.local.doubles.store import Doc
from infra.local.doubles.stripe.errors import StripeRefusal, missing
from infra.local.doubles.stripe.forms import Params
from infra.local.doubles.stripe.ledger import Ledger, public


def page(ledger: Ledger, asked: Params) -> tuple[int, Doc]:
    """The list: newest first, 1 to 100 at a time, bounds of `created`, ``data.source`` expanded when asked for."""
    bounds, limit = asked.get("created", {}), asked.get("limit", 10)
    if not 1 <= limit <= 100:
        raise StripeRefusal(400, "This value must be between 1 and 100", param="limit")
    least, most = bounds.get("gte", 0), bounds.get("lte", 2**62)
    booked = [doc for doc in _all(ledger) if least <= doc["created"] <= most]
    booked.sort(key=lambda doc: (doc["created"], doc["id"]), reverse=True)
    if after := asked.get("starting_after"):
        at = next((n for n, doc in enumerate(booked) if doc["id"] == after), None)
        if at is None:
            raise missing("balance_transaction", after, "starting_after")
        booked = booked[at + 1 :]
    data = booked[:limit]
    if "data.source" not in asked.get("expand", []):
        data = [{**doc, "source": doc["source"]["id"]} for doc in data]
    return 200, {"object": "list", "url": "/v1/balance_transactions", "has_more": len(booked) > limit, "data": data}


def _all(ledger: Ledger) -> Iterator[Doc]:
    for charge in ledger.store.all("stripe.charge"):
        if charge["amount_captured"]:
            yield _booked(charge, charge["amount_captured"], "charge" if charge["id"].startswith("ch") else "payment")
    for refund in ledger.store.all("stripe.refund"):
        yield _booked(refund, -refund["amount"], "refund")
        if refund["status"] in ("failed", "canceled"):
            yield _booked(refund, refund["amount"], "refund_failure")
    for dispute in ledger.store.all("stripe.dispute"):
        if not dispute["status"].startswith("warning_"):
            yield _booked(dispute, -dispute["amount"], "adjustment")
        if dispute["status"] == "won":
            yield _booked(dispute, dispute["amount"], "adjustment")


def _booked(source: Doc, amount: int, type: str) -> Doc:
    sign = "in" if amount > 0 else "out"
    return {
        "id": f"txn_{sign}_{source['id']}",
        "object": "balance_transaction",
        "amount": amount,
        "created": source["created"],
        "currency": source["currency"],
        "exchange_rate": None,
        "fee": 0,
        "net": amount,
        "source": public(source),
        "status": "pending",
        "type": type,
    }
