"""Payment links and the visits to their pages, checkout sessions (Stripe, Payment Links; Checkout, Session lifecycle).

A visit makes an intent once somebody submits a way to pay. It is complete when that was accepted; a bank debit then still has
to succeed. A link that may be completed once is inactive afterwards, and other visits cannot be completed any more.
"""

import secrets
from collections.abc import Mapping

from infra.local.doubles.store import Doc
from infra.local.doubles.stripe import forms
from infra.local.doubles.stripe.errors import StripeRefusal
from infra.local.doubles.stripe.forms import Params, Reader
from infra.local.doubles.stripe.intents import Answer, Intents, check_amount, merged
from infra.local.doubles.stripe.ledger import Ledger, new_id

SESSION_S = 24 * 3600
CREATE: Mapping[str, Reader] = {
    "expand": forms.strings,
    "line_items": forms.items,
    "metadata": forms.mapping,
    "payment_intent_data": forms.mapping,
    "restrictions": forms.mapping,
    "after_completion": forms.mapping,
}
UPDATE: Mapping[str, Reader] = {"expand": forms.strings, "active": forms.boolean, "metadata": forms.mapping}


class Links:
    """Every method is one change, to be called inside a batch of the store."""

    def __init__(self, ledger: Ledger, intents: Intents) -> None:
        self._ledger = ledger
        self._intents = intents
        intents.on_settled = self._settled

    def create(self, asked: Params) -> Answer:
        """A page for one line with a price of its own."""
        line = asked["line_items"][0]
        price = line["price_data"]
        amount = forms.integer("unit_amount", price["unit_amount"]) * forms.integer("quantity", line["quantity"])
        check_amount(amount, price["currency"])
        key = new_id("plink")
        limit = asked.get("restrictions", {}).get("completed_sessions", {}).get("limit")
        restriction = {"completed_sessions": {"limit": int(limit), "count": 0}} if limit else None
        link = {
            "id": key,
            "object": "payment_link",
            "active": True,
            "created": self._ledger.now(),
            "currency": price["currency"],
            "livemode": False,
            "metadata": merged({}, asked.get("metadata", {})),
            "payment_intent_data": asked.get("payment_intent_data"),
            "restrictions": restriction,
            "url": f"https://buy.stripe.com/test_{secrets.token_urlsafe(12)}",
            "_amount": amount,
        }
        return 200, self._ledger.put(link)

    def update(self, key: str, asked: Params) -> Answer:
        """Switch a page on or off; visits that are open are not touched."""
        known = self._ledger.get("payment_link", key)
        given = {name: value for name, value in asked.items() if name != "expand"}
        given["metadata"] = merged(known["metadata"], asked.get("metadata", {}))
        return 200, self._ledger.put({**known, **given})

    def visit(self, link_id: str) -> Answer:
        """Somebody opens the page."""
        link = self._ledger.get("payment_link", link_id)
        if not link["active"]:
            raise StripeRefusal(400, "This link is no longer active.", code="payment_link_inactive")
        session = {
            "id": new_id("cs"),
            "object": "checkout.session",
            "amount_total": link["_amount"],
            "created": self._ledger.now(),
            "currency": link["currency"],
            "expires_at": self._ledger.now() + SESSION_S,
            "livemode": False,
            "metadata": link["metadata"],
            "mode": "payment",
            "payment_intent": None,
            "payment_link": link["id"],
            "payment_status": "unpaid",
            "status": "open",
        }
        return 200, self._ledger.put(session)

    def submit(self, session_id: str, method: str) -> Answer:
        """Somebody pays on the page: the session is complete unless the card is declined."""
        session = self._ledger.get("checkout.session", session_id)
        link = self._ledger.get("payment_link", session["payment_link"])
        if session["status"] != "open" or _is_used_up(link):
            raise StripeRefusal(400, "You cannot complete this session any more.", code="checkout_session_closed")
        intent_id = session["payment_intent"] or self._new_intent(link)
        status, intent = self._intents.confirm(intent_id, {"payment_method": method})
        session = self._ledger.put({**session, "payment_intent": intent_id})
        if status != 200:
            return status, intent
        if intent["status"] == "requires_action":
            return 200, session
        is_paid = intent["status"] == "succeeded"
        done = {**session, "status": "complete", "payment_status": "paid" if is_paid else "unpaid"}
        self._ledger.emit("checkout.session.completed", self._ledger.put(done))
        self._ledger.put(_used(link))
        return 200, done

    def expire(self, key: str) -> Answer:
        """End a visit; its intent, if somebody has tried to pay, is cancelled with it."""
        session = self._ledger.get("checkout.session", key)
        if session["status"] != "open":
            message = (
                f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session["status"]}.'
            )
            raise StripeRefusal(400, message, is_kept=True)
        if session["payment_intent"]:
            self._intents.cancel(session["payment_intent"], {"cancellation_reason": "abandoned"})
        changed = self._ledger.put({**session, "status": "expired"})
        self._ledger.emit("checkout.session.expired", changed)
        return 200, changed

    def _new_intent(self, link: Doc) -> str:
        data = link["payment_intent_data"] or {}
        asked = {
            "amount": link["_amount"],
            "currency": link["currency"],
            "metadata": data.get("metadata", {}),
            "description": data.get("description"),
            "automatic_payment_methods": {"enabled": True},
        }
        return str(self._intents.create(asked)[1]["id"])

    def _settled(self, intent: Doc) -> None:
        """A debit has ended: the session that it belongs to tells of it as well."""
        sessions = self._ledger.store.all("stripe.checkout.session")
        session = next((s for s in sessions if s["payment_intent"] == intent["id"] and s["status"] == "complete"), None)
        if session is None or session["payment_status"] == "paid":
            return
        is_paid = intent["status"] == "succeeded"
        changed = self._ledger.put({**session, "payment_status": "paid" if is_paid else "unpaid"})
        self._ledger.emit(f"checkout.session.async_payment_{'succeeded' if is_paid else 'failed'}", changed)


def _is_used_up(link: Doc) -> bool:
    limited = (link["restrictions"] or {}).get("completed_sessions")
    return bool(limited and limited["count"] >= limited["limit"])


def _used(link: Doc) -> Doc:
    limited = (link["restrictions"] or {}).get("completed_sessions")
    if not limited:
        return link
    counted = {**limited, "count": limited["count"] + 1}
    return {**link, "restrictions": {"completed_sessions": counted}, "active": counted["count"] < counted["limit"]}
