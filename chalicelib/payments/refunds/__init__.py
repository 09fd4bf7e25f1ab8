"""Refunds through Stripe: money that has to go back is sent, once, and followed to its end."""

from chalicelib.payments.refunds.service import take_in
from chalicelib.payments.refunds.store import get_refund

__all__ = ["get_refund", "take_in"]
