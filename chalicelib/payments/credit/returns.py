"""Money of an order's payments that becomes store credit: as part of settling the order, whatever it is settled for."""

from collections.abc import Sequence

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments import store as payments_store
from chalicelib.payments.credit import rules, store
from chalicelib.payments.rules import Account, RefundDue


def return_dues(uow: UnitOfWork, order: Order, accounts: list[Account], dues: Sequence[RefundDue]) -> list[Account]:
    """Returns as credit what only we can return of a locked order's payments; the accounts as they are then.

    The same list where nothing went back. A check or cash of a guest stays flagged, for a person to pay back. Locks the
    customer's credit, after the payments.
    """
    found = rules.returns_of(accounts, dues, has_customer=order.customer_id is not None)
    if not found or order.customer_id is None:
        return accounts
    if store.lock_account(uow, order.customer_id, order.currency) is None:
        return accounts
    payments_store.record_each(uow, {each.payment_id: each.movement for each in found})
    store.post(uow, order.customer_id, [each.posting(order.id) for each in found])
    for each in found:
        uow.audit(f"credit.{each.kind}", "customer", order.customer_id, after=each.movement.as_row())
    return rules.after_returns(accounts, found)


def credited_minor(uow: UnitOfWork, order_id: int) -> int:
    """What of an order's money has become store credit, in minor units."""
    return store.sum_returned(uow, order_id)
