"""Endpoints with which buyers look at their orders (commerce contract)."""

from chalicelib.kernel.access import CUSTOMER, SHOPPER
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.phones import Phone
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit
from chalicelib.orders.buyers import service
from chalicelib.orders.buyers.proofs import TooManyGuesses
from chalicelib.orders.buyers.shapes import (
    OwnOrdersQuery,
    PhoneQuery,
    PhoneView,
    Refill,
    TrackedOrder,
    TrackedOrderView,
    TrackingQuery,
)
from chalicelib.orders.shapes import OrderNumber


@endpoint("GET", "/api/orders", allow=CUSTOMER)
def list_own_orders(call: Call[NoBody], query: OwnOrdersQuery) -> list[TrackedOrder]:
    """The signed-in customer's orders with their items, newest first, fifty at a time: `before` continues the list."""
    return [TrackedOrder.of(order) for order in service.list_own(call.uow, query)]


@endpoint(
    "GET",
    "/api/orders/{order_number}",
    allow=SHOPPER,
    errors=(NotFound, TooManyGuesses),
    limit=Limit("tracking", calls=60),
)
def track_order(call: Call[NoBody], order_number: OrderNumber, query: TrackingQuery) -> TrackedOrderView:
    """One order by its number. A customer's order is shown to that customer only; a guest's without name, unless the
    token, the mail address or the phone number of the order is given as well."""
    order, is_proven = service.track(call.uow, order_number, query, address=call.request.address)
    return TrackedOrderView(order=TrackedOrder.of(order, is_proven=is_proven))


@endpoint("GET", "/api/orders/by-phone/{phone}", allow=SHOPPER, errors=(BadRequest,), limit=Limit("by-phone", calls=10))
def list_orders_by_phone(call: Call[NoBody], phone: Phone, query: PhoneQuery) -> list[PhoneView]:
    """Recent orders with a telephone number, without items: the signed-in customer's own, and those that are proven.

    A `phone_session_token` for this number is used up by the call. To everybody else the list is empty, whether there are
    orders or not.
    """
    return service.list_by_phone(call.uow, phone, query)


@endpoint("POST", "/api/orders/{order_number}/reorder", allow=CUSTOMER, errors=(NotFound,))
def refill_cart(call: Call[NoBody], order_number: OrderNumber) -> Refill:
    """The items of one of the customer's orders at today's prices, for a new cart. Nothing is ordered."""
    return service.refill(call.uow, order_number)
