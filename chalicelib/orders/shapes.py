"""Orders as the shop and integrators write and read them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from chalicelib.catalogue import Item
from chalicelib.kernel.emails import Email
from chalicelib.kernel.ids import Id
from chalicelib.kernel.money import Amount, AmountIn
from chalicelib.kernel.shapes import Instant, Note, OptionalText, Quantity, Shape, Sku, Text
from chalicelib.orders.rules import Line, Order, commerce_status, inventory_status
from chalicelib.orders.service import Asked

LINES_MAX = 2000
PaymentMethod = Literal["net30", "credit_card", "check", "cash", "ach"]
OrderNumber = Annotated[str, Field(min_length=1, max_length=64)]


class ShopItem(Shape):
    """A line of a new order: a product or one of its variants, by id or SKU, and how many.

    A product's id alone means its default variant. `unit_price` is optional and never believed: when today's is higher the
    order is refused with 409, so that a shop front end with an old price list cannot surprise its customer.
    """

    product_id: Id | None = None
    product_sku: Sku | None = None
    variant_id: Id | None = None
    quantity: Quantity
    unit_price: AmountIn | None = None

    @model_validator(mode="after")
    def _named(self) -> "ShopItem":
        if self.product_id is None and self.product_sku is None and self.variant_id is None:
            raise ValueError("product_id, product_sku or variant_id is required")
        if self.product_sku is not None and self.variant_id is not None:
            raise ValueError("give either product_sku or variant_id")
        return self

    def asked(self) -> Asked:
        """The line as the service takes it; what names a variant comes before the product, which must be the same."""
        is_default = self.product_sku is None and self.variant_id is None
        named = self.product_id if is_default else None
        item = Item(self.quantity, product_id=named, variant_id=self.variant_id, sku=self.product_sku)
        return Asked(item, self.unit_price, product_id=self.product_id)


class PlaceOrder(Shape):
    """A new order of a customer or guest."""

    items: Annotated[list[ShopItem], Field(min_length=1, max_length=LINES_MAX)]
    delivery_name: Text
    delivery_address: Text
    delivery_city: Text
    delivery_state: Text
    delivery_zip: Text
    delivery_first_name: OptionalText | None = None
    delivery_last_name: OptionalText | None = None
    delivery_email: Email | None = None
    delivery_company: OptionalText | None = None
    delivery_phone: OptionalText | None = None
    special_notes: Note | None = None
    payment_method: PaymentMethod = "net30"
    billing_address: Note | None = None

    def delivery(self) -> dict[str, str | None]:
        """The delivery fields by column."""
        return {name: value for name, value in self if name.startswith("delivery_")}


class ShopLine(Shape):
    """A line of an order."""

    product_id: int
    product_name: str
    product_sku: str
    product_brand: str
    product_unit_size: str
    quantity: int
    unit_price: Amount
    is_bulk_price: bool
    line_total: Amount

    @classmethod
    def of(cls, line: Line) -> "ShopLine":
        """From the order book."""
        return cls(
            product_id=line.product_id,
            product_name=line.name,
            product_sku=line.sku,
            product_brand=line.brand,
            product_unit_size=line.unit_size,
            quantity=line.quantity,
            unit_price=line.unit_price_minor,
            is_bulk_price=line.is_bulk_price,
            line_total=line.line_total_minor,
        )


class ShopOrder(Shape):
    """An order as the one who placed it sees it."""

    id: int
    order_number: str
    user_id: int | None
    status: str
    delivery_name: str
    delivery_first_name: str | None
    delivery_last_name: str | None
    delivery_email: str | None
    delivery_company: str | None
    delivery_address: str
    delivery_city: str
    delivery_state: str
    delivery_zip: str
    delivery_phone: str | None
    special_notes: str | None
    subtotal: Amount
    discount_amount: Amount
    delivery_fee: Amount
    total_amount: Amount
    payment_method: str
    payment_status: str
    created_at: Instant
    hold_expires_at: Instant | None
    """Until when an unpaid order keeps its stock."""
    items: list[ShopLine]

    @classmethod
    def of(cls, order: Order) -> "ShopOrder":
        """From the order book."""
        same = {
            name: getattr(order, name)
            for name in cls.model_fields
            if name.startswith("delivery_") and name != "delivery_fee"
        }
        return cls(
            id=order.id,
            order_number=order.number,
            user_id=order.customer_id,
            status=commerce_status(order),
            special_notes=order.special_notes,
            subtotal=order.subtotal_minor,
            discount_amount=order.discount_minor,
            delivery_fee=order.delivery_fee_minor,
            total_amount=order.total_minor,
            payment_method=order.payment_method,
            payment_status=order.payment_state,
            created_at=order.placed_at,
            hold_expires_at=order.hold_expires_at,
            items=[ShopLine.of(line) for line in order.lines],
            **same,
        )


class OrderPlacedView(Shape):
    """The answer to a new order."""

    success: Literal[True] = True
    message: str
    order: ShopOrder
    order_token: str | None
    """Proves later that the order is its buyer's; to be kept like a password. Null for a customer, who can sign in."""


class LineItem(Shape):
    """A line of an integrator's order: a variant by id or SKU."""

    variant_id: Id | None = None
    sku: Sku | None = None
    quantity: Quantity

    @model_validator(mode="after")
    def _named(self) -> "LineItem":
        if (self.variant_id is None) == (self.sku is None):
            raise ValueError("give either variant_id or sku")
        return self


class CreateOrder(Shape):
    """A new order of an integrator. Nothing is held before `reserve`."""

    line_items: Annotated[list[LineItem], Field(min_length=1, max_length=LINES_MAX)]
    location_id: Id | None = None
    reference: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The integrator's own number; unique, and what warehouse scanners may scan."""
    customer_name: OptionalText = ""
    customer_email: Email | None = None
    notes: Note | None = None


class OrderLineView(Shape):
    """A line as integrators see it."""

    id: int
    variant_id: int
    product_id: int
    sku: str
    name: str
    quantity: int
    fulfilled_quantity: int
    unit_price: Amount
    line_total: Amount


class OrderView(Shape):
    """An order as integrators see it."""

    id: int
    number: str
    reference: str | None
    status: Literal["pending", "reserved", "fulfilled", "cancelled"]
    location_id: int
    customer_name: str
    customer_email: str | None
    notes: str | None
    currency: str
    total: Amount
    created_at: Instant
    updated_at: Instant
    line_items: list[OrderLineView]

    @classmethod
    def of(cls, order: Order) -> "OrderView":
        """From the order book."""
        return cls.model_validate(
            {
                "id": order.id,
                "number": order.number,
                "reference": order.barcode,
                "status": inventory_status(order),
                "location_id": order.warehouse_id,
                "customer_name": order.delivery_name,
                "customer_email": order.delivery_email,
                "notes": order.special_notes,
                "currency": order.currency,
                "total": order.total_minor,
                "created_at": order.placed_at,
                "updated_at": order.updated_at,
                "line_items": [_line_view(line) for line in order.lines],
            }
        )


def _line_view(line: Line) -> OrderLineView:
    return OrderLineView(
        id=line.id,
        variant_id=line.variant_id,
        product_id=line.product_id,
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        fulfilled_quantity=line.shipped,
        unit_price=line.unit_price_minor,
        line_total=line.line_total_minor,
    )


class OrderQuery(Shape):
    """Filters of an integrator's list."""

    status: Literal["pending", "reserved", "fulfilled", "cancelled"] | None = None
    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=200)] = 50


class OrderPage(Shape):
    """A page of orders, newest first."""

    orders: list[OrderView]
    page: int
    per_page: int
