"""What integrators hear about payments (kernel/facts.py)."""

from chalicelib.kernel.facts import Fact


class Paid(Fact, type="order.paid", of="order_id"):
    """An order that is not cancelled has been paid in full."""

    order_id: int
