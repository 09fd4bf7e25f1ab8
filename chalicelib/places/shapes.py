"""Replies of the places' endpoints."""

from chalicelib.kernel.shapes import Shape
from chalicelib.places.store import Location


class LocationView(Shape):
    """A storage location as integrators see it: a warehouse."""

    id: int
    code: str
    name: str
    address: str
    is_active: bool

    @classmethod
    def of(cls, location: Location) -> "LocationView":
        """From the row."""
        return cls(
            id=location.id,
            code=location.code,
            name=location.name,
            address=location.address,
            is_active=location.is_active,
        )


class Locations(Shape):
    """All storage locations, preferred ones first."""

    locations: list[LocationView]


class WarehouseChoice(Shape):
    """A warehouse that a user may work in."""

    id: int
    name: str
    code: str


class WarehouseChoices(Shape):
    """What the scanner offers after sign-in."""

    warehouses: list[WarehouseChoice]
