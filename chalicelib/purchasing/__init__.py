"""Purchasing: what was ordered from vendors, and what has come of it. The front door for other contexts.

It owns the receipts as well: the floor (receiving) writes them through this door, so that a receipt, the quantities of its
order line and the order's status change in one statement.
"""

from chalicelib.purchasing.rules import RECEIVABLE, NewLine, NewOrder, Status, line_status
from chalicelib.purchasing.service import check_orders, create_orders, find_by_code, tell_status
from chalicelib.purchasing.store import (
    NewReceipt,
    OrderLine,
    PurchaseOrder,
    Receipt,
    ShownLine,
    ShownOrder,
    cancel_receipts,
    list_receipts,
    lock_order,
    lock_orders_of_receipts,
    record_receipts,
)

__all__ = [
    "RECEIVABLE",
    "NewLine",
    "NewOrder",
    "NewReceipt",
    "OrderLine",
    "PurchaseOrder",
    "Receipt",
    "ShownLine",
    "ShownOrder",
    "Status",
    "cancel_receipts",
    "check_orders",
    "create_orders",
    "find_by_code",
    "line_status",
    "list_receipts",
    "lock_order",
    "lock_orders_of_receipts",
    "record_receipts",
    "tell_status",
]
