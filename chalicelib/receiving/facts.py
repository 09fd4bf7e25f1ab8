"""What integrators hear about receipts (kernel/facts.py)."""

from chalicelib.kernel.facts import Fact


class Recorded(Fact, type="receipt.recorded", of="receipt_id"):
    """Units of a purchase order came in."""

    receipt_id: int
    purchase_order_id: int
    warehouse_id: int
    variant_id: int
    quantity: int


class Cancelled(Fact, type="receipt.cancelled", of="receipt_id"):
    """A receipt was taken back, and its units with it."""

    receipt_id: int
    purchase_order_id: int
    warehouse_id: int
    variant_id: int
    quantity: int
