"""Test payment methods and what happens when they are charged (Stripe, Testing)."""

from dataclasses import dataclass
from typing import Literal

from infra.local.doubles.store import Doc

Course = Literal["succeeds", "declines", "authenticates", "settles", "bounces"]
"""What a charge does: at once good or bad; waits for the customer; is good or bad some time later."""


@dataclass(frozen=True, slots=True)
class TestMethod:
    """A payment method's look and its course. `code` and `decline_code` are of a decline or bounce."""

    __test__ = False  # no test class, whatever its name makes pytest think

    course: Course
    type: Literal["card", "us_bank_account"] = "card"
    brand: str = "visa"
    last4: str = "4242"
    code: str = ""
    decline_code: str = ""
    message: str = ""
    refund: Literal["succeeds", "waits", "fails"] = "succeeds"
    """What becomes of money that is sent back to it: there at once, after a while, or back here after all."""


_DECLINED = TestMethod(
    "declines", "card", "visa", "0002", "card_declined", "generic_decline", "Your card was declined."
)
_NO_FUNDS = TestMethod(
    "declines",
    "card",
    "visa",
    "9995",
    "card_declined",
    "insufficient_funds",
    "Your card has insufficient funds.",
)
_EXPIRED = TestMethod("declines", "card", "visa", "0069", "expired_card", "expired_card", "Your card has expired.")
_GOOD_BANK = TestMethod("settles", "us_bank_account", "stripe test bank", "6789", refund="waits")
_BAD_BANK = TestMethod(
    "bounces",
    "us_bank_account",
    "stripe test bank",
    "2227",
    "insufficient_funds",
    "insufficient_funds",
    "The customer's account has insufficient funds to cover this payment.",
)

MAGIC: dict[str, TestMethod] = {
    "pm_card_visa": TestMethod("succeeds"),
    "pm_card_mastercard": TestMethod("succeeds", "card", "mastercard", "4444"),
    "pm_card_chargeDeclined": _DECLINED,
    "pm_card_visa_chargeDeclined": _DECLINED,
    "pm_card_chargeDeclinedInsufficientFunds": _NO_FUNDS,
    "pm_card_visa_chargeDeclinedInsufficientFunds": _NO_FUNDS,
    "pm_card_chargeDeclinedExpiredCard": _EXPIRED,
    "pm_card_pendingRefund": TestMethod("succeeds", last4="7726", refund="waits"),
    "pm_card_refundFail": TestMethod("succeeds", last4="5126", refund="fails"),
    "pm_card_authenticationRequired": TestMethod("authenticates", "card", "visa", "3184"),
    "pm_usBankAccount_success": _GOOD_BANK,
    "pm_usBankAccount_insufficientFunds": _BAD_BANK,
}
"""Ids that stand for a fresh payment method. Using one attaches a new payment method to the intent."""

CARD_TOKENS = {
    "tok_visa": "pm_card_visa",
    "tok_mastercard": "pm_card_mastercard",
    "tok_chargeDeclined": "pm_card_chargeDeclined",
}
CARD_NUMBERS = {
    "4242424242424242": "pm_card_visa",
    "5555555555554444": "pm_card_mastercard",
    "4000000000000002": "pm_card_chargeDeclined",
    "4000000000009995": "pm_card_chargeDeclinedInsufficientFunds",
    "4000000000000069": "pm_card_chargeDeclinedExpiredCard",
    "4000002500003155": "pm_card_authenticationRequired",
}
BANK_ACCOUNTS = {
    "000123456789": "pm_usBankAccount_success",
    "000222222227": "pm_usBankAccount_insufficientFunds",
}

FOR_CONTROL = {
    "success": "pm_card_visa",
    "declined": "pm_card_chargeDeclined",
    "insufficient_funds": "pm_card_chargeDeclinedInsufficientFunds",
    "authentication": "pm_card_authenticationRequired",
    "pending_refund": "pm_card_pendingRefund",
    "refund_fails": "pm_card_refundFail",
    "bank": "pm_usBankAccount_success",
    "bank_bounces": "pm_usBankAccount_insufficientFunds",
}
"""What ``POST /control/stripe/pay`` calls them."""


def details(method: TestMethod) -> Doc:
    """The part of a payment method or charge that shows what was used."""
    if method.type == "us_bank_account":
        bank = {"bank_name": method.brand, "last4": method.last4, "account_type": "checking"}
        return {"type": "us_bank_account", "us_bank_account": bank}
    card = {
        "brand": method.brand,
        "last4": method.last4,
        "exp_month": 12,
        "exp_year": 2034,
        "funding": "credit",
    }
    return {"type": "card", "card": card}
