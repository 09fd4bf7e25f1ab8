"""Requests and replies of the voice agents."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from chalicelib.kernel.money import Amount
from chalicelib.kernel.shapes import Instant, LooseTimeIn, Shape, at_most
from chalicelib.orders import Order, commerce_status

OrderNumber = Annotated[str, at_most(64), StringConstraints(strip_whitespace=True, max_length=64)]
PhoneText = Annotated[str, at_most(40), StringConstraints(strip_whitespace=True, max_length=40)]
TRANSCRIPT_MAX = 800_000


class OrderStatusQuestion(Shape):
    """By order number, else by telephone number (`phone` is its other name)."""

    order_number: OrderNumber | None = None
    phone_number: PhoneText | None = None
    phone: PhoneText | None = None


class OrderItemView(Shape):
    """A line as the agent reads it out."""

    sku: str
    name: str
    quantity: int
    unit_price: Amount
    line_total: Amount


class OrderStatusView(Shape):
    """An order without a name or an address: the agent does not know who is speaking."""

    order_number: str
    status: str
    total: Amount
    subtotal: Amount
    delivery_fee: Amount
    payment_method: str
    payment_status: str
    item_count: int
    created_at: Instant
    special_notes: str | None
    items: list[OrderItemView]

    @classmethod
    def of(cls, order: Order, *, shows_notes: bool) -> "OrderStatusView":
        """The view of an order; notes only for a caller who knew the number, which nobody can guess."""
        return cls(
            order_number=order.number,
            status=commerce_status(order),
            total=order.total_minor,
            subtotal=order.subtotal_minor,
            delivery_fee=order.delivery_fee_minor,
            payment_method=order.payment_method,
            payment_status=order.payment_state,
            item_count=len(order.lines),
            created_at=order.placed_at,
            special_notes=order.special_notes if shows_notes else None,
            items=[
                OrderItemView(
                    sku=line.sku,
                    name=line.name,
                    quantity=line.quantity,
                    unit_price=line.unit_price_minor,
                    line_total=line.line_total_minor,
                )
                for line in order.lines
            ],
        )


class OrderStatusAnswer(Shape):
    """What the agent gets."""

    success: bool = True
    order: OrderStatusView


class CallComplete(Shape):
    """The end of a call. The provider adds fields as it pleases; unknown ones are passed over."""

    model_config = ConfigDict(extra="ignore")

    call_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    status: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    duration: Annotated[StrictInt, Field(ge=0, le=7 * 24 * 3600)]
    """Seconds."""
    start_time: LooseTimeIn
    end_time: LooseTimeIn
    phone_number: PhoneText
    transcript: Annotated[str, StringConstraints(max_length=TRANSCRIPT_MAX)] | None = None
    order_placed: StrictBool | None = None
    order_number: OrderNumber | None = None
    tool_outputs: list[Any] | None = None


class CallLogged(Shape):
    """The call is in our log."""

    success: bool = True
