"""What integrators hear about parcels (kernel/facts.py)."""

from chalicelib.kernel.facts import Fact


class ShipmentCreated(Fact, type="shipment.created", of="shipment_id"):
    """A parcel left with a carrier; `units` of all lines together."""

    shipment_id: int
    order_id: int
    warehouse_id: int
    units: int
