"""Barring stock from sale and admitting it again; locking places that are about to change."""

from collections import defaultdict
from collections.abc import Sequence

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.stock.barring import rules, store
from chalicelib.stock.barring.rules import Counted, PlaceUse
from chalicelib.stock.errors import SetAside
from chalicelib.stock.events import HoldsBroken, StockArrived
from chalicelib.stock.rules import break_holds


def set_availability(uow: UnitOfWork, account_ids: Sequence[int], *, is_available: bool, document: str) -> list[int]:
    """Says whether what lies on bins' accounts is sold; availability changes with it. May be repeated.

    Barred stock takes holds with it that no longer fit: the youngest orders lose theirs and are flagged. Returns the
    order lines that did. Stock that is admitted again goes to orders that wait for it. Locks availability, levels, then
    the accounts. Raises SetAside while units there are allocated. Three statements for any number of accounts, none for
    none.
    """
    if not account_ids:
        return []
    ids = sorted(set(account_ids))
    store.lock_stock(uow, ids, is_available=is_available)
    counted = store.count_stock(uow, ids, is_available=is_available)
    missing = {} if is_available else rules.overheld(counted.stock)
    broken = break_holds(missing, counted.holds)
    # What is allocated to a pick has its units elsewhere, and its hold stays.
    uncovered = sum(missing.values()) + sum(hold.quantity for hold in broken)
    allocated = 0 if is_available else sum(each.allocated for each in counted.stock)
    if allocated or uncovered:
        raise SetAside(allocated or uncovered)
    store.change_stock(uow, ids, counted, broken, is_available=is_available)
    lines = [hold.order_line_id for hold in broken]
    if lines:
        uow.publish(HoldsBroken(order_line_ids=lines, document=document).message())
    if is_available:
        _tell_arrived(uow, counted)
    return lines


def _tell_arrived(uow: UnitOfWork, counted: Counted) -> None:
    arrived: dict[int, list[int]] = defaultdict(list)
    for each in counted.stock:
        arrived[each.warehouse_id].append(each.variant_id)
    for warehouse_id, variant_ids in sorted(arrived.items()):
        uow.publish(StockArrived(variant_ids=sorted(variant_ids), warehouse_id=warehouse_id).message())


def lock_places(uow: UnitOfWork, account_ids: Sequence[int]) -> PlaceUse:
    """Keeps stock from moving to or from accounts until the transaction ends; says what lies there. Two statements."""
    ids = sorted(set(account_ids))
    store.lock_accounts(uow, ids)
    return store.count_accounts(uow, ids)
