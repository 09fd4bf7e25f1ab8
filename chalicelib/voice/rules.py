"""Voice: telephone numbers as people say them, times as agents write them. No I/O."""

from datetime import UTC, datetime

from chalicelib.kernel.errors import NotFound

REGION = "US"
"""What a number without a country code is taken for."""
TRANSCRIPT_LINK_S = 15 * 60


class NoSuchOrder(NotFound):
    """No order with this number or telephone; the two look alike."""

    sentence = "Order not found"

    def __init__(self) -> None:
        super().__init__(success=False)


def phone_of(said: str | None) -> str | None:
    """A number in E.164 form, from any way of writing it, or None when it is no telephone number."""
    if not said:
        return None
    import phonenumbers

    try:
        number = phonenumbers.parse(said, REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def instant(told: datetime) -> datetime:
    """A time with its zone; without one it is UTC."""
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)
