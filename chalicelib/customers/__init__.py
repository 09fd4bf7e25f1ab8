"""Customers: accounts of the shop. This is its front door.

customer = customers.create_customer(uow, customers.NewCustomer(username="ada", password=..., email=...))
customers.get(uow, customer_id).payment_terms
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.customers.service import DuplicateCustomer, NewCustomer, create_customer, get
    from chalicelib.customers.store import Customer

_MODULE_OF = {
    "Customer": "store",
    "DuplicateCustomer": "service",
    "NewCustomer": "service",
    "create_customer": "service",
    "get": "service",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


__all__ = ["Customer", "DuplicateCustomer", "NewCustomer", "create_customer", "get"]
