"""Orders: one book for every channel. The front door for other contexts."""

from chalicelib.orders.backorders import fill_backorders
from chalicelib.orders.events import OrderCancelled, OrderPlaced, OrderShipped
from chalicelib.orders.rules import (
    Line,
    LineProgress,
    Order,
    State,
    commerce_status,
    inventory_status,
    is_released,
    is_whole,
    wms_status,
)
from chalicelib.orders.service import (
    Asked,
    HoldsCheck,
    NewOrder,
    add_progress,
    advance,
    cancel,
    check_holds,
    expire_unpaid,
    flag_short,
    fulfil,
    place,
    place_unheld,
    record_payment,
    record_shipment,
    reserve,
)
from chalicelib.orders.store import (
    find_by_code,
    find_by_number,
    latest_by_phone,
    list_of_customer,
    list_orders,
    lock_by_number,
    lock_order,
)
from chalicelib.orders.store import (
    find_by_references as find,
)
from chalicelib.orders.store import (
    get_order as get,
)
from chalicelib.orders.store import (
    lock_orders as lock,
)
from chalicelib.orders.warehouse.drafts import Draft, DraftLine, Placed, check_drafts, place_drafts

__all__ = [
    "Asked",
    "Draft",
    "DraftLine",
    "HoldsCheck",
    "Line",
    "LineProgress",
    "NewOrder",
    "Order",
    "OrderCancelled",
    "OrderPlaced",
    "OrderShipped",
    "Placed",
    "State",
    "add_progress",
    "advance",
    "cancel",
    "check_drafts",
    "check_holds",
    "commerce_status",
    "expire_unpaid",
    "fill_backorders",
    "find",
    "find_by_code",
    "find_by_number",
    "flag_short",
    "fulfil",
    "get",
    "inventory_status",
    "is_released",
    "is_whole",
    "latest_by_phone",
    "list_of_customer",
    "list_orders",
    "lock",
    "lock_by_number",
    "lock_order",
    "place",
    "place_drafts",
    "place_unheld",
    "record_payment",
    "record_shipment",
    "reserve",
    "wms_status",
]
