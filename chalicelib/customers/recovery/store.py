"""SQL of recovery."""

from datetime import datetime

from chalicelib.customers.store import Customer
from chalicelib.kernel.uow import UnitOfWork

FIND_BY_PHONE = """
    SELECT id, username, email, email_verified_at, pending_email, phone, first_name, last_name, company_name,
           business_type, business_ein, resale_certificate, state_of_operation, shipping_address, billing_address,
           city, state, zip, payment_terms, credit_limit_minor, is_active, created_at, password_changed_at,
           password_hash
      FROM customer
     WHERE phone = %(phone)s
"""
RESET_HASH = """
    UPDATE customer
       SET password_hash = %(new_hash)s, password_changed_at = %(now)s, updated_at = %(now)s, pending_email = NULL,
           phone = CASE WHEN %(drops_phone)s THEN NULL ELSE phone END,
           email_verified_at = CASE WHEN %(proves_email)s THEN coalesce(email_verified_at, %(now)s)
                                    ELSE email_verified_at END
     WHERE id = %(id)s AND is_active AND password_changed_at = %(seen)s
"""


def find_by_phone(uow: UnitOfWork, phone: str) -> Customer | None:
    """The account with this number (E.164), or None."""
    return uow.fetch(Customer, FIND_BY_PHONE, {"phone": phone})


def reset_password(
    uow: UnitOfWork, customer_id: int, *, seen: datetime, new_hash: str, proves_email: bool, drops_phone: bool
) -> bool:
    """A new password; False when it was changed since `seen`, or the account was closed. Of several at once, one wins."""
    marks = {"proves_email": proves_email, "drops_phone": drops_phone}
    fields = {"id": customer_id, "seen": seen, "new_hash": new_hash, "now": uow.now, **marks}
    return uow.execute(RESET_HASH, fields) == 1
