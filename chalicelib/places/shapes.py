"""Replies of the places' endpoints, and the field types that the admin panel's requests share."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StringConstraints, WithJsonSchema
from pydantic_core import PydanticKnownError

from chalicelib.kernel.shapes import OptionalText, Shape, Sku, Text
from chalicelib.places.store import Location


def _said(value: str) -> str:
    if not value.strip():
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return value.strip()


def _digits(value: Any) -> Any:
    return str(value) if type(value) is int and 0 <= value <= 10**9 else value


Code = Sku
"""A warehouse's, zone's or bin's code: one line of up to 64 characters, without blanks around it."""
Name = Annotated[Text, AfterValidator(_said)]
"""A line that says something, without blanks around it."""
LabelPart = Annotated[
    OptionalText,
    StringConstraints(max_length=32),
    BeforeValidator(_digits),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "maxLength": 32}, {"type": "integer", "minimum": 0, "maximum": 10**9}]}
    ),
]
"""Part of a bin's address, kept as it is sent: "01" stays "01". Panels send numbers as well; their digits are kept."""
Sequence = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]
"""Where a bin stands on a path through the warehouse."""


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
