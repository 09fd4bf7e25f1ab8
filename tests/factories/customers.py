"""Customers, valid without arguments."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from chalicelib import customers, identity
from tests.client import Client
from tests.tenant import Tenant

PASSWORD = "velvet lantern 9"  # a test's password
_numbers = count(1)


@dataclass(frozen=True)
class Shopper:
    """A customer of a tenant who can sign in."""

    tenant: Tenant
    id: int
    username: str
    email: str | None
    phone: str | None
    password: str

    def cookie(self) -> str:
        """A session cookie as signing in would give, without the password and its counters."""
        with self.tenant.uow() as uow:
            session = identity.open_session(uow, "customer", self.id, "shop", identity.SESSION_LASTS)
        return f"__Host-qm_session={session.token}"

    def client(self) -> Client:
        """The API in this customer's name, from a page of ours."""
        return Client(self.tenant.host).with_cookie(self.cookie()).with_headers(origin="https://shop.example.test")


def make_customer(tenant: Tenant, *, password: str = PASSWORD, **fields: Any) -> Shopper:
    """A customer with a verified address."""
    number = next(_numbers)
    new = {
        "username": f"shopper{number}",
        "email": f"shopper{number}@example.com",
        "phone": f"+1212555{number:04d}",
        "company_name": f"Corner Shop {number}",
        "is_email_verified": True,
        **fields,
    }
    with tenant.uow() as uow:
        made = customers.create_customer(uow, customers.NewCustomer(password=password, **new))
    return Shopper(tenant, made.id, made.username, made.email, made.phone, password)
