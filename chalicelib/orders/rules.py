"""Orders: the state machine, the three vocabularies it is told in, and the sums."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol

from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.money import share
from chalicelib.kernel.states import Machine

State = Literal["pending", "confirmed", "picking", "picked", "packed", "shipped", "delivered", "cancelled"]
OrderEvent = Literal[
    "confirm",
    "start_picking",
    "stop_picking",
    "finish_picking",
    "pack",
    "ship",
    "deliver",
    "cancel",
    "call_off",
    "revive",
]

ORDER: Machine[State, OrderEvent] = Machine(
    "order",
    {
        ("pending", "confirm"): "confirmed",
        ("pending", "start_picking"): "picking",
        ("confirmed", "start_picking"): "picking",
        ("picking", "stop_picking"): "confirmed",
        ("picking", "finish_picking"): "picked",
        ("picked", "pack"): "packed",
        ("picked", "ship"): "shipped",
        ("packed", "ship"): "shipped",
        # Portals and integrators that ship without picking walk the machine in one step.
        ("pending", "ship"): "shipped",
        ("confirmed", "ship"): "shipped",
        ("shipped", "deliver"): "delivered",
        ("pending", "cancel"): "cancelled",
        ("confirmed", "cancel"): "cancelled",
        # The warehouse calls off what it has begun as well: the order then leaves its batch in the same transaction.
        ("pending", "call_off"): "cancelled",
        ("confirmed", "call_off"): "cancelled",
        ("picking", "call_off"): "cancelled",
        # One that only expired, when its payment comes after all and its stock is there.
        ("cancelled", "revive"): "pending",
    },
)

OPEN_STATES: frozenset[State] = frozenset({"pending", "confirmed"})
"""What wms calls OPEN."""

_COMMERCE: dict[State, str] = {"picking": "confirmed", "picked": "confirmed"}
_WMS: dict[State, str] = {"pending": "OPEN", "confirmed": "OPEN", "delivered": "SHIPPED"}
_INVENTORY: dict[State, str] = {
    "confirmed": "reserved",
    "picking": "reserved",
    "picked": "reserved",
    "packed": "reserved",
    "shipped": "fulfilled",
    "delivered": "fulfilled",
}

BACK_ORDERED = frozenset({"wms", "staff"})
"""Channels whose orders hold what there is and wait for the rest; others are refused when there is not enough."""
UNPAID = frozenset({"wms", "inventory"})
"""Channels whose orders wait for no payment: another system sees to it."""

_WHY_STOPPED = {"payment_returned": "is stopped: the bank took its payment back, it must be paid again first"}

CARD_HOLD = timedelta(minutes=30)
"""How long an unpaid card order keeps its stock."""
UNCONFIRMED_HOLD = timedelta(days=3)
"""How long an order keeps its stock that waits for a check, cash or somebody's approval of terms."""


class OrderStopped(Conflict):
    """Nothing of this order may be shipped until its payment is settled."""

    code = "order_stopped"
    sentence = "This order is stopped"


@dataclass(frozen=True)
class Line:
    """One line of an order. Invariant: shipped <= packed <= picked and picked + short <= quantity."""

    id: int
    position: int
    product_id: int
    variant_id: int
    sku: str
    name: str
    brand: str
    unit_size: str
    quantity: int
    unit_price_minor: int
    is_bulk_price: bool
    line_total_minor: int
    picked: int = 0
    packed: int = 0
    shipped: int = 0
    short: int = 0

    @property
    def open(self) -> int:
        """Units that still have to be picked."""
        return self.quantity - self.picked - self.short


@dataclass(frozen=True)
class Order:
    """An order with its lines."""

    id: int
    number: str
    barcode: str | None
    channel: str
    state: State
    payment_state: str
    payment_method: str
    customer_id: int | None
    warehouse_id: int
    is_reserved: bool
    is_short: bool
    currency: str
    subtotal_minor: int
    discount_minor: int
    delivery_fee_minor: int
    total_minor: int
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
    billing_address: str | None
    special_notes: str | None
    ship_method: str | None
    tracking_number: str | None
    carrier: str | None
    placed_at: datetime
    hold_expires_at: datetime | None
    updated_at: datetime
    lines: tuple[Line, ...]
    ordered_on: date | None = None
    """The day its buyer ordered, where that was not the day it was placed here."""
    ship_by: date | None = None
    priority: int = 0
    cancel_reason: str | None = None
    stopped_because: str | None = None
    """Why nothing of it may be shipped for now."""

    @property
    def document(self) -> str:
        """How the stock ledger names this order."""
        return f"order:{self.id}"


@dataclass(frozen=True)
class LineProgress:
    """What has happened to a line since; signed."""

    line_id: int
    picked: int = 0
    packed: int = 0
    shipped: int = 0
    short: int = 0


class Stateful(Protocol):
    """An order, or a row that knows the state of one."""

    @property
    def state(self) -> State:
        """Where the order is."""


def commerce_status(order: Stateful) -> str:
    """pending, confirmed, packed, shipped, delivered or cancelled."""
    return _COMMERCE.get(order.state, order.state)


def wms_word(state: State) -> str:
    """OPEN, PICKING, PICKED, PACKED, SHIPPED or CANCELLED."""
    return _WMS.get(state, state.upper())


def wms_status(order: Stateful) -> str:
    """The word for an order's state."""
    return wms_word(order.state)


def ship_address(columns: Mapping[str, Any]) -> str:
    """An order's address on one line; what was entered at the warehouse stands in the street alone."""
    names = ("delivery_address", "delivery_city", "delivery_state", "delivery_zip")
    return ", ".join(columns[name] for name in names if columns[name])


def inventory_status(order: Order) -> str:
    """pending, reserved, fulfilled or cancelled."""
    if order.state == "pending":
        return "reserved" if order.is_reserved else "pending"
    return _INVENTORY.get(order.state, order.state)


def is_released(order: Order) -> bool:
    """Whether the floor may start: open, not stopped, and neither waiting for a card payment nor for somebody's approval."""
    if order.stopped_because is not None:
        return False
    if order.state == "confirmed":
        return True
    return order.state == "pending" and (order.channel in ("wms", "staff") or order.is_reserved)


def why_stopped(order: Order) -> str | None:
    """Why nothing of an order may be shipped for now, in words for whoever wants to ship it; None when nothing stops it."""
    return None if order.stopped_because is None else _WHY_STOPPED[order.stopped_because]


def stop_after(order: Order, payment_state: str, *, is_returned: bool) -> str | None:
    """What stops an order once its payment is in this state: what was paid goes out, what the bank took back does not."""
    if payment_state == "paid":
        return None
    return "payment_returned" if is_returned else order.stopped_because


def check_not_stopped(order: Order) -> None:
    """Raises OrderStopped."""
    reason = why_stopped(order)
    if reason is not None:
        raise OrderStopped(f"Order {reason}")


def may_hold(order: Order) -> bool:
    """Whether an order is open and holds stock at all: an integrator's does so only once it was reserved."""
    return order.state in OPEN_STATES and (
        order.channel != "inventory" or order.is_reserved or order.state != "pending"
    )


def is_whole(order: Order, held: Mapping[int, int]) -> bool:
    """Whether an order lacks nothing: no unit was given up, and every open unit is held; `held` is by line."""
    return all(line.short == 0 and held.get(line.id, 0) >= line.open for line in order.lines)


@dataclass(frozen=True)
class Credit:
    """A customer's terms, how much they may owe and what they do, in minor units."""

    terms: str
    limit_minor: int
    is_frozen: bool
    """Whether a dispute forbids new orders on terms, whatever the limit."""
    owed_minor: int

    @property
    def is_on_terms(self) -> bool:
        """Whether the customer may pay after delivery at all."""
        return self.terms == "net30"

    def covers(self, total_minor: int) -> bool:
        """Whether they may owe so much as well."""
        return self.is_on_terms and self.owed_minor + total_minor <= self.limit_minor


def hold_expires_at(payment_method: str, state: State, now: datetime) -> datetime | None:
    """When an unpaid order gives its stock back; never for a confirmed one."""
    if state != "pending":
        return None
    return now + (CARD_HOLD if payment_method == "credit_card" else UNCONFIRMED_HOLD)


@dataclass(frozen=True)
class Sums:
    """What an order comes to, in minor units."""

    subtotal_minor: int
    discount_minor: int = 0
    delivery_fee_minor: int = 0

    @property
    def total_minor(self) -> int:
        """What is to be paid; never below 0, for no discount is more than the subtotal."""
        return self.subtotal_minor - self.discount_minor + self.delivery_fee_minor


def sums(settings: Mapping[str, Any], subtotal_minor: int, *, terms: str | None) -> Sums:
    """An order's sums under the organization's settings; `terms` are its customer's, None for guests.

    The fee looks at the subtotal before the discount.
    """
    return Sums(
        subtotal_minor,
        discount_minor(settings, subtotal_minor, terms=terms),
        delivery_fee_minor(settings, subtotal_minor),
    )


def delivery_fee_minor(settings: Mapping[str, Any], subtotal_minor: int) -> int:
    """The organization's delivery fee: ``delivery_fee_minor``, nothing from ``free_delivery_from_minor`` on."""
    free_from = settings.get("free_delivery_from_minor")
    if isinstance(free_from, int) and subtotal_minor >= free_from:
        return 0
    fee = settings.get("delivery_fee_minor", 0)
    return fee if isinstance(fee, int) else 0


def discount_minor(settings: Mapping[str, Any], subtotal_minor: int, *, terms: str | None) -> int:
    """The best of the organization's ``discounts`` that the order meets; they do not add up.

    Each is ``{"per_10000": 250, "from_minor": 50000, "terms": "net30"}``: basis points of the subtotal, halves of a minor
    unit rounded up; from that subtotal on; for customers with these terms. Without the last two it is for everybody.
    """
    granted = [
        discount["per_10000"]
        for discount in _discounts(settings)
        if subtotal_minor >= discount.get("from_minor", 0) and discount.get("terms") in (None, terms)
    ]
    return share(subtotal_minor, max(granted, default=0))


def looks_at_terms(settings: Mapping[str, Any]) -> bool:
    """Whether a discount depends on who buys."""
    return any(discount.get("terms") is not None for discount in _discounts(settings))


def _discounts(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those that are written as they should be; others grant nothing."""
    written = settings.get("discounts")
    return [each for each in written if _is_discount(each)] if isinstance(written, list) else []


def _is_discount(written: object) -> bool:
    if not isinstance(written, Mapping):
        return False
    share_of_it, begins = written.get("per_10000"), written.get("from_minor", 0)
    return type(share_of_it) is int and 0 <= share_of_it <= 10_000 and type(begins) is int
