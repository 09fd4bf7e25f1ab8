"""Money: integer minor units inside, a JSON number with two decimals at the edge, never a float in between."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

AMOUNT_MAX = 10**12
"""Ten thousand million of the currency, in minor units: more is a mistake."""

_CENT = Decimal("0.01")


def parse_amount(value: Any) -> int:
    """Minor units of a JSON number: at most two decimals, finite, within ±`AMOUNT_MAX`.

    JSON numbers arrive as int or Decimal (kernel/bodies.py), so nothing has been rounded before we look.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("decimal_type", "Amount should be a number")
    amount = Decimal(value)
    if not amount.is_finite() or amount.adjusted() > 12:
        raise PydanticCustomError("amount_range", "Amount is out of range")
    rounded = amount.quantize(_CENT)
    if rounded != amount:  # compared exactly, where arithmetic would round to 28 digits first
        raise PydanticCustomError("decimal_max_places", "Amount should have no more than 2 decimal places")
    minor = int(rounded.scaleb(2))
    if abs(minor) > AMOUNT_MAX:
        raise PydanticCustomError("amount_range", "Amount is out of range")
    return minor


def parse_positive_amount(value: Any) -> int:
    """As `parse_amount`, greater than zero."""
    minor = parse_amount(value)
    if minor <= 0:
        raise PydanticCustomError("greater_than", "Input should be greater than 0")
    return minor


def parse_price(value: Any) -> int:
    """As `parse_amount`, zero or more."""
    minor = parse_amount(value)
    if minor < 0:
        raise PydanticCustomError("greater_than_equal", "Input should be greater than or equal to 0")
    return minor


def render_amount(minor: int) -> float:
    """The JSON number of an amount. Exact: below 2^53 minor units a float's shortest form is the decimal itself."""
    return minor / 100


Amount = Annotated[
    int,
    PlainSerializer(render_amount, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number", "examples": [12.5]}),
]
"""Minor units that a reply shows as a number with two decimals."""

AmountIn = Annotated[Amount, BeforeValidator(parse_positive_amount)]
"""A positive amount in a request body; minor units after parsing."""


PriceIn = Annotated[Amount, BeforeValidator(parse_price)]
"""An amount in a request body that may be 0; minor units after parsing."""


def extend(unit_minor: int, quantity: int) -> int:
    """Price of `quantity` units, exact."""
    return unit_minor * quantity


def share(minor: int, per_10000: int) -> int:
    """`per_10000` basis points of an amount, halves rounded away from zero (commercial rounding)."""
    return int((Decimal(minor) * per_10000 / 10000).quantize(Decimal(1), rounding=ROUND_HALF_UP))
