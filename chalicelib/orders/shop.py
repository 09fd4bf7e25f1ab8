"""What the shop and integrators may do with orders: who sees what, and which decisions are theirs."""

import hmac

import psycopg

from chalicelib import catalogue
from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.phones import e164
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import service, store
from chalicelib.orders.rules import Order
from chalicelib.orders.service import Asked, NewOrder
from chalicelib.orders.shapes import CreateOrder, PlaceOrder


def place(uow: UnitOfWork, actor: Actor, wanted: PlaceOrder) -> Order:
    """Places an order for whoever is calling. Repeating it orders again; an Idempotency-Key makes it repeatable."""
    delivery = wanted.delivery()
    if wanted.delivery_phone:
        delivery["delivery_phone"] = _normal_phone(wanted.delivery_phone)
    new = NewOrder(
        channel="shop",
        payment_method=wanted.payment_method,
        customer_id=actor.id if actor.kind == "customer" else None,
        delivery=delivery,
        special_notes=wanted.special_notes,
        billing_address=wanted.billing_address,
    )
    return service.place(uow, new, [item.asked() for item in wanted.items])


def track(uow: UnitOfWork, actor: Actor, number: str, *, email: str | None, phone: str | None) -> tuple[Order, bool]:
    """An order and whether the caller has proven whose it is. Raises NotFound for other customers' orders."""
    order = store.find_by_number(uow, number)
    if order is None:
        raise NotFound("Order not found")
    if actor.kind == "customer" and order.customer_id == actor.id:
        return order, True
    is_proven = _is_same(order.delivery_email, email, fold=True) or _is_same(
        order.delivery_phone, phone and _normal_phone(phone)
    )
    if order.customer_id is not None and not is_proven:
        raise NotFound("Order not found")
    return order, is_proven


def _normal_phone(text: str) -> str:
    """E.164 where the text is a telephone number; else the text, for a person to make sense of."""
    try:
        return e164(text)
    except ValueError:
        return text


def _is_same(known: str | None, told: str | None, *, fold: bool = False) -> bool:
    if not known or not told:
        return False
    pair = (known.casefold(), told.casefold()) if fold else (known, told)
    return hmac.compare_digest(pair[0].encode(), pair[1].encode())


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
