"""Use cases of the order book, one function each. What other contexts may call stands in ``__init__``."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib import catalogue, places, stock
from chalicelib.kernel import ids
from chalicelib.kernel.errors import Conflict, Detail, Invalid, NotFound
from chalicelib.kernel.facts import Fact
from chalicelib.kernel.money import AMOUNT_MAX
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import facts, rules, store
from chalicelib.orders.events import OrderCancelled, OrderPlaced, OrderShipped
from chalicelib.orders.rules import ORDER, LineProgress, Order, OrderEvent, State, Sums

EXPIRE_BATCH = 50
_TOLD: Mapping[OrderEvent, Callable[..., Fact]] = {
    "confirm": facts.Confirmed,
    "start_picking": facts.PickingStarted,
    "stop_picking": facts.PickingStopped,
    "finish_picking": facts.Picked,
    "pack": facts.Packed,
    "deliver": facts.Delivered,
    "revive": facts.Revived,
}


class PriceChanged(Conflict):
    """Today's price of a line is above the one it was sent with; `lines` says which. Nothing was ordered."""

    code = "price_changed"
    sentence = "Prices have changed"


class CreditExceeded(Conflict):
    """The customer's terms do not cover this order."""

    code = "credit_exceeded"
    sentence = "This order exceeds the credit limit"


class CreditFrozen(Conflict):
    """A payment of the customer's is disputed, or was lost in a dispute."""

    code = "credit_frozen"
    sentence = "Orders on terms are not possible for this account at present"


@dataclass(frozen=True)
class NewOrder:
    """What a caller decides about an order; everything with a price in it is decided here."""

    channel: str
    payment_method: str
    customer_id: int | None
    delivery: Mapping[str, str | None]
    barcode: str | None = None
    warehouse_id: int | None = None
    """Where it must be held; None: the first warehouse that has everything."""
    special_notes: str | None = None
    billing_address: str | None = None
    ship_method: str | None = None


@dataclass(frozen=True)
class Asked:
    """One line as asked for."""

    item: catalogue.Item
    expected_price_minor: int | None = None
    """What its buyer was shown; paying less than that is no surprise."""
    product_id: int | None = None
    """The product that it must be, where the item names it in another way."""


def place(uow: UnitOfWork, new: NewOrder, asked: Sequence[Asked]) -> Order:
    """Prices, checks credit, holds the stock and writes the order: all in this transaction, or nothing.

    Orders of the warehouse and of staff hold what there is and are back-ordered for the rest: flagged short. Raises
    catalogue's refusals for unknown products, Invalid for what costs more than an amount can hold, PriceChanged,
    CreditExceeded, stock.OutOfStock line by line. Five statements for any number of lines, seven on terms. Locks the
    customer on terms, then availability in key order.
    """
    priced = catalogue.priced(uow, [a.item for a in asked])
    _check_named(asked, priced)
    _check_prices(asked, priced)
    sums, state = _valued(uow, new, sum(line.line_total_minor for line in priced))
    wants = [stock.Want(n, line.variant_id, line.sku, line.quantity) for n, line in enumerate(priced, 1)]
    is_whole = new.channel not in rules.BACK_ORDERED
    held = stock.choose(uow, wants, warehouse_id=new.warehouse_id, all_or_nothing=is_whole)
    is_short = sum(held.quantities) < sum(want.quantity for want in wants)
    order = _insert(uow, new, priced, sums, state=state, warehouse_id=held.warehouse_id, is_short=is_short)
    stock.hold_chosen(uow, [replace(w, order_line_id=ln.id) for w, ln in zip(wants, order.lines, strict=True)], held)
    uow.publish(OrderPlaced(order_id=order.id).message())
    _note_placed(uow, order)
    return order


def place_unheld(uow: UnitOfWork, new: NewOrder, asked: Sequence[Asked]) -> Order:
    """An integrator's order: priced and written, stock is held later by `reserve`. Raises NotFound for the location."""
    priced = catalogue.priced(uow, [a.item for a in asked], loc=("line_items",))
    active = places.warehouse_ids(uow)
    if new.warehouse_id is not None and new.warehouse_id not in active:
        raise NotFound("Location not found")
    if not active:
        raise Conflict("There is no active location")
    sums = Sums(sum(line.line_total_minor for line in priced))
    order = _insert(uow, new, priced, sums, state="pending", warehouse_id=new.warehouse_id or active[0])
    _note_placed(uow, order)
    return order


def _note_placed(uow: UnitOfWork, order: Order) -> None:
    said = {"number": order.number, "channel": order.channel, "total_minor": order.total_minor}
    uow.audit("order.placed", "order", order.id, after=said)
    status = rules.inventory_status(order)
    uow.tell(facts.Placed(order_id=order.id, channel=order.channel, status=status, warehouse_id=order.warehouse_id))


def _check_named(asked: Sequence[Asked], priced: Sequence[catalogue.PricedItem]) -> None:
    wrong: list[Detail] = [
        {"type": "other_product", "loc": ["items", n, "product_id"], "msg": "The other name is of another product"}
        for n, (a, p) in enumerate(zip(asked, priced, strict=True))
        if a.product_id not in (None, p.product_id)
    ]
    if wrong:
        raise Invalid(wrong)


def _check_prices(asked: Sequence[Asked], priced: Sequence[catalogue.PricedItem]) -> None:
    changed = [
        {"sku": p.sku, "unit_price": p.unit_price_minor / 100}
        for a, p in zip(asked, priced, strict=True)
        if a.expected_price_minor is not None and a.expected_price_minor < p.unit_price_minor
    ]
    if changed:
        raise PriceChanged(lines=changed)


def _valued(uow: UnitOfWork, new: NewOrder, subtotal_minor: int) -> tuple[Sums, State]:
    """What it comes to, and whether it is confirmed at once: for a customer on terms within their limit.

    Else it is pending until it is paid or approved. The customer on terms stays locked, so that of two orders at once the
    second sees what the first one owes.
    """
    settings = uow.organization.settings
    credit = store.lock_credit(uow, new.customer_id) if new.customer_id and new.payment_method == "net30" else None
    terms = credit.terms if credit else None
    if credit is None and new.customer_id and rules.looks_at_terms(settings):
        terms = store.get_terms(uow, new.customer_id)
    sums = rules.sums(settings, subtotal_minor, terms=terms)
    if sums.total_minor > AMOUNT_MAX:
        raise Invalid(
            [{"type": "amount_range", "loc": ["items"], "msg": "The order costs more than an amount can hold"}]
        )
    if credit is None or not credit.is_on_terms:
        return sums, "pending"
    if credit.is_frozen:
        raise CreditFrozen
    if not credit.covers(sums.total_minor):
        raise CreditExceeded
    return sums, "confirmed"


def _insert(
    uow: UnitOfWork,
    new: NewOrder,
    priced: Sequence[catalogue.PricedItem],
    sums: Sums,
    *,
    state: State,
    warehouse_id: int,
    is_short: bool = False,
) -> Order:
    is_held_until_paid = new.channel not in rules.UNPAID
    columns: dict[str, Any] = {
        "number": ids.order_number(),
        "barcode": new.barcode,
        "channel": new.channel,
        "state": state,
        "payment_method": new.payment_method,
        "customer_id": new.customer_id,
        "placed_by": uow.actor.label,
        "warehouse_id": warehouse_id,
        "is_short": is_short,
        "currency": uow.organization.currency,
        **asdict(sums),
        "total_minor": sums.total_minor,
        "billing_address": new.billing_address,
        "special_notes": new.special_notes,
        "ship_method": new.ship_method,
        "hold_expires_at": rules.hold_expires_at(new.payment_method, state, uow.now) if is_held_until_paid else None,
        **{name: new.delivery.get(name) for name in _DELIVERY},
        **{name: new.delivery.get(name) or "" for name in _DELIVERY_REQUIRED},
    }
    lines = [
        {"position": n, **vars(line), "line_total_minor": line.line_total_minor} for n, line in enumerate(priced, 1)
    ]
    return store.insert_order(uow, columns, lines)


_DELIVERY_REQUIRED = ("delivery_name", "delivery_address", "delivery_city", "delivery_state", "delivery_zip")
_DELIVERY = (
    "delivery_first_name",
    "delivery_last_name",
    "delivery_email",
    "delivery_company",
    "delivery_phone",
)


def reserve(uow: UnitOfWork, order_id: int) -> Order:
    """Holds stock for every line of a pending order: all of it or none. A shop order holds it already and now keeps it.

    Raises NotFound for another organization's order, Conflict when it is not pending or held already, stock.OutOfStock
    with every short line.
    """
    order = store.lock_order(uow, order_id)
    if rules.inventory_status(order) != "pending":
        raise Conflict(f"Order is {rules.inventory_status(order)}, must be pending")
    wants = [stock.Want(line.id, line.variant_id, line.sku, line.open) for line in order.lines]
    stock.hold(uow, wants, warehouse_id=order.warehouse_id)
    store.set_reserved(uow, order.id, order.warehouse_id)
    uow.audit("order.reserved", "order", order.id, after={"warehouse_id": order.warehouse_id})
    uow.tell(facts.Reserved(order_id=order.id, warehouse_id=order.warehouse_id))
    return store.get_order(uow, order.id)


def fulfil(uow: UnitOfWork, order_id: int) -> Order:
    """Ships a reserved order completely, without picking: stock leaves its bins once, first expired first.

    Raises Conflict when it is not reserved or the floor is working on it, or when its stock cannot be taken from bins,
    OrderStopped when its payment came back.
    """
    order = store.lock_order(uow, order_id)
    if rules.inventory_status(order) != "reserved" or order.state not in rules.OPEN_STATES:
        raise Conflict(
            f"Order is {order.state if order.is_reserved else 'not reserved'}, must be reserved and not in picking"
        )
    rules.check_not_stopped(order)
    there = stock.standing(uow, (), [line.id for line in order.lines])  # availability is locked before levels
    moves, holds = _take(uow, order), there.given_back()
    stock.post(uow, moves=moves, holds=holds)
    add_progress(
        uow, [LineProgress(line.id, picked=line.open, packed=line.open, shipped=line.open) for line in order.lines]
    )
    advance(uow, [order], "ship")
    _announce_shipped(uow, order)
    uow.audit("order.fulfilled", "order", order.id)
    return store.get_order(uow, order.id)


def _announce_shipped(uow: UnitOfWork, order: Order) -> None:
    uow.publish(OrderShipped(order_id=order.id).message())
    uow.tell(facts.Shipped(order_id=order.id, warehouse_id=order.warehouse_id))


def _take(uow: UnitOfWork, order: Order) -> list[stock.Move]:
    """Moves that take an order's open units from their bins straight to the customer."""
    levels = stock.free_stock(uow, order.warehouse_id, [line.variant_id for line in order.lines])
    left = {(f.account_id, f.variant_id, f.lot_id): f.free for f in levels}
    moves = []
    for line in order.lines:
        needed = line.open
        for level in (f for f in levels if f.variant_id == line.variant_id):
            key = (level.account_id, level.variant_id, level.lot_id)
            taken = min(needed, left[key])
            if taken:
                moves.append(_to_customer(order, level, taken))
                left[key], needed = left[key] - taken, needed - taken
        if needed:
            raise Conflict(f"{line.sku}: {needed} units are held but lie in no bin that may be picked")
    return moves


def _to_customer(order: Order, level: stock.FreeStock, quantity: int) -> stock.Move:
    return stock.Move(
        level.variant_id, quantity, level.account_id, "customer", "shipment", order.document, level.lot_id
    )


def cancel(uow: UnitOfWork, order_id: int, *, reason: str) -> Order:
    """Cancels an open order and gives its stock back. Raises NotFound, Conflict for one that the floor has begun."""
    order = store.lock_order(uow, order_id)
    return _cancel(uow, order, reason)


def _cancel(uow: UnitOfWork, order: Order, reason: str) -> Order:
    advance(uow, [order], "cancel", reason=reason)
    stock.release(uow, [line.id for line in order.lines])
    uow.publish(OrderCancelled(order_id=order.id, reason=reason).message())
    uow.tell(facts.Cancelled(order_id=order.id, reason=reason))
    uow.audit("order.cancelled", "order", order.id, before={"state": order.state}, after={"reason": reason})
    return store.get_order(uow, order.id)


def revive(uow: UnitOfWork, order: Order) -> Order | None:
    """Opens a locked order again that had only expired, if all of its stock can be held; the order, or None.

    Its warehouse is the one it had. Locks availability. Raises Conflict for an order that is not cancelled.
    """
    try:
        stock.hold(
            uow,
            [stock.Want(line.id, line.variant_id, line.sku, line.open) for line in order.lines],
            warehouse_id=order.warehouse_id,
        )
    except stock.OutOfStock:
        return None
    advance(uow, [order], "revive")
    uow.audit("order.revived", "order", order.id)
    return replace(order, state="pending", cancel_reason=None, updated_at=uow.now)


def review_credit(uow: UnitOfWork, customer_id: int, *, is_frozen: Callable[[], bool]) -> None:
    """Freezes a customer's credit or lifts the freeze, as `is_frozen` decides while their row is locked. May be repeated."""
    store.lock_customer(uow, customer_id)
    frozen = is_frozen()
    if store.freeze_credit(uow, customer_id, is_frozen=frozen):
        uow.audit("customer.credit", "customer", customer_id, after={"is_frozen": frozen})


def expire_unpaid(uow: UnitOfWork) -> int:
    """Cancels orders that were not paid in time; how many. A schedule's work; may be repeated."""
    orders = store.lock_orders(uow, store.list_expired(uow, EXPIRE_BATCH))
    due = [
        o
        for o in orders
        if o.state == "pending"
        and o.payment_state in ("unpaid", "failed")
        and o.hold_expires_at
        and o.hold_expires_at <= uow.now
    ]
    for order in due:
        _cancel(uow, order, "expired")
    return len(due)


def advance(
    uow: UnitOfWork,
    orders: Sequence[Order],
    event: OrderEvent,
    *,
    covered: Container[int] = (),
    reason: str | None = None,
) -> None:
    """Applies an event to locked orders and tells of it. Raises Conflict when the machine forbids it for one of them.

    Who ships or cancels knows more about it and tells it himself. `covered`: ids of orders that hold by now all they want;
    they are short no longer. `reason`: why they are cancelled.
    """
    if not orders:
        return
    store.advance(uow, [(order, ORDER.next(order.state, event)) for order in orders], covered=covered, reason=reason)
    if event in _TOLD:
        for order in orders:
            uow.tell(_TOLD[event](order_id=order.id, warehouse_id=order.warehouse_id))


def add_progress(uow: UnitOfWork, progress: Sequence[LineProgress]) -> None:
    """Adds what was picked, packed, shipped or found missing to lines of locked orders, in one statement."""
    if progress:
        store.add_progress(uow, progress)


def flag_short(uow: UnitOfWork, line_ids: Sequence[int], *, document: str) -> None:
    """Marks the open orders of these lines as not to be delivered in full; `document` says because of what."""
    for row in uow.rows(store.SET_SHORT, {"line_ids": list(line_ids), "now": uow.now}):
        uow.audit("order.short", "order", row["id"], after={"because_of": document})
        uow.tell(facts.Short(order_id=row["id"]))


def record_shipment(uow: UnitOfWork, order: Order, *, tracking_number: str, carrier: str) -> None:
    """Notes how a locked order left, moves it to shipped and announces it. Raises Conflict, OrderStopped when it may not ship.

    Everything that was picked for it has left; what was not packed before counts as packed too.
    """
    following = ORDER.next(order.state, "ship")
    rules.check_not_stopped(order)
    store.ship(uow, order, following, tracking_number=tracking_number, carrier=carrier)
    _announce_shipped(uow, order)
    uow.audit("order.shipped", "order", order.id, after={"tracking_number": tracking_number, "carrier": carrier})


def record_payment(uow: UnitOfWork, order: Order, payment_state: str, *, is_returned: bool = False) -> Order:
    """Sets the payment state of a locked order; a paid pending one is confirmed and keeps its stock. The order as it is now.

    A payment in processing keeps the stock as well; when it fails, the time to pay begins anew. One that came back from the
    bank (`is_returned`) stops the order until it is paid again. May be repeated. One statement.
    """
    is_confirmed = payment_state == "paid" and order.state == "pending"
    paid = replace(
        order,
        payment_state=payment_state,
        state=ORDER.next(order.state, "confirm") if is_confirmed else order.state,
        hold_expires_at=_time_to_pay(order, payment_state, uow.now),
        stopped_because=rules.stop_after(order, payment_state, is_returned=is_returned),
        updated_at=uow.now,
    )
    store.set_payment(uow, paid, order.state)
    if is_confirmed:
        uow.tell(facts.Confirmed(order_id=order.id, warehouse_id=order.warehouse_id))
    before, after = {"payment_state": order.payment_state}, {"payment_state": payment_state}
    if paid.stopped_because != order.stopped_because:
        after["stopped_because"] = paid.stopped_because or ""
    uow.audit("order.payment", "order", order.id, before=before, after=after)
    return paid


def _time_to_pay(order: Order, payment_state: str, now: datetime) -> datetime | None:
    if payment_state in ("paid", "processing", "authorized"):
        return None
    waits = order.channel not in rules.UNPAID and not order.is_reserved
    begun = rules.hold_expires_at(order.payment_method, order.state, now) if waits else None
    return order.hold_expires_at or begun


@dataclass(frozen=True)
class HoldsCheck:
    """Open order lines against holds; `wrong_lines` must be 0."""

    open_units: int
    held_units: int
    wrong_lines: int


def check_holds(uow: UnitOfWork) -> HoldsCheck:
    """Compares every hold with its order line. For checks, not for requests."""
    sums = uow.row(store.SUM_OPEN_LINES) or {"open_units": 0, "held_units": 0}
    return HoldsCheck(sums["open_units"], sums["held_units"], uow.value(store.CHECK_HOLDS))
