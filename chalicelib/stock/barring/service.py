"""Barring stock from sale and admitting it again; locking places that are about to change."""

from collections.abc import Sequence

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.stock.barring import rules, store
from chalicelib.stock.barring.rules import PlaceUse
from chalicelib.stock.errors import SetAside
from chalicelib.stock.events import HoldsBroken


def set_availability(uow: UnitOfWork, account_ids: Sequence[int], *, is_available: bool, document: str) -> list[int]:
    """Says whether what lies on bins' accounts is sold; availability changes with it. May be repeated.

    Barred stock takes holds with it that no longer fit: the youngest orders lose theirs and are flagged. Returns the
    order lines that did. Locks availability, levels, then the accounts. Raises SetAside while units there are allocated.
    Three statements for any number of accounts, none for none.
    """
    if not account_ids:
        return []
    ids = sorted(set(account_ids))
    store.lock_stock(uow, ids, is_available=is_available)
    counted = store.count_stock(uow, ids, is_available=is_available)
    broken, uncovered = ([], 0) if is_available else rules.break_holds(counted.stock, counted.holds)
    allocated = 0 if is_available else sum(each.allocated for each in counted.stock)
    if allocated or uncovered:
        raise SetAside(allocated or uncovered)
    store.change_stock(uow, ids, counted, broken, is_available=is_available)
    lines = [hold.order_line_id for hold in broken]
    if lines:
        uow.publish(HoldsBroken(order_line_ids=lines, document=document).message())
    return lines


def lock_places(uow: UnitOfWork, account_ids: Sequence[int]) -> PlaceUse:
    """Keeps stock from moving to or from accounts until the transaction ends; says what lies there. Two statements."""
    ids = sorted(set(account_ids))
    store.lock_accounts(uow, ids)
    return store.count_accounts(uow, ids)
