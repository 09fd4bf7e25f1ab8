"""Use cases of buyers: their orders, one of them, those of a telephone number, an order once more."""

from chalicelib import catalogue
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import store as book
from chalicelib.orders.buyers import proofs, rules, store
from chalicelib.orders.buyers.shapes import (
    OwnOrdersQuery,
    PhoneQuery,
    PhoneView,
    Refill,
    RefillItem,
    TrackingQuery,
    UnsoldItem,
)
from chalicelib.orders.rules import Line, Order

LINES_MAX = 5_000
"""Lines that a list shows in one answer: about 1.5 MB, of the 6 MB that Lambda can answer with."""
BY_PHONE_MAX = 20


def list_own(uow: UnitOfWork, query: OwnOrdersQuery) -> list[Order]:
    """The signed-in customer's orders, newest first. One statement."""
    return store.list_own(uow, uow.actor.id, before=query.before, limit=query.per_page, lines_max=LINES_MAX)


def track(uow: UnitOfWork, number: str, told: TrackingQuery, *, address: str) -> tuple[Order, bool]:
    """An order by its number, and whether the caller has proven whose it is.

    A customer's order exists for that customer alone; a guest's for whoever knows its number. Raises NotFound,
    proofs.TooManyGuesses.
    """
    order = book.find_by_number(uow, number)
    if order is None or not rules.has_buyer(order):
        raise NotFound("Order not found")
    if order.customer_id is not None:
        if not _is_own(uow, order):
            raise NotFound("Order not found")
        return order, True
    if proofs.is_token(uow, number, told.order_token):
        return order, True
    return order, proofs.is_known(uow, order, email=told.email, phone=told.phone, address=address)


def _is_own(uow: UnitOfWork, order: Order) -> bool:
    return uow.actor.kind == "customer" and order.customer_id == uow.actor.id


def list_by_phone(uow: UnitOfWork, phone: str, told: PhoneQuery) -> list[PhoneView]:
    """Recent orders with a telephone number, newest first: the signed-in customer's, and those that are proven.

    A phone session for this number, which is used up, proves its customer's orders and guests' ones; an order's token that
    order only, for a buyer may have given anybody's number. Without proof the list is empty, after the same statement: whether
    others have this number does not show. Raises customers.InvalidToken, Unavailable.
    """
    customer_ids = [uow.actor.id] if uow.actor.kind == "customer" else []
    proven = None if told.phone_session_token is None else _with_phone(uow, phone, told.phone_session_token)
    is_told = told.order_number is not None and proofs.is_token(uow, told.order_number, told.order_token)
    found = store.list_by_phone(
        uow,
        phone,
        channels=rules.BUYERS_CHANNELS,
        customer_ids=customer_ids if proven is None else [*customer_ids, proven],
        has_phone=proven is not None,
        number=told.order_number if is_told else None,
        limit=BY_PHONE_MAX,
    )
    return [PhoneView.of(order, is_own=order.customer_id in customer_ids) for order in found]


def _with_phone(uow: UnitOfWork, phone: str, token: str) -> int | None:
    """The customer who has just proven this number with a code; None when it was another number."""
    from chalicelib import customers

    customer = customers.use_phone_session(uow, token)
    return customer.id if customer.phone == phone else None


def refill(uow: UnitOfWork, number: str) -> Refill:
    """What is to be put into the cart to order the signed-in customer's order once more, with today's prices.

    Nothing is ordered or held. Raises NotFound for everybody else's order. Two statements for any number of lines.
    """
    order = book.find_by_number(uow, number)
    if order is None or not _is_own(uow, order):
        raise NotFound("Order not found")
    offers = catalogue.offered(uow, [catalogue.Item(line.quantity, variant_id=line.variant_id) for line in order.lines])
    refilled = [_refilled(line, offer) for line, offer in zip(order.lines, offers, strict=True)]
    return Refill(
        items=[each for each in refilled if isinstance(each, RefillItem)],
        left_out=[each for each in refilled if isinstance(each, UnsoldItem)],
    )


def _refilled(line: Line, offer: catalogue.Offer | None) -> RefillItem | UnsoldItem:
    if offer is not None and offer.is_active and offer.in_stock:
        return RefillItem.of(line, offer)
    return UnsoldItem.of(line, "out_of_stock" if offer is not None and offer.is_active else "no_longer_sold")
