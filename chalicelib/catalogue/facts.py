"""What integrators hear about items (kernel/facts.py)."""

from chalicelib.kernel.facts import Fact


class Created(Fact, type="item.created", of="variant_id"):
    """There is a new item."""

    variant_id: int


class Changed(Fact, type="item.updated", of="variant_id"):
    """An item was changed, archived or restored."""

    variant_id: int
    is_active: bool


class Deleted(Fact, type="item.deleted", of="variant_id"):
    """An item that nothing was ever done with is gone."""

    variant_id: int
