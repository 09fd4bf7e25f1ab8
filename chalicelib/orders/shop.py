"""What the shop and integrators may ask for when they place an order, and which decisions are theirs."""

import psycopg

from chalicelib import catalogue
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import service
from chalicelib.orders.buyers.proofs import normal_phone
from chalicelib.orders.rules import Order
from chalicelib.orders.service import Asked, NewOrder
from chalicelib.orders.shapes import CreateOrder, PlaceOrder


def place(uow: UnitOfWork, actor: Actor, wanted: PlaceOrder) -> Order:
    """Places an order for whoever is calling. Repeating it orders again; an Idempotency-Key makes it repeatable."""
    delivery = wanted.delivery()
    if wanted.delivery_phone:
        delivery["delivery_phone"] = normal_phone(wanted.delivery_phone)
    new = NewOrder(
        channel="shop",
        payment_method=wanted.payment_method,
        customer_id=actor.id if actor.kind == "customer" else None,
        delivery=delivery,
        special_notes=wanted.special_notes,
        billing_address=wanted.billing_address,
    )
    return service.place(uow, new, [item.asked() for item in wanted.items])


def create_for_integrator(uow: UnitOfWork, wanted: CreateOrder) -> Order:
    """Writes a pending order that holds nothing yet. Raises Conflict when the reference was used before."""
    new = NewOrder(
        channel="inventory",
        payment_method="net30",
        customer_id=None,
        delivery={"delivery_name": wanted.customer_name, "delivery_email": wanted.customer_email},
        barcode=wanted.reference,
        warehouse_id=wanted.location_id,
        special_notes=wanted.notes,
    )
    asked = [
        Asked(catalogue.Item(item.quantity, variant_id=item.variant_id, sku=item.sku)) for item in wanted.line_items
    ]
    try:
        return service.place_unheld(uow, new, asked)
    except psycopg.errors.UniqueViolation:
        raise Conflict(f"There is an order with the reference {wanted.reference}") from None
