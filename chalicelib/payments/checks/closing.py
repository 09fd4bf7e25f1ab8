"""Checks that nobody has to decide on any more: of cancelled orders, and uploads that never ended."""

from dataclasses import replace

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments.checks import rules, store
from chalicelib.payments.events import PicturesDropped
from chalicelib.payments.rules import Account


def close_waiting(uow: UnitOfWork, order: Order, accounts: list[Account]) -> list[Account]:
    """Gives up the checks of a cancelled, locked order that wait for a decision; the accounts as they are then.

    The same list where there are none.
    """
    is_open = {"created", "processing", "failed"}
    closing = {a.payment.id for a in accounts if a.payment.provider == "check" and a.balance.state in is_open}
    if order.state != "cancelled" or not closing:
        return accounts
    drop(uow, store.give_up(uow, sorted(closing)))
    return [
        replace(a, balance=replace(a.balance, state="canceled"), payment=replace(a.payment, state="canceled"))
        if a.payment.id in closing
        else a
        for a in accounts
    ]


def drop_stale(uow: UnitOfWork) -> int:
    """Closes uploads that never ended and has their pictures removed; how many pictures. A schedule's work."""
    keys = store.take_unfinished(uow, uow.now - rules.STALE_AFTER)
    drop(uow, keys)
    return len(keys)


def drop(uow: UnitOfWork, keys: list[str]) -> None:
    """Has pictures removed, a while after this is committed: an upload that goes on all the same has ended by then."""
    if keys:
        uow.publish(PicturesDropped(object_ids=keys).message(send_at=uow.now + rules.DROPPED_AFTER))
