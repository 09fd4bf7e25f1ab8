"""What places refuse."""

from collections.abc import Mapping
from typing import ClassVar

from chalicelib.kernel.errors import BadRequest, Conflict


class CodeTaken(Conflict):
    """Codes are unique: of warehouses and bin barcodes in all, of zones and bins in a warehouse."""

    status_by_dialect: ClassVar[Mapping[str, int]] = {"plain": 400}
    code = "code_taken"
    sentence = "Duplicate code"

    def __init__(self, what: str, value: str) -> None:
        super().__init__(f"Duplicate {what}: {value}")


class PlacesDiffer(BadRequest):
    """A bin lies in its zone's warehouse."""

    code = "places_differ"
    sentence = "Zone and bin are in different warehouses"


class ZoneClosed(BadRequest):
    """Nothing new goes into a closed zone."""

    code = "zone_closed"
    sentence = "Zone is closed"


class InUse(Conflict):
    """Something else depends on the place as it is; the sentence says what."""

    code = "place_in_use"
    sentence = "Place is in use"
