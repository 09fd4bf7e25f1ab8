"""The life of a payment intent, and what can be done to a charge afterwards."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from infra.local.doubles.store import Doc
from infra.local.doubles.stripe import errors, methods
from infra.local.doubles.stripe.errors import StripeRefusal
from infra.local.doubles.stripe.forms import Params
from infra.local.doubles.stripe.ledger import Ledger, new_id, public
from infra.local.doubles.stripe.methods import TestMethod

AMOUNT_MAX = 99_999_999
AMOUNT_MIN = {"usd": 50, "eur": 50, "gbp": 30}
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")

Answer = tuple[int, Doc]
"""Status and body. A decline is an answer, not a refusal: it leaves a failed charge behind."""


class Intents:
    """Every method is one change, to be called inside a batch of the store."""

    def __init__(self, ledger: Ledger, later: Callable[[float, Callable[[], object]], object]) -> None:
        self._ledger = ledger
        self._later = later
        self.on_settled: Callable[[Doc], object] = lambda _: None
        """Told of every bank debit that has ended."""

    def resume(self) -> None:
        """After a restart: bank debits in processing go on."""
        for intent in self._ledger.store.all("stripe.payment_intent"):
            if intent["status"] == "processing":
                self._settle_later(intent["id"])

    def create(self, asked: Params) -> Answer:
        """A new intent, confirmed at once when asked to."""
        currency = (asked["currency"] or "").lower()
        check_amount(asked["amount"], currency)
        if asked.get("customer"):
            self._ledger.get("customer", asked["customer"], "customer")
        intent = _blank(asked, currency, self._ledger.now())
        if asked.get("payment_method"):
            method = self.method(asked["payment_method"])
            intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
        self._ledger.put(intent)
        self._ledger.emit("payment_intent.created", intent)
        return self._charge(intent) if asked.get("confirm") else (200, intent)

    def update(self, key: str, asked: Params) -> Answer:
        """Change what is not settled yet."""
        intent = self._ledger.get("payment_intent", key)
        if intent["status"] not in OPEN:
            message = f"You cannot update this PaymentIntent because it has a status of {intent['status']}."
            raise _unexpected(intent, message)
        changed = {**intent, **{name: value for name, value in asked.items() if name != "expand"}}
        changed["metadata"] = merged(intent["metadata"], asked.get("metadata", {}))
        check_amount(changed["amount"], changed["currency"])
        if asked.get("payment_method"):
            changed["payment_method"] = self.method(asked["payment_method"])["id"]
            changed["status"] = "requires_confirmation"
        return 200, self._ledger.put(changed)

    def confirm(self, key: str, asked: Params) -> Answer:
        """Charge the payment method."""
        intent = self._ledger.get("payment_intent", key)
        secret = asked.get("client_secret")
        if secret is not None and secret != intent["client_secret"]:
            message = f"No such payment_intent: '{key}'"
            raise StripeRefusal(404, message, code="resource_missing", param="intent")
        if intent["status"] not in OPEN:
            again = "already succeeded after being previously confirmed"
            why = again if intent["status"] == "succeeded" else f"a status of {intent['status']}"
            raise _unexpected(intent, f"You cannot confirm this PaymentIntent because it has {why}.")
        if asked.get("payment_method"):
            intent = {**intent, "payment_method": self.method(asked["payment_method"])["id"]}
        return self._charge(intent)

    def cancel(self, key: str, asked: Params) -> Answer:
        """Give up what has not succeeded."""
        intent = self._ledger.get("payment_intent", key)
        if intent["status"] not in (*OPEN, "requires_capture"):
            message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
            raise _unexpected(intent, message)
        reason = asked.get("cancellation_reason")
        changes = {"status": "canceled", "canceled_at": self._ledger.now(), "cancellation_reason": reason}
        return 200, self._become(intent, "payment_intent.canceled", **changes)

    def capture(self, key: str, asked: Params) -> Answer:
        """Take all or a part of an authorized amount."""
        intent = self._ledger.get("payment_intent", key)
        if intent["status"] != "requires_capture":
            message = f"This PaymentIntent could not be captured because it has a status of {intent['status']}."
            raise _unexpected(intent, message)
        amount = {"amount_to_capture": intent["amount"], **asked}["amount_to_capture"]
        if not 0 < amount <= intent["amount"]:
            raise StripeRefusal(400, "Invalid amount to capture", code="amount_too_large", param="amount_to_capture")
        charge = self._ledger.get("charge", intent["latest_charge"])
        self._ledger.put({**charge, "captured": True, "amount_captured": amount})
        changes = {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
        return 200, self._become(intent, "payment_intent.succeeded", **changes)

    def settle(self, key: str, *, is_good: bool | None = None) -> Answer:
        """End a bank debit or a customer's authentication; None: as the payment method is made."""
        intent = self._ledger.get("payment_intent", key)
        if intent["status"] not in ("processing", "requires_action"):
            raise _unexpected(intent, f"Nothing to settle: the status is {intent['status']}.")
        method = self._course(intent)
        good = method.course != "bounces" if is_good is None else is_good
        if intent["status"] == "requires_action":
            return self._succeed(intent, method) if good else self._authentication_failed(intent)
        status, ended = self._succeed(intent, method) if good else self._fail(intent, method, status=200)
        self.on_settled(ended)
        return status, ended

    def method(self, key: str) -> Doc:
        """A payment method by id; a magic id makes a new one."""
        if key in methods.MAGIC:
            return self.new_method(key)
        return self._ledger.get("payment_method", key, "payment_method")

    def new_method(self, magic: str, **given: Any) -> Doc:
        """A payment method that behaves like a test one."""
        shown = methods.details(methods.MAGIC[magic])
        made = {
            "id": new_id("pm"),
            "object": "payment_method",
            "billing_details": {},
            "created": self._ledger.now(),
            "customer": None,
            "livemode": False,
            "metadata": {},
            "_magic": magic,
        }
        return self._ledger.put({**made, **shown, **given})

    def _course(self, intent: Doc) -> TestMethod:
        return methods.MAGIC[self._ledger.get("payment_method", intent["payment_method"])["_magic"]]

    def _charge(self, intent: Doc) -> Answer:
        if not intent["payment_method"]:
            message = "You cannot confirm this PaymentIntent because it's missing a payment method."
            raise _unexpected(intent, message)
        method = self._course(intent)
        intent = {**intent, "payment_method_types": sorted({*intent["payment_method_types"], method.type})}
        if method.course == "declines":
            return self._fail(intent, method, status=402)
        if method.course == "authenticates":
            action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
            event = "payment_intent.requires_action"
            return 200, self._become(intent, event, status="requires_action", next_action=action)
        if method.course == "succeeds":
            return self._succeed(intent, method)
        return self._start_debit(intent, method)

    def _start_debit(self, intent: Doc, method: TestMethod) -> Answer:
        charge = self._charge_record(intent, method, status="pending")
        self._settle_later(intent["id"])
        changes = {"status": "processing", "latest_charge": charge["id"], "last_payment_error": None}
        return 200, self._become(intent, "payment_intent.processing", **changes)

    def _settle_later(self, key: str) -> None:
        pause_s = 2 * self._ledger.settings.doubles_step_s
        self._ledger.store.after_commit(lambda: self._later(pause_s, lambda: self._settle_if_open(key)))

    def _settle_if_open(self, key: str) -> None:
        intent = self._ledger.store.get("stripe.payment_intent", key)
        if intent and intent["status"] == "processing":
            with self._ledger.store.batch():
                self.settle(key)

    def _succeed(self, intent: Doc, method: TestMethod) -> Answer:
        is_held = intent["capture_method"] == "manual"
        charge = self._charge_record(intent, method, status="succeeded", captured=not is_held)
        changes: Doc = {"latest_charge": charge["id"], "last_payment_error": None, "next_action": None}
        if is_held:
            changes |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
            return 200, self._become(intent, "payment_intent.amount_capturable_updated", **changes)
        changes |= {"status": "succeeded", "amount_received": intent["amount"]}
        return 200, self._become(intent, "payment_intent.succeeded", **changes)

    def _fail(self, intent: Doc, method: TestMethod, *, status: int) -> Answer:
        charge = self._charge_record(intent, method, status="failed")
        shown = public(self._ledger.get("payment_method", intent["payment_method"]))
        failure: Doc = {
            "charge": charge["id"],
            "code": method.code,
            "decline_code": method.decline_code,
            "message": method.message,
            "payment_method": shown,
            "type": "card_error" if method.type == "card" else "invalid_request_error",
        }
        changes = {
            "status": "requires_payment_method",
            "latest_charge": charge["id"],
            "payment_method": None,
            "last_payment_error": failure,
        }
        failed = self._become(intent, "payment_intent.payment_failed", **changes)
        told = {name: value for name, value in failure.items() if name not in ("message", "type", "code")}
        body = errors.body(method.message, type="card_error", code=method.code, payment_intent=public(failed), **told)
        return (402, body) if status == 402 else (200, failed)

    def _authentication_failed(self, intent: Doc) -> Answer:
        failure = {
            "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication.",
            "type": "invalid_request_error",
        }
        changes = {"status": "requires_payment_method", "last_payment_error": failure, "next_action": None}
        return 200, self._become(intent, "payment_intent.payment_failed", **changes)

    def _become(self, intent: Doc, event: str, **changes: Any) -> Doc:
        changed = self._ledger.put({**intent, **changes})
        self._ledger.emit(event, changed)
        return changed

    def _charge_record(self, intent: Doc, method: TestMethod, *, status: str, captured: bool = True) -> Doc:
        """A new charge, or the pending one of a bank debit when that one ends."""
        is_failed = status == "failed"
        taken = captured and not is_failed
        is_pending = intent["status"] == "processing"
        charge: Doc = {
            "id": intent["latest_charge"] if is_pending else new_id("ch" if method.type == "card" else "py"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if taken else 0,
            "amount_refunded": 0,
            "billing_details": {},
            "captured": taken,
            "created": self._ledger.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": method.code if is_failed else None,
            "failure_message": method.message if is_failed else None,
            "livemode": False,
            "metadata": intent["metadata"],
            "paid": status == "succeeded",
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"],
            "payment_method_details": methods.details(method),
            "receipt_email": intent["receipt_email"],
            "refunded": False,
            "status": status,
        }
        self._ledger.put(charge)
        if status != "pending":
            self._ledger.emit(f"charge.{status}", charge)
        return charge


def check_amount(amount: int, currency: str) -> None:
    """Stripe's bounds: at least 50 cents or so, at most eight digits."""
    if len(currency) != 3 or not currency.isalpha():
        raise StripeRefusal(400, f"Invalid currency: {currency}.", param="currency")
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise StripeRefusal(400, message, code="parameter_invalid_integer", param="amount")
    least = AMOUNT_MIN.get(currency, 1)
    if amount < least:
        message = f"Amount must be at least {least / 100:.2f} {currency}"
        raise StripeRefusal(400, message, code="amount_too_small", param="amount")
    if amount > AMOUNT_MAX:
        message = "Amount must be no more than 999,999.99"
        raise StripeRefusal(400, message, code="amount_too_large", param="amount")


def merged(known: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Metadata is merged key by key; an empty value removes one."""
    return {name: value for name, value in {**known, **given}.items() if value != ""}


def _blank(asked: Params, currency: str, now: int) -> Doc:
    key = new_id("pi")
    automatic = asked.get("automatic_payment_methods")
    return {
        "id": key,
        "object": "payment_intent",
        "amount": asked["amount"],
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": {"enabled": True} if automatic else None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": asked.get("capture_method", "automatic_async"),
        "client_secret": f"{key}_secret_{secrets.token_urlsafe(18)}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": currency,
        "customer": asked.get("customer"),
        "description": asked.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": merged({}, asked.get("metadata", {})),
        "next_action": None,
        "payment_method": None,
        "payment_method_types": asked.get("payment_method_types", ["card"]),
        "receipt_email": asked.get("receipt_email"),
        "setup_future_usage": asked.get("setup_future_usage"),
        "shipping": asked.get("shipping"),
        "statement_descriptor_suffix": asked.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
    }


def _unexpected(intent: Doc, message: str) -> StripeRefusal:
    return StripeRefusal(
        400,
        message,
        code="payment_intent_unexpected_state",
        is_kept=True,
        payment_intent=public(intent),
    )


def call_later(delay_s: float, work: Callable[[], object]) -> asyncio.TimerHandle:
    """The event loop's timer."""
    return asyncio.get_running_loop().call_later(delay_s, work)
