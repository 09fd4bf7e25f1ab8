"""What integrators hear about payments (kernel/facts.py)."""

from chalicelib.kernel.facts import Fact


class PaymentReturned(Fact, type="order.payment_returned", of="order_id"):
    """The bank took the order's payment back after it had succeeded: nothing of it may be shipped until it is paid again."""

    order_id: int


class Paid(Fact, type="order.paid", of="order_id"):
    """An order that is not cancelled has been paid in full."""

    order_id: int
