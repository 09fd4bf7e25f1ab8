"""SQL of saved cards and bank accounts."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from chalicelib.kernel.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class StripeCustomer:
    """A customer at Stripe. Without an id while making them known was not answered."""

    customer_id: int
    idempotency_key: str
    provider_id: str | None


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """A card or bank account that may be charged while its customer is away."""

    id: int
    customer_id: int
    provider_id: str
    kind: Literal["card", "us_bank_account"]
    brand: str
    last4: str
    expires_on: date | None
    saved_at: datetime


# Made by whoever asks first, and locked for all others until they know Stripe's id or find out that they must ask as well.
ENSURE_CUSTOMER = """
    INSERT INTO stripe_customer (customer_id, created_at) VALUES (%(customer_id)s, %(now)s)
        ON CONFLICT (customer_id) DO UPDATE SET customer_id = EXCLUDED.customer_id
    RETURNING customer_id, idempotency_key::text, provider_id
"""
ATTACH_CUSTOMER = """
    UPDATE stripe_customer SET provider_id = %(provider_id)s WHERE customer_id = %(customer_id)s AND provider_id IS NULL
"""
FIND_CUSTOMER = """
    SELECT customer_id, idempotency_key::text, provider_id FROM stripe_customer WHERE provider_id = %(provider_id)s
"""
# A method that was removed stays removed, whatever we hear of its saving afterwards.
SAVE_METHOD = """
    INSERT INTO saved_method (customer_id, provider_id, kind, brand, last4, expires_on, saved_at)
    VALUES (%(customer_id)s, %(provider_id)s, %(kind)s, %(brand)s, %(last4)s, %(expires_on)s, %(now)s)
        ON CONFLICT (organization_id, provider_id) DO NOTHING
    RETURNING id
"""
REMOVE_METHOD = """
    UPDATE saved_method SET removed_at = %(now)s
     WHERE provider_id = %(provider_id)s AND removed_at IS NULL
    RETURNING id
"""
LIST_METHODS = """
    SELECT id, customer_id, provider_id, kind, brand, last4, expires_on, saved_at
      FROM saved_method WHERE customer_id = %(customer_id)s AND removed_at IS NULL ORDER BY id
"""


def ensure_customer(uow: UnitOfWork, customer_id: int) -> StripeCustomer:
    """What we know of a customer at Stripe; a new key when that is nothing yet. Locked."""
    row = uow.row(ENSURE_CUSTOMER, {"customer_id": customer_id, "now": uow.now})
    assert row is not None
    return StripeCustomer(**row)


def attach_customer(uow: UnitOfWork, customer_id: int, provider_id: str) -> None:
    """Notes a customer's id at Stripe. May be repeated."""
    uow.execute(ATTACH_CUSTOMER, {"customer_id": customer_id, "provider_id": provider_id})


def find_customer(uow: UnitOfWork, provider_id: str) -> StripeCustomer | None:
    """The customer with this id at Stripe, or None."""
    return uow.fetch(StripeCustomer, FIND_CUSTOMER, {"provider_id": provider_id})


def save_method(
    uow: UnitOfWork,
    customer_id: int,
    *,
    provider_id: str,
    kind: str,
    brand: str,
    last4: str,
    expires_on: date | None,
) -> int | None:
    """Notes a saved method; its id, None when we know it already."""
    return uow.value(  # type: ignore[no-any-return]  # a column of int
        SAVE_METHOD,
        {
            "customer_id": customer_id,
            "provider_id": provider_id,
            "kind": kind,
            "brand": brand,
            "last4": last4,
            "expires_on": expires_on,
            "now": uow.now,
        },
    )


def remove_method(uow: UnitOfWork, provider_id: str) -> int | None:
    """Notes that a method cannot be charged any more; its id, None when that is no news."""
    return uow.value(REMOVE_METHOD, {"provider_id": provider_id, "now": uow.now})  # type: ignore[no-any-return]  # an int


def list_methods(uow: UnitOfWork, customer_id: int) -> list[SavedMethod]:
    """What a customer has saved, oldest first."""
    return uow.fetch_all(SavedMethod, LIST_METHODS, {"customer_id": customer_id})
