"""SQL of payment links."""

from datetime import datetime

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments.links.rules import PaymentLink

FIND_LINK = """
    SELECT payment_id, provider_id, url, expires_at, made_by, closed_at FROM payment_link WHERE payment_id = %(payment_id)s
"""
INSERT_LINK = """
    INSERT INTO payment_link (payment_id, expires_at, made_by) VALUES (%(payment_id)s, %(expires_at)s, %(made_by)s)
"""
EXTEND_LINK = (
    "UPDATE payment_link SET expires_at = %(expires_at)s WHERE payment_id = %(payment_id)s AND closed_at IS NULL"
)
ATTACH_LINK = """
    UPDATE payment_link SET provider_id = %(provider_id)s, url = %(url)s
     WHERE payment_id = %(payment_id)s AND provider_id IS NULL
"""
CLOSE_LINK = "UPDATE payment_link SET closed_at = %(now)s WHERE payment_id = %(payment_id)s AND closed_at IS NULL"


def find_link(uow: UnitOfWork, payment_id: int) -> PaymentLink | None:
    """The link of a payment, or None."""
    return uow.fetch(PaymentLink, FIND_LINK, {"payment_id": payment_id})


def provider_id(uow: UnitOfWork, payment_id: int) -> str | None:
    """Stripe's id of a payment's link; None while its making was not answered."""
    found = find_link(uow, payment_id)
    return None if found is None else found.provider_id


def insert(uow: UnitOfWork, payment_id: int, *, expires_at: datetime) -> None:
    """Notes that a payment is to be made on a link."""
    uow.execute(INSERT_LINK, {"payment_id": payment_id, "expires_at": expires_at, "made_by": uow.actor.label})


def extend(uow: UnitOfWork, payment_id: int, *, expires_at: datetime) -> None:
    """Lets a link that is open end at another time."""
    uow.execute(EXTEND_LINK, {"payment_id": payment_id, "expires_at": expires_at})


def attach(uow: UnitOfWork, payment_id: int, *, provider_id: str, url: str) -> None:
    """Notes the page that Stripe made. May be repeated."""
    uow.execute(ATTACH_LINK, {"payment_id": payment_id, "provider_id": provider_id, "url": url})


def close(uow: UnitOfWork, payment_id: int) -> None:
    """Notes that nobody can pay on a link any more."""
    uow.execute(CLOSE_LINK, {"payment_id": payment_id, "now": uow.now})
