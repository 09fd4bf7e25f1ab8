"""What integrators hear about corrections of stock (kernel/facts.py)."""

from chalicelib.kernel.facts import Fact


class Approved(Fact, type="adjustment.approved", of="adjustment_id"):
    """Stock was corrected by `quantity` units, because of a count or by an administrator."""

    adjustment_id: int
    variant_id: int
    warehouse_id: int
    quantity: int
