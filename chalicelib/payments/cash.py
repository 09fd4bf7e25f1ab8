"""Cash that a member of staff took in."""

from chalicelib import orders
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments import rules, service, store


def record_cash(uow: UnitOfWork, order_id: int, *, amount_minor: int, note: str = "") -> Order:
    """Writes down cash that was paid for an order; the order as it is now. What is too much becomes store credit.

    Repeating it takes in as much again; an Idempotency-Key makes it repeatable. Locks the order, then its payments. Raises
    NotFound, NotPayable, AlreadyPaid.
    """
    order = orders.lock_order(uow, order_id)
    rules.check_payable(is_cancelled=order.state == "cancelled", payment_state=order.payment_state)
    accounts = store.lock_accounts(uow, payment_id=None, order_id=order.id)
    taken = store.take(uow, order_id=order.id, provider="cash", amount_minor=amount_minor, currency=order.currency)
    after = {"order": order.number, "amount_minor": amount_minor, "note": note}
    uow.audit("payment.cash", "payment", taken.payment.id, after=after)
    return service.settle_order(uow, order, [*accounts, taken])[0]
