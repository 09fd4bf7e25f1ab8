"""Saving cards and bank accounts: setup intents, and detaching what was saved (Stripe, Save and reuse)."""

import secrets
from collections.abc import Mapping

from infra.local.doubles.store import Doc
from infra.local.doubles.stripe import forms
from infra.local.doubles.stripe.errors import StripeRefusal
from infra.local.doubles.stripe.forms import Params, Reader
from infra.local.doubles.stripe.intents import Answer, Intents, merged
from infra.local.doubles.stripe.ledger import Ledger, new_id

CREATE: Mapping[str, Reader] = {
    "expand": forms.strings,
    "customer": forms.text,
    "usage": forms.choice("on_session", "off_session"),
    "automatic_payment_methods": forms.mapping,
    "metadata": forms.mapping,
}


class Setups:
    """Every method is one change, to be called inside a batch of the store."""

    def __init__(self, ledger: Ledger, intents: Intents) -> None:
        self._ledger = ledger
        self._intents = intents

    def create(self, asked: Params) -> Answer:
        """A new setup intent, for the customer's browser to confirm."""
        if asked.get("customer"):
            self._ledger.get("customer", asked["customer"], "customer")
        key = new_id("seti")
        made: Doc = {
            "id": key,
            "object": "setup_intent",
            "client_secret": f"{key}_secret_{secrets.token_urlsafe(18)}",
            "created": self._ledger.now(),
            "customer": asked.get("customer"),
            "last_setup_error": None,
            "livemode": False,
            "metadata": merged({}, asked.get("metadata", {})),
            "payment_method": None,
            "status": "requires_payment_method",
            "usage": asked.get("usage", "off_session"),
        }
        return 200, self._ledger.put(made)

    def confirm(self, key: str, method: str) -> Answer:
        """What Stripe.js does: the card or bank account is attached to the customer."""
        known = self._ledger.get("setup_intent", key)
        if known["status"] == "succeeded":
            raise StripeRefusal(400, "This SetupIntent has already succeeded.", code="setup_intent_unexpected_state")
        saved = self._ledger.put({**self._intents.method(method), "customer": known["customer"]})
        self._ledger.emit("payment_method.attached", saved)
        changed = self._ledger.put({**known, "payment_method": saved["id"], "status": "succeeded"})
        self._ledger.emit("setup_intent.succeeded", changed)
        return 200, changed

    def detach(self, key: str) -> Answer:
        """Forget a saved card or bank account."""
        known = self._ledger.get("payment_method", key)
        if known["customer"] is None:
            message = "The payment method you provided is not attached to a customer so detachment is impossible."
            raise StripeRefusal(400, message, is_kept=True)
        changed = self._ledger.put({**known, "customer": None})
        self._ledger.emit("payment_method.detached", changed, previous={"customer": known["customer"]})
        return 200, changed
