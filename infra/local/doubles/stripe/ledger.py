"""Stripe's records: making, finding, listing and expanding them, and the events that tell of them."""

import json
import operator
import secrets
from typing import Any

from chalicelib.kernel import clock
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.deliveries import Deliveries
from infra.local.doubles.store import Doc, Store
from infra.local.doubles.stripe.errors import StripeRefusal, missing
from infra.local.doubles.stripe.forms import Params

API_VERSION = "2026-10-28.endive"
WEBHOOK_EVENTS = frozenset(
    {
        "payment_intent.created",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
        "checkout.session.expired",
        "payment_method.detached",
        "refund.created",
        "refund.failed",
        "refund.updated",
        "setup_intent.succeeded",
    }
)
"""What the platform's webhook endpoint is subscribed to; other events are only in the list of events."""

_KIND_BY_PREFIX = {
    "pi": "payment_intent",
    "ch": "charge",
    "py": "charge",
    "re": "refund",
    "du": "dispute",
    "cus": "customer",
    "pm": "payment_method",
    "evt": "event",
    "plink": "payment_link",
    "cs": "checkout.session",
    "seti": "setup_intent",
}
_EXPAND_DEPTH_MAX = 4
_BOUNDS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


class Ledger:
    """The records of one account, in the doubles' store under ``stripe.<kind>``."""

    def __init__(self, store: Store, deliveries: Deliveries, settings: DoublesSettings) -> None:
        self.store = store
        self.settings = settings
        self._deliveries = deliveries

    def now(self) -> int:
        """Unix seconds of the business's clock."""
        return int(clock.timestamp())

    def put(self, doc: Doc) -> Doc:
        """Keep a record under its own kind and id."""
        return self.store.put(f"stripe.{doc['object']}", doc["id"], doc)

    def get(self, kind: str, key: str, param: str = "id") -> Doc:
        """The record. Raises Stripe's resource_missing."""
        found = self.store.get(f"stripe.{kind}", key)
        if found is None:
            raise missing(kind, key, param)
        return found

    def emit(self, type: str, doc: Doc, previous: Doc | None = None) -> None:
        """Record an event about a record as it is now, and send it if the platform subscribes to it."""
        data: Doc = {"object": public(doc)}
        if previous:
            data["previous_attributes"] = previous
        is_sent = type in WEBHOOK_EVENTS
        event = self.put(
            {
                "id": new_id("evt"),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now(),
                "data": data,
                "livemode": False,
                "pending_webhooks": int(is_sent),
                "request": {"id": None, "idempotency_key": None},
                "type": type,
            }
        )
        if is_sent:
            self._deliveries.enqueue(
                "stripe",
                type=type,
                external_id=event["id"],
                url=f"{self.settings.public_url.rstrip('/')}/api/webhooks/stripe",
                body=json.dumps(event, indent=2),
                media="application/json; charset=utf-8",
            )

    def page(self, kind: str, asked: Params, url: str, **where: Any) -> Doc:
        """Stripe's list: newest first, 1 to 100 at a time, cursors by id, bounds of `created`, `where`."""
        records = [doc for doc in reversed(self.store.all(f"stripe.{kind}")) if _fits(doc, asked, where)]
        limit = asked.get("limit", 10)
        if not 1 <= limit <= 100:
            raise StripeRefusal(400, "This value must be between 1 and 100", param="limit")
        if after := asked.get("starting_after"):
            records = records[self._position(records, kind, after, "starting_after") + 1 :]
        elif before := asked.get("ending_before"):
            records = records[: self._position(records, kind, before, "ending_before")][-limit:]
        data = [self.expand(public(doc), _inner(asked.get("expand", []))) for doc in records[:limit]]
        return {"object": "list", "url": url, "has_more": len(records) > limit, "data": data}

    def _position(self, records: list[Doc], kind: str, key: str, param: str) -> int:
        at = next((n for n, doc in enumerate(records) if doc["id"] == key), None)
        if at is None:
            raise missing(kind, key, param)
        return at

    def expand(self, doc: Doc, paths: list[str]) -> Doc:
        """Replace ids by what they name, along paths such as ``latest_charge.customer``."""
        for path in paths:
            steps = path.split(".")
            if len(steps) > _EXPAND_DEPTH_MAX:
                raise StripeRefusal(400, "You cannot expand more than 4 levels of a property.", param="expand")
            doc = self._expand_one(doc, steps)
        return doc

    def _expand_one(self, doc: Doc, steps: list[str]) -> Doc:
        value = doc.get(steps[0])
        if isinstance(value, str):
            kind = _KIND_BY_PREFIX.get(value.split("_")[0])
            if kind is None:
                raise StripeRefusal(400, f"This property cannot be expanded ({steps[0]}).", param="expand")
            value = public(self.get(kind, value))
        if isinstance(value, dict) and len(steps) > 1:
            value = self._expand_one(value, steps[1:])
        return {**doc, steps[0]: value}


def new_id(prefix: str) -> str:
    """An id that looks like Stripe's."""
    return f"{prefix}_3Q{secrets.token_hex(11)}"


def public(doc: Doc) -> Doc:
    """The record without what only the double knows (fields that begin with an underscore)."""
    return {name: value for name, value in doc.items() if not name.startswith("_")}


def _fits(doc: Doc, asked: Params, where: dict[str, Any]) -> bool:
    if any(doc.get(name) != value for name, value in where.items() if value is not None):
        return False
    created: int = doc["created"]
    bounds: dict[str, int] = asked.get("created", {})
    return all(_BOUNDS[name](created, bound) for name, bound in bounds.items())


def _inner(paths: list[str]) -> list[str]:
    """``data.latest_charge`` on a list is ``latest_charge`` on each of its records."""
    return [path.removeprefix("data.") for path in paths]
