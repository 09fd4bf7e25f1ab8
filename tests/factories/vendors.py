"""Vendors and what they offer, made through the API."""

from itertools import count
from typing import Any

from tests.client import Client
from tests.factories.identity import make_staff
from tests.tenant import Tenant

VENDORS = "/api/procurement/vendors"
PRODUCTS = "/api/procurement/products"
_numbers = count(1)


def buyer(tenant: Tenant, role: str = "manager") -> Client:
    """A member of commerce staff."""
    return make_staff(tenant, commerce_role=role).client("commerce")


def make_vendor(client: Client, **fields: Any) -> dict[str, Any]:
    """A vendor as it was answered."""
    reply = client.post(VENDORS, {"name": f"Vendor {next(_numbers)}", **fields})
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.json
    return made


def make_offer(client: Client, vendor_id: int, **fields: Any) -> dict[str, Any]:
    """A product of a vendor as it was answered."""
    reply = client.post(f"{VENDORS}/{vendor_id}/products", {"name": f"Offer {next(_numbers)}", **fields})
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.json
    return made
