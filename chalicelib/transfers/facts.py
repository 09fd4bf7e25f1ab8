"""What integrators hear about transfers (kernel/facts.py). Moves within a warehouse are nobody's business outside."""

from chalicelib.kernel.facts import Fact


class Transferred(Fact, type="stock.transferred", of="variant_id"):
    """Units went from one warehouse to another."""

    variant_id: int
    from_location_id: int
    to_location_id: int
    quantity: int
