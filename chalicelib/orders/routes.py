"""Orders of the shop (commerce contract) and of integrators (inventory contract)."""

from chalicelib import catalogue, stock
from chalicelib.kernel.access import KEY, SHOPPER
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit
from chalicelib.orders import service, shop, store
from chalicelib.orders.buyers import proofs
from chalicelib.orders.rules import State
from chalicelib.orders.shapes import (
    CreateOrder,
    OrderPage,
    OrderPlacedView,
    OrderQuery,
    OrderView,
    PlaceOrder,
    ShopOrder,
)


@endpoint(
    "POST",
    "/api/orders",
    allow=SHOPPER,
    status=201,
    errors=(stock.OutOfStock, catalogue.NotForSale, service.PriceChanged, service.CreditExceeded, NotFound),
    limit=Limit("orders", calls=120),
)
def place_order(call: Call[PlaceOrder]) -> OrderPlacedView:
    """Place an order, as a customer or a guest: priced here, its stock held in the same transaction.

    An unpaid card order keeps its stock for half an hour. `net30` counts for customers with terms, within their credit
    limit; otherwise the order waits for payment or for somebody's approval.
    """
    order = shop.place(call.uow, call.actor, call.body)
    token = proofs.token_of(call.uow, order.number) if order.customer_id is None else None
    return OrderPlacedView(message="Order placed successfully", order=ShopOrder.of(order), order_token=token)


@endpoint("GET", "/api/v1/orders", allow=KEY("inventory:read"))
def list_orders(call: Call[NoBody], query: OrderQuery) -> OrderPage:
    """Sales orders of every channel, newest first."""
    states, is_reserved = _states(query.status)
    found = store.list_for_integrators(
        call.uow, states, is_reserved=is_reserved, limit=query.per_page, offset=(query.page - 1) * query.per_page
    )
    return OrderPage(orders=[OrderView.of(o) for o in found], page=query.page, per_page=query.per_page)


@endpoint(
    "POST",
    "/api/v1/orders",
    allow=KEY("inventory:write"),
    status=201,
    errors=(catalogue.NotForSale, NotFound, Conflict),
)
def create_order(call: Call[CreateOrder]) -> OrderView:
    """Create a pending order. Prices are the catalogue's; stock is held by `reserve`."""
    return OrderView.of(shop.create_for_integrator(call.uow, call.body))


@endpoint("GET", "/api/v1/orders/{order_id}", allow=KEY("inventory:read"), errors=(NotFound,))
def get_order(call: Call[NoBody], order_id: PathId) -> OrderView:
    """Status and details of an order."""
    return OrderView.of(store.get_order(call.uow, order_id))


@endpoint(
    "POST",
    "/api/v1/orders/{order_id}/reserve",
    allow=KEY("inventory:write"),
    errors=(NotFound, Conflict, stock.OutOfStock),
)
def reserve_order(call: Call[NoBody], order_id: PathId) -> OrderView:
    """Hold stock for every line of a pending order: all of it or none."""
    return OrderView.of(service.reserve(call.uow, order_id))


@endpoint("POST", "/api/v1/orders/{order_id}/fulfill", allow=KEY("inventory:write"), errors=(NotFound, Conflict))
def fulfil_order(call: Call[NoBody], order_id: PathId) -> OrderView:
    """Ship a reserved order completely and lower the stock, first expired first out."""
    return OrderView.of(service.fulfil(call.uow, order_id))


@endpoint("POST", "/api/v1/orders/{order_id}/cancel", allow=KEY("inventory:write"), errors=(NotFound, Conflict))
def cancel_order(call: Call[NoBody], order_id: PathId) -> OrderView:
    """Cancel a pending or reserved order and give its stock back."""
    return OrderView.of(service.cancel(call.uow, order_id, reason="integrator"))


def _states(status: str | None) -> tuple[list[State] | None, bool | None]:
    """The states and the reservation that an integrator's word for a status means."""
    if status is None:
        return None, None
    if status == "pending":
        return ["pending"], False
    if status == "reserved":
        return ["pending", "confirmed", "picking", "picked", "packed"], True
    return (["shipped", "delivered"] if status == "fulfilled" else ["cancelled"]), None
