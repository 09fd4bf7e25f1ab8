"""Orders: one book for every channel. The front door for other contexts."""

from chalicelib.orders.backorders import fill_backorders
from chalicelib.orders.buyers.claims import claim, link_claimed
from chalicelib.orders.buyers.store import list_own
from chalicelib.orders.events import OrderCancelled, OrderPlaced, OrderShipped
from chalicelib.orders.rules import (
    Line,
    LineProgress,
    Order,
    OrderStopped,
    State,
    commerce_status,
    inventory_status,
    is_released,
    is_whole,
    why_stopped,
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
    review_credit,
    revive,
)
from chalicelib.orders.store import (
    find_by_code,
    find_by_number,
    has_unsettled,
    keep_held,
    latest_by_phone,
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
    "OrderStopped",
    "Placed",
    "State",
    "add_progress",
    "advance",
    "cancel",
    "check_drafts",
    "check_holds",
    "claim",
    "commerce_status",
    "expire_unpaid",
    "fill_backorders",
    "find",
    "find_by_code",
    "find_by_number",
    "flag_short",
    "fulfil",
    "get",
    "has_unsettled",
    "inventory_status",
    "is_released",
    "is_whole",
    "keep_held",
    "latest_by_phone",
    "link_claimed",
    "list_orders",
    "list_own",
    "lock",
    "lock_by_number",
    "lock_order",
    "place",
    "place_drafts",
    "place_unheld",
    "record_payment",
    "record_shipment",
    "reserve",
    "review_credit",
    "revive",
    "why_stopped",
    "wms_status",
]
