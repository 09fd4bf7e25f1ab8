"""What integrators hear about stock (kernel/facts.py)."""

from chalicelib.kernel.facts import Fact


class Adjusted(Fact, type="stock.adjusted", of="variant_id"):
    """Stock of a variant at a location was corrected by `quantity` units; the rest is what is there since."""

    variant_id: int
    location_id: int
    quantity: int
    reason: str
    on_hand: int
    available: int
