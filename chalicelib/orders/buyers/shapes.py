"""Orders as their buyers see them."""

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.catalogue import Offer
from chalicelib.kernel.emails import Email
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.money import Amount
from chalicelib.kernel.shapes import Instant, Shape
from chalicelib.orders.buyers.rules import initials
from chalicelib.orders.buyers.store import PhoneOrder
from chalicelib.orders.rules import Line, Order, commerce_status
from chalicelib.orders.shapes import OrderNumber, ShopLine

OrderToken = Annotated[str, Field(min_length=1, max_length=128)]


class OwnOrdersQuery(Shape):
    """Which orders: at most `per_page`, fewer where they have very many lines; the next ones are those `before` the last
    one's id. A list that is empty has come to its end."""

    before: PathId | None = None
    per_page: Annotated[int, Field(ge=1, le=100)] = 50


class TrackingQuery(Shape):
    """A second fact that proves whose order it is: the token that came with it, or its mail address or phone number."""

    order_token: OrderToken | None = None
    email: Email | None = None
    phone: Annotated[str, Field(max_length=32)] | None = None


class TrackedOrder(Shape):
    """An order by its number. Without proof of who asks, name and customer stay null."""

    id: int
    order_number: str
    user_id: int | None
    status: str
    created_at: Instant
    total_amount: Amount
    delivery_name: str | None
    item_count: int
    tracking_number: str | None
    carrier: str | None
    items: list[ShopLine]

    @classmethod
    def of(cls, order: Order, *, is_proven: bool = True) -> "TrackedOrder":
        """From the order book."""
        return cls(
            id=order.id,
            order_number=order.number,
            user_id=order.customer_id if is_proven else None,
            status=commerce_status(order),
            created_at=order.placed_at,
            total_amount=order.total_minor,
            delivery_name=order.delivery_name if is_proven else None,
            item_count=sum(line.quantity for line in order.lines),
            tracking_number=order.tracking_number,
            carrier=order.carrier,
            items=[ShopLine.of(line) for line in order.lines],
        )


class TrackedOrderView(Shape):
    """The envelope of a tracked order."""

    order: TrackedOrder


class PhoneQuery(Shape):
    """What proves orders where nobody is signed in: a phone session, or an order's number with the token that came with it."""

    phone_session_token: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    order_number: OrderNumber | None = None
    order_token: OrderToken | None = None


class PhoneView(Shape):
    """An order without its items. The name is shown to the signed-in customer; to others only its initials."""

    order_number: str
    status: str
    created_at: Instant
    total_amount: Amount
    delivery_name: str
    item_count: int
    tracking_number: str | None
    carrier: str | None

    @classmethod
    def of(cls, order: PhoneOrder, *, is_own: bool) -> "PhoneView":
        """From the order book."""
        return cls(
            order_number=order.number,
            status=commerce_status(order),
            created_at=order.placed_at,
            total_amount=order.total_minor,
            delivery_name=order.delivery_name if is_own else initials(order.delivery_name),
            item_count=order.units,
            tracking_number=order.tracking_number,
            carrier=order.carrier,
        )


class RefillItem(Shape):
    """A line for the cart, with today's price, and the one that counts from `bulk_quantity` units on."""

    product_id: int
    product_name: str
    product_sku: str
    quantity: int
    unit_price: Amount
    bulk_price: Amount | None
    bulk_quantity: int | None

    @classmethod
    def of(cls, line: Line, offer: Offer) -> "RefillItem":
        """What was ordered, as it is sold today."""
        return cls(
            product_id=offer.product_id,
            product_name=offer.name,
            product_sku=offer.sku,
            quantity=line.quantity,
            unit_price=offer.unit_price_minor,
            bulk_price=offer.bulk_price_minor,
            bulk_quantity=offer.bulk_quantity,
        )


class UnsoldItem(Shape):
    """A line that cannot be ordered today, as it was called then, and why."""

    product_id: int
    product_name: str
    product_sku: str
    quantity: int
    reason: Literal["no_longer_sold", "out_of_stock"]

    @classmethod
    def of(cls, line: Line, reason: Literal["no_longer_sold", "out_of_stock"]) -> "UnsoldItem":
        """What was ordered."""
        return cls(
            product_id=line.product_id,
            product_name=line.name,
            product_sku=line.sku,
            quantity=line.quantity,
            reason=reason,
        )


class Refill(Shape):
    """An order's lines for a new cart. What is not sold any more stands in `left_out`."""

    success: Literal[True] = True
    items: list[RefillItem]
    left_out: list[UnsoldItem]
