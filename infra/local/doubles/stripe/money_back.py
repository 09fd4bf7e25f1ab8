"""Refunds and disputes."""

from infra.local.doubles.store import Doc
from infra.local.doubles.stripe.errors import StripeRefusal
from infra.local.doubles.stripe.forms import Params
from infra.local.doubles.stripe.intents import merged
from infra.local.doubles.stripe.ledger import Ledger, new_id


def refund(ledger: Ledger, asked: Params) -> tuple[int, Doc]:
    """Give back a part or what is left of a charge. Never more than was taken."""
    charge = _charge_of(ledger, asked)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise StripeRefusal(400, "This charge has not succeeded yet.", code="charge_not_refundable", is_kept=True)
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeRefusal(400, message, code="charge_already_refunded", is_kept=True)
    amount = asked.get("amount", left)
    if not 0 < amount <= left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise StripeRefusal(400, message, param="amount", is_kept=True)
    made = ledger.put(_record(ledger, charge, amount, asked))
    refunded = charge["amount_refunded"] + amount
    is_whole = refunded == charge["amount_captured"]
    changed = ledger.put({**charge, "amount_refunded": refunded, "refunded": is_whole})
    ledger.emit("refund.created", made)
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    ledger.emit("charge.refunded", changed, previous=before)
    return 200, made


def dispute(ledger: Ledger, intent_id: str, reason: str) -> tuple[int, Doc]:
    """The customer's bank takes the money back; the platform is told."""
    charge = _charge_of(ledger, {"payment_intent": intent_id})
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise StripeRefusal(400, "This charge cannot be disputed.")
    ledger.put({**charge, "disputed": True})
    made = ledger.put(
        {
            "id": new_id("du"),
            "object": "dispute",
            "amount": charge["amount_captured"] - charge["amount_refunded"],
            "charge": charge["id"],
            "created": ledger.now(),
            "currency": charge["currency"],
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "status": "needs_response",
        }
    )
    ledger.emit("charge.dispute.created", made)
    return 200, made


def _charge_of(ledger: Ledger, asked: Params) -> Doc:
    if asked.get("charge"):
        return ledger.get("charge", asked["charge"], "charge")
    if not asked.get("payment_intent"):
        raise StripeRefusal(400, "One of the following params should be provided: payment_intent, charge.")
    intent = ledger.get("payment_intent", asked["payment_intent"], "payment_intent")
    if not intent["latest_charge"]:
        message = "This PaymentIntent does not have a successful charge to refund."
        raise StripeRefusal(400, message, code="payment_intent_unexpected_state", is_kept=True)
    return ledger.get("charge", intent["latest_charge"])


def _record(ledger: Ledger, charge: Doc, amount: int, asked: Params) -> Doc:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "charge": charge["id"],
        "created": ledger.now(),
        "currency": charge["currency"],
        "metadata": merged({}, asked.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "reason": asked.get("reason"),
        "status": "succeeded",
    }
