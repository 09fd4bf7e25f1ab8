"""Every SQL statement of customers."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from chalicelib.kernel.uow import UnitOfWork

DuplicateField = Literal["username", "email", "phone"]


@dataclass(frozen=True)
class Customer:
    """An account of the shop. `phone` is E.164, the credit limit in minor units of the organization's currency."""

    id: int
    username: str
    email: str | None
    email_verified_at: datetime | None
    phone: str | None
    first_name: str
    last_name: str
    company_name: str
    business_type: str
    business_ein: str
    resale_certificate: str
    state_of_operation: str
    shipping_address: str
    billing_address: str
    city: str
    state: str
    zip: str
    payment_terms: str
    credit_limit_minor: int
    is_active: bool
    created_at: datetime
    password_changed_at: datetime
    password_hash: str = field(repr=False)
    pending_email: str | None = None
    """The address that takes the place of `email` once it is proven."""

    @property
    def display_name(self) -> str:
        """How a mail addresses them."""
        return f"{self.first_name} {self.last_name}".strip() or self.company_name or self.username

    @property
    def is_verified(self) -> bool:
        """Whether the account may be used: it has no address, or a proven one."""
        return self.email is None or self.email_verified_at is not None

    @property
    def unproven_email(self) -> str | None:
        """The address that is to be proven next: a new one before the first one."""
        return self.pending_email or (None if self.is_verified else self.email)


FIND_BY_NAME = """
    SELECT id, username, email, email_verified_at, pending_email, phone, first_name, last_name, company_name,
           business_type, business_ein, resale_certificate, state_of_operation, shipping_address, billing_address,
           city, state, zip, payment_terms, credit_limit_minor, is_active, created_at, password_changed_at,
           password_hash
      FROM customer
     WHERE username_key = lower(%(name)s) OR email_key = lower(%(name)s)
     ORDER BY username_key = lower(%(name)s) DESC
     LIMIT 1
"""
FIND = """
    SELECT id, username, email, email_verified_at, pending_email, phone, first_name, last_name, company_name,
           business_type, business_ein, resale_certificate, state_of_operation, shipping_address, billing_address,
           city, state, zip, payment_terms, credit_limit_minor, is_active, created_at, password_changed_at,
           password_hash
      FROM customer
     WHERE id = %(id)s
"""
FIND_TAKEN = """
    SELECT CASE WHEN username_key = lower(%(username)s::text) THEN 'username'
                WHEN email_key = lower(%(email)s::text) THEN 'email'
                ELSE 'phone' END AS field
      FROM customer
     WHERE (username_key = lower(%(username)s::text) OR email_key = lower(%(email)s::text) OR phone = %(phone)s::text)
       AND id <> %(but_id)s
     ORDER BY username_key IS NOT DISTINCT FROM lower(%(username)s::text) DESC, phone IS NOT DISTINCT FROM %(phone)s::text
     LIMIT 1
"""
CREATE = """
    INSERT INTO customer (username, email, email_verified_at, phone, first_name, last_name, company_name, business_type,
                          business_ein, resale_certificate, state_of_operation, shipping_address, billing_address,
                          city, state, zip, password_hash, password_changed_at, payment_terms, credit_limit_minor,
                          created_at, updated_at)
    VALUES (%(username)s, %(email)s, %(email_verified_at)s, %(phone)s, %(first_name)s, %(last_name)s, %(company_name)s,
            %(business_type)s, %(business_ein)s, %(resale_certificate)s, %(state_of_operation)s, %(shipping_address)s,
            %(billing_address)s, %(city)s, %(state)s, %(zip)s, %(password_hash)s, %(now)s, %(payment_terms)s,
            %(credit_limit_minor)s, %(now)s, %(now)s)
        ON CONFLICT DO NOTHING
    RETURNING id, username, email, email_verified_at, pending_email, phone, first_name, last_name, company_name,
              business_type, business_ein, resale_certificate, state_of_operation, shipping_address, billing_address,
              city, state, zip, payment_terms, credit_limit_minor, is_active, created_at, password_changed_at,
              password_hash
"""
REHASH = """
    UPDATE customer SET password_hash = %(new_hash)s WHERE id = %(id)s AND password_hash = %(old_hash)s
"""
CHANGE_HASH = """
    UPDATE customer
       SET password_hash = %(new_hash)s, password_changed_at = %(now)s, pending_email = NULL, updated_at = %(now)s
     WHERE id = %(id)s AND password_hash = %(old_hash)s
"""
VERIFY_EMAIL = """
    UPDATE customer
       SET email_verified_at = coalesce(email_verified_at, %(now)s)
     WHERE id = %(id)s AND email_key = lower(%(email)s)
       AND (email_verified_at IS NOT NULL OR NOT %(only_again)s)
"""
# A user name in the form of an address is always the account's own address, so it follows.
ADOPT_EMAIL = """
    UPDATE customer c
       SET username = CASE WHEN c.username_key = c.email_key THEN c.pending_email ELSE c.username END,
           email = c.pending_email, email_verified_at = %(now)s, pending_email = NULL, updated_at = %(now)s
     WHERE c.id = %(id)s AND lower(c.pending_email) = lower(%(email)s)
       AND NOT EXISTS (SELECT FROM customer o
                        WHERE o.id <> c.id AND (o.email_key = lower(%(email)s) OR o.username_key = lower(%(email)s)))
"""


def find_by_name(uow: UnitOfWork, name: str) -> Customer | None:
    """The account with this user name or, failing that, this e-mail address."""
    return uow.fetch(Customer, FIND_BY_NAME, {"name": name})


def find_customer(uow: UnitOfWork, customer_id: int) -> Customer | None:
    """The account with this id, or None."""
    return uow.fetch(Customer, FIND, {"id": customer_id})


def find_taken(
    uow: UnitOfWork, *, username: str | None, email: str | None, phone: str | None, but_id: int = 0
) -> DuplicateField | None:
    """Which of the three an account other than `but_id` has already; the first of them in this order."""
    fields = {"username": username, "email": email, "phone": phone, "but_id": but_id}
    taken: DuplicateField | None = uow.value(FIND_TAKEN, fields)
    return taken


def create_customer(uow: UnitOfWork, fields: dict[str, Any]) -> Customer | None:
    """The new account; None when its name, address or number is taken."""
    return uow.fetch(Customer, CREATE, {**fields, "now": uow.now})


def rehash(uow: UnitOfWork, customer_id: int, *, old_hash: str, new_hash: str) -> None:
    """Replaces the hash of an unchanged password."""
    uow.execute(REHASH, {"id": customer_id, "old_hash": old_hash, "new_hash": new_hash})


def change_hash(uow: UnitOfWork, customer_id: int, *, old_hash: str, new_hash: str) -> bool:
    """A new password; False when it was changed by somebody else meanwhile.

    An address that waits to be proven is forgotten: somebody else may have entered it.
    """
    fields = {"id": customer_id, "old_hash": old_hash, "new_hash": new_hash, "now": uow.now}
    return uow.execute(CHANGE_HASH, fields) == 1


def verify_email(uow: UnitOfWork, customer_id: int, email: str, *, only_again: bool) -> bool:
    """Marks the address as verified; whether it is now. `only_again`: only if it was before."""
    fields = {"id": customer_id, "email": email, "only_again": only_again, "now": uow.now}
    return uow.execute(VERIFY_EMAIL, fields) == 1


def adopt_email(uow: UnitOfWork, customer_id: int, email: str) -> bool:
    """Makes the pending address the account's own, verified; False when it is not pending any more, or taken by now."""
    return uow.execute(ADOPT_EMAIL, {"id": customer_id, "email": email, "now": uow.now}) == 1
