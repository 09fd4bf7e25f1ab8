"""Refunds and disputes.

Stripe, Refunds: money leaves our balance when a refund is made, arrives some time later, and may come back. Stripe, Disputes:
a bank takes the money at once, or only asks; evidence is staged until it is submitted. Stripe, ACH Direct Debit: a debit that
fails after it has succeeded is a dispute that is lost from the beginning.
"""

from collections.abc import Callable

from infra.local.doubles.store import Doc
from infra.local.doubles.stripe import methods
from infra.local.doubles.stripe.errors import StripeRefusal
from infra.local.doubles.stripe.forms import Params
from infra.local.doubles.stripe.intents import merged
from infra.local.doubles.stripe.ledger import Ledger, new_id

Later = Callable[[float, Callable[[], object]], object]
Answer = tuple[int, Doc]
RETURNS = frozenset({"bank_cannot_process", "debit_not_authorized", "incorrect_account_details", "insufficient_funds"})
CLOSED = frozenset({"won", "lost", "warning_closed"})
EVIDENCE_DUE_S = 7 * 24 * 3600


class MoneyBack:
    """Every method is one change, to be called inside a batch of the store."""

    def __init__(self, ledger: Ledger, later: Later) -> None:
        self._ledger = ledger
        self._later = later

    def resume(self) -> None:
        """After a restart: refunds on their way go on."""
        for refund in self._ledger.store.all("stripe.refund"):
            if refund["status"] == "pending" or refund.get("_fails_later"):
                self._end_later(refund["id"])

    def refund(self, asked: Params) -> Answer:
        """Give back a part or what is left of a charge. Never more than was taken."""
        ledger, charge = self._ledger, self._charge_of(asked)
        left = charge["amount_captured"] - charge["amount_refunded"]
        if charge["status"] != "succeeded" or not charge["captured"]:
            raise StripeRefusal(400, "This charge has not succeeded yet.", code="charge_not_refundable", is_kept=True)
        if charge["disputed"]:
            message = "This charge has been charged back; it cannot be refunded."
            raise StripeRefusal(400, message, code="charge_disputed", is_kept=True)
        if left == 0:
            message = f"Charge {charge['id']} has already been refunded."
            raise StripeRefusal(400, message, code="charge_already_refunded", is_kept=True)
        amount = asked.get("amount", left)
        if not 0 < amount <= left:
            message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            raise StripeRefusal(400, message, param="amount", is_kept=True)
        course = methods.MAGIC[ledger.get("payment_method", charge["payment_method"])["_magic"]].refund
        made = ledger.put(
            _record(ledger, charge, amount, asked, status="pending" if course == "waits" else "succeeded")
        )
        if course != "succeeds":
            made = ledger.put({**made, "_fails_later": course == "fails"})
            self._end_later(made["id"])
        ledger.emit("refund.created", made)
        self._count(charge, amount)
        return 200, made

    def end_refund(self, key: str, status: str, failure_reason: str | None = None) -> Answer:
        """What becomes of a refund: succeeded, failed or canceled."""
        ledger, known = self._ledger, self._ledger.get("refund", key)
        if known["status"] in ("failed", "canceled", status):
            raise StripeRefusal(400, f"This refund is {known['status']}.")
        changed = ledger.put({**known, "status": status, "failure_reason": failure_reason, "_fails_later": False})
        ledger.emit("refund.updated", changed, previous={"status": known["status"]})
        if status in ("failed", "canceled"):
            self._count(ledger.get("charge", known["charge"]), -known["amount"])
        if status == "failed":
            ledger.emit("refund.failed", changed)
        return 200, changed

    def _count(self, charge: Doc, amount: int) -> None:
        refunded = charge["amount_refunded"] + amount
        is_whole = refunded == charge["amount_captured"]
        changed = self._ledger.put({**charge, "amount_refunded": refunded, "refunded": is_whole})
        if amount > 0:
            before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
            self._ledger.emit("charge.refunded", changed, previous=before)

    def _end_later(self, key: str) -> None:
        pause_s = 2 * self._ledger.settings.doubles_step_s
        self._ledger.store.after_commit(lambda: self._later(pause_s, lambda: self._end_if_open(key)))

    def _end_if_open(self, key: str) -> None:
        refund = self._ledger.store.get("stripe.refund", key)
        if refund is None:
            return
        with self._ledger.store.batch():
            if refund.get("_fails_later"):
                self.end_refund(key, "failed", "expired_or_canceled_card")
            elif refund["status"] == "pending":
                self.end_refund(key, "succeeded")

    def dispute(self, intent_id: str, reason: str, *, is_inquiry: bool = False) -> Answer:
        """The customer's bank takes the money back, or asks about it; the platform is told. A debit that returns is final."""
        ledger, charge = self._ledger, self._charge_of({"payment_intent": intent_id})
        if charge["status"] != "succeeded" or charge["disputed"]:
            raise StripeRefusal(400, "This charge cannot be disputed.")
        ledger.put({**charge, "disputed": True})
        is_return = reason in RETURNS
        made = ledger.put(
            {
                "id": new_id("du"),
                "object": "dispute",
                "amount": charge["amount_captured"] - charge["amount_refunded"],
                "charge": charge["id"],
                "created": ledger.now(),
                "currency": charge["currency"],
                "evidence": {},
                "evidence_details": {
                    "due_by": ledger.now() + EVIDENCE_DUE_S,
                    "has_evidence": False,
                    "submission_count": 0,
                },
                "is_charge_refundable": is_inquiry,
                "livemode": False,
                "metadata": {},
                "payment_intent": charge["payment_intent"],
                "reason": reason,
                "status": "warning_needs_response" if is_inquiry else "lost" if is_return else "needs_response",
            }
        )
        ledger.emit("charge.dispute.created", made)
        if not is_inquiry:
            ledger.emit("charge.dispute.funds_withdrawn", made)
        if is_return:
            ledger.emit("charge.dispute.closed", made)
        return 200, made

    def answer_dispute(self, key: str, asked: Params) -> Answer:
        """Evidence: kept, and shown to the bank once it is submitted."""
        known = self._ledger.get("dispute", key)
        if known["status"] not in ("needs_response", "warning_needs_response"):
            raise StripeRefusal(
                400, "This dispute does not take evidence any more.", code="dispute_closed", is_kept=True
            )
        evidence = {**known["evidence"], **asked.get("evidence", {})}
        details = {**known["evidence_details"], "has_evidence": bool(evidence)}
        status = known["status"]
        if asked.get("submit", True):
            details["submission_count"] += 1
            status = status.replace("needs_response", "under_review")
        changed = self._ledger.put({**known, "evidence": evidence, "evidence_details": details, "status": status})
        self._ledger.emit("charge.dispute.updated", changed)
        return 200, changed

    def escalate(self, key: str) -> Answer:
        """An inquiry becomes a dispute: the bank takes the money."""
        known = self._ledger.get("dispute", key)
        changed = self._ledger.put({**known, "status": "needs_response", "is_charge_refundable": False})
        self._ledger.emit("charge.dispute.updated", changed, previous={"status": known["status"]})
        self._ledger.emit("charge.dispute.funds_withdrawn", changed)
        return 200, changed

    def close_dispute(self, key: str, status: str) -> Answer:
        """The bank decides: won, lost or warning_closed."""
        known = self._ledger.get("dispute", key)
        if known["status"] in CLOSED or status not in CLOSED:
            raise StripeRefusal(400, f"This dispute is {known['status']}.")
        changed = self._ledger.put({**known, "status": status})
        self._ledger.emit("charge.dispute.closed", changed, previous={"status": known["status"]})
        if status == "won":
            self._ledger.emit("charge.dispute.funds_reinstated", changed)
        return 200, changed

    def _charge_of(self, asked: Params) -> Doc:
        if asked.get("charge"):
            return self._ledger.get("charge", asked["charge"], "charge")
        if not asked.get("payment_intent"):
            raise StripeRefusal(400, "One of the following params should be provided: payment_intent, charge.")
        intent = self._ledger.get("payment_intent", asked["payment_intent"], "payment_intent")
        if not intent["latest_charge"]:
            message = "This PaymentIntent does not have a successful charge to refund."
            raise StripeRefusal(400, message, code="payment_intent_unexpected_state", is_kept=True)
        return self._ledger.get("charge", intent["latest_charge"])


def _record(ledger: Ledger, charge: Doc, amount: int, asked: Params, *, status: str) -> Doc:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "charge": charge["id"],
        "created": ledger.now(),
        "currency": charge["currency"],
        "failure_reason": None,
        "metadata": merged({}, asked.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "reason": asked.get("reason"),
        "status": status,
    }
