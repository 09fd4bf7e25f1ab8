"""Orders as a shop front end sends them."""

from typing import Any

from tests.client import Client
from tests.tenant import Tenant

DELIVERY = {
    "delivery_name": "Ana Reyes",
    "delivery_address": "12 Harbor Street",
    "delivery_city": "Chicago",
    "delivery_state": "IL",
    "delivery_zip": "60601",
}


def order_body(*lines: tuple[int, int], **more: Any) -> dict[str, Any]:
    """A body for POST /api/orders: (product id, quantity) pairs, and other fields."""
    items = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines]
    return {"items": items, "payment_method": "credit_card", **DELIVERY, **more}


def make_order(tenant: Tenant, *lines: tuple[int, int], **more: Any) -> dict[str, Any]:
    """A guest's order, placed through the API; the order of the answer."""
    reply = Client(tenant.host).post("/api/orders", order_body(*lines, **more))
    assert reply.status == 201, reply.json
    placed: dict[str, Any] = reply.json["order"]
    return placed


def make_guests_order(tenant: Tenant, *lines: tuple[int, int], **more: Any) -> tuple[str, str]:
    """A guest's order: its number, and the token that proves it."""
    reply = Client(tenant.host).post("/api/orders", order_body(*lines, **more))
    assert reply.status == 201, reply.json
    return reply.json["order"]["order_number"], reply.json["order_token"]
