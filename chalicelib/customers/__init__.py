"""Customers: accounts of the shop. This is its front door.

customer = customers.create_customer(uow, customers.NewCustomer(username="ada", password=..., email=...))
customer = customers.register(uow, ...)  # the same, with the mail that proves the address
customers.get(uow, customer_id).payment_terms
customers.use_phone_session(uow, token).phone  # proven by a code a moment ago; the token is used up
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.customers.recovery.service import InvalidToken, use_phone_session
    from chalicelib.customers.service import DuplicateCustomer, NewCustomer, create_customer, get, register
    from chalicelib.customers.store import Customer

_MODULE_OF = {
    "Customer": "store",
    "DuplicateCustomer": "service",
    "NewCustomer": "service",
    "create_customer": "service",
    "get": "service",
    "register": "service",
    "InvalidToken": "recovery.service",
    "use_phone_session": "recovery.service",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


__all__ = [
    "Customer",
    "DuplicateCustomer",
    "InvalidToken",
    "NewCustomer",
    "create_customer",
    "get",
    "register",
    "use_phone_session",
]
