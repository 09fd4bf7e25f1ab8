"""Telephone numbers: one form only (E.164), so that they can be compared."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.kernel.shapes import at_most

DEFAULT_REGION = "US"
"""Where a number without a country code is read; the contracts' addresses (state, zip, EIN) are American."""


def e164(text: str) -> str:
    """A number as people write it, in E.164: ``(212) 555-0100`` is ``+12125550100``. Raises ValueError.

    Possible numbers are taken, not only assigned ones: numbering plans change faster than tables of them.
    """
    import phonenumbers  # 30 ms of tables, for requests that carry a number

    try:
        number = phonenumbers.parse(text, DEFAULT_REGION)
    except phonenumbers.NumberParseException as error:
        raise ValueError(str(error)) from None
    if number.extension or not phonenumbers.is_possible_number(number):
        raise ValueError("not a possible telephone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def region_of(number: str) -> str | None:
    """The country of an E.164 number (ISO 3166): Jamaica and Canada are behind +1 too. None for what nobody assigned."""
    import phonenumbers

    region: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    return region


def _validated(value: str) -> str:
    try:
        return e164(value)
    except ValueError:
        raise PydanticCustomError("phone_number", "Input should be a telephone number") from None


Phone = Annotated[str, at_most(40), StringConstraints(strip_whitespace=True, max_length=40), AfterValidator(_validated)]
"""A telephone number in a request; E.164 from here on."""
