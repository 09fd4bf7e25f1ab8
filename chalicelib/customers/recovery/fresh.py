"""Telephone numbers that were entered lately open no account, for three days.

Whoever holds a session for a moment can enter a number; with a code sent to it he would keep the account. The owner is
told by mail and has these days: a new password by mail removes the number. Kept in DynamoDB: it expires.
"""

from chalicelib.customers.store import Customer
from chalicelib.kernel import dynamo
from chalicelib.kernel.uow import UnitOfWork

LASTS_DAYS = 3
_SORT = "fresh"


def note(uow: UnitOfWork, customer_id: int, phone: str) -> None:
    """The number was entered now. Raises Unavailable."""
    with dynamo.required():
        dynamo.put(_key(uow, customer_id), _SORT, {"phone": phone}, lasts_s=LASTS_DAYS * 24 * 3600)


def is_fresh(uow: UnitOfWork, customer: Customer) -> bool:
    """Whether the account's number was entered lately; one that it was registered with was not. Raises Unavailable."""
    with dynamo.required():
        item = dynamo.get(_key(uow, customer.id), _SORT)
    return item is not None and item["phone"] == customer.phone


def _key(uow: UnitOfWork, customer_id: int) -> str:
    return f"phone#{uow.organization.id}#{customer_id}"
