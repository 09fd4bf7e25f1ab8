"""What proves that a guest's order is the caller's: its token, or the mail address or telephone number it was placed with.

The token goes to whoever placed the order, in the answer, and to nobody else. It is made from the order's number with the
installation's hash key, so that nothing is stored that could be stolen. The other two can be guessed: five wrong ones, for an
order or from an address, and nobody is asked again for a quarter of an hour.
"""

import hmac
from base64 import urlsafe_b64encode

from chalicelib.kernel import ids
from chalicelib.kernel.errors import TooManyRequests
from chalicelib.kernel.phones import e164
from chalicelib.kernel.throttle import Locked, Lockout
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders.rules import Order

PREFIX = "qmo_"
"""Recognisable in a leak scan."""


class TooManyGuesses(TooManyRequests):
    """Too many wrong mail addresses or telephone numbers; a right one is refused as well until the time is over."""

    code = "too_many_guesses"
    sentence = "Too many wrong guesses. Try again later."


def token_of(uow: UnitOfWork, number: str) -> str:
    """The token of the order with this number, 256 bits."""
    return _tokens(uow, number)[0]


def is_token(uow: UnitOfWork, number: str, told: str | None) -> bool:
    """Whether this is the order's token, made under any of the installation's keys."""
    if not told or not told.isascii():
        return False
    return any([hmac.compare_digest(token, told) for token in _tokens(uow, number)])


def _tokens(uow: UnitOfWork, number: str) -> list[str]:
    hashes = ids.keyed_hashes("order_token", f"{uow.organization.id}/{number}")
    return [PREFIX + urlsafe_b64encode(hashed).rstrip(b"=").decode() for hashed in hashes]


def is_known(uow: UnitOfWork, order: Order, *, email: str | None, phone: str | None, address: str) -> bool:
    """Whether one of the two is the order's. Raises TooManyGuesses; Unavailable when guesses cannot be counted."""
    if not email and not phone:
        return False
    guesses = Lockout("order", f"{uow.organization.id}/{order.number}", address)
    try:
        guesses.attempt()
        if _is_same(order.delivery_email, email) or _is_same(order.delivery_phone, phone and normal_phone(phone)):
            guesses.succeeded()
            return True
        guesses.failed()
    except Locked as locked:
        raise TooManyGuesses(headers=locked.headers) from None
    return False


def _is_same(known: str | None, told: str | None) -> bool:
    return bool(known and told) and hmac.compare_digest(str(known).casefold().encode(), str(told).casefold().encode())


def normal_phone(text: str) -> str:
    """E.164 where the text is a telephone number; else the text, for a person to make sense of."""
    try:
        return e164(text)
    except ValueError:
        return text
