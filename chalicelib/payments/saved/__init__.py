"""Saved cards and bank accounts: what a customer lets us charge while they are away. Numbers are Stripe's, never ours."""

from chalicelib.payments.saved.service import EVENTS, SavingStarted, list_methods, prepare, remove, take_in
from chalicelib.payments.saved.store import SavedMethod

__all__ = ["EVENTS", "SavedMethod", "SavingStarted", "list_methods", "prepare", "remove", "take_in"]
