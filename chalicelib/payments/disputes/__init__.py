"""Disputes: what customers' banks take back or ask about, our evidence, and what it means for their credit."""

from chalicelib.payments.disputes.service import take_in
from chalicelib.payments.disputes.store import list_disputed

__all__ = ["list_disputed", "take_in"]
