"""SQL of customers' own records."""

from collections.abc import Mapping
from typing import Any

from chalicelib.customers.store import Customer
from chalicelib.kernel.uow import UnitOfWork

UPDATE = """
    UPDATE customer
       SET company_name = coalesce(%(company_name)s, company_name),
           phone = CASE WHEN %(has_phone)s THEN %(phone)s ELSE phone END,
           shipping_address = coalesce(%(shipping_address)s, shipping_address),
           billing_address = coalesce(%(billing_address)s, billing_address),
           pending_email = coalesce(%(pending_email)s, pending_email),
           updated_at = %(now)s
     WHERE id = %(id)s AND is_active
    RETURNING id, username, email, email_verified_at, pending_email, phone, first_name, last_name, company_name,
              business_type, business_ein, resale_certificate, state_of_operation, shipping_address, billing_address,
              city, state, zip, payment_terms, credit_limit_minor, is_active, created_at, password_changed_at,
              password_hash
"""
LOCK = """
    SELECT id, username, email, email_verified_at, pending_email, phone, first_name, last_name, company_name,
           business_type, business_ein, resale_certificate, state_of_operation, shipping_address, billing_address,
           city, state, zip, payment_terms, credit_limit_minor, is_active, created_at, password_changed_at,
           password_hash
      FROM customer
     WHERE id = %(id)s AND is_active
       FOR UPDATE
"""
# Orders refer to the row, so it stays. Its user name is one that nobody can choose: with @, but no address.
CLOSE = """
    UPDATE customer
       SET is_active = false, closed_at = %(now)s, updated_at = %(now)s, password_hash = %(unusable)s,
           password_changed_at = %(now)s, username = 'closed@' || id, email = NULL, email_verified_at = NULL,
           pending_email = NULL, phone = NULL, first_name = '', last_name = '', company_name = '', business_type = '',
           business_ein = '', resale_certificate = '', state_of_operation = '', shipping_address = '',
           billing_address = '', city = '', state = '', zip = '', payment_terms = 'prepaid', credit_limit_minor = 0
     WHERE id = %(id)s
"""


def update(uow: UnitOfWork, customer_id: int, fields: Mapping[str, Any]) -> Customer | None:
    """Changes those of company_name, phone, the two addresses and pending_email that are there; None for a closed account.

    Raises psycopg.errors.UniqueViolation when the number is another account's.
    """
    known = dict.fromkeys(("company_name", "phone", "shipping_address", "billing_address", "pending_email"))
    params = {**known, **fields, "has_phone": "phone" in fields, "id": customer_id, "now": uow.now}
    return uow.fetch(Customer, UPDATE, params)


def lock(uow: UnitOfWork, customer_id: int) -> Customer | None:
    """The open account, locked also against orders that are just being placed for it; None when it was closed."""
    return uow.fetch(Customer, LOCK, {"id": customer_id})


def close(uow: UnitOfWork, customer_id: int, *, unusable: str) -> None:
    """Removes what is personal from the row and frees its name, address and number. No session survives it."""
    uow.execute(CLOSE, {"id": customer_id, "unusable": unusable, "now": uow.now})
