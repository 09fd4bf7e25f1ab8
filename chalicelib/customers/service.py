"""Use cases of customers: registering, proving an address, signing in, changing the password."""

from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel

from chalicelib import identity
from chalicelib.customers import store
from chalicelib.customers.events import PasswordChanged, VerificationDue
from chalicelib.customers.store import Customer, DuplicateField
from chalicelib.kernel.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthenticated
from chalicelib.kernel.throttle import Limit, check_limit
from chalicelib.kernel.uow import UnitOfWork

MAILS_TO_ONE = Limit("verification-mails", calls=5, window_s=3600)
"""Verification mails that one account can be made to receive."""
HINTS: dict[DuplicateField, str] = {
    "username": "Please choose another user name, or sign in if the account is yours.",
    "email": "If the account is yours, sign in or ask for a new password.",
    "phone": "If the account is yours, sign in or ask for a new password.",
}


class DuplicateAnswer(BaseModel):
    """Further fields of a refused registration."""

    duplicate_field: DuplicateField
    hint: str


class DuplicateCustomer(Conflict):
    """Another account has this user name, e-mail address or telephone number; whose it is, nobody learns."""

    code = "duplicate_customer"
    sentence = "An account with these details exists already"
    Extra: ClassVar[type[BaseModel] | None] = DuplicateAnswer

    @classmethod
    def of(cls, field: DuplicateField) -> "DuplicateCustomer":
        """The refusal for one field."""
        return cls(duplicate_field=field, hint=HINTS[field])


class VerificationAnswer(BaseModel):
    """A further field of a refused sign-in."""

    email_verification_required: Literal[True]


class EmailUnverified(Forbidden):
    """The password was right, but the e-mail address is not proven yet."""

    code = "email_unverified"
    sentence = "Please verify your e-mail address first"
    Extra: ClassVar[type[BaseModel] | None] = VerificationAnswer

    @classmethod
    def now(cls) -> "EmailUnverified":
        """The refusal with its field."""
        return cls(email_verification_required=True)


class NothingToVerify(BadRequest):
    """There is no address, or it is verified."""

    code = "nothing_to_verify"
    sentence = "There is no e-mail address to verify"


@dataclass(frozen=True, kw_only=True)
class NewCustomer:
    """An account to be made. Addresses and numbers are in their canonical forms (kernel/emails.py, kernel/phones.py)."""

    username: str
    password: str
    email: str | None = None
    phone: str | None = None
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    business_type: str = ""
    business_ein: str = ""
    resale_certificate: str = ""
    state_of_operation: str = ""
    shipping_address: str = ""
    billing_address: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    payment_terms: Literal["prepaid", "net30"] = "prepaid"
    credit_limit_minor: int = 0
    is_email_verified: bool = False


def register(uow: UnitOfWork, new: NewCustomer) -> Customer:
    """Makes an account that must prove its e-mail address before it can be used. Raises DuplicateCustomer, WeakPassword,
    Invalid.
    """
    identity.check_strength(new.password, names=(new.username, new.email))
    customer = create_customer(uow, new)
    if not customer.is_verified:
        uow.publish(VerificationDue(customer_id=customer.id).message())
    return customer


def create_customer(uow: UnitOfWork, new: NewCustomer) -> Customer:
    """Makes an account and sends nothing. The password is taken as given. Raises DuplicateCustomer, Invalid.

    Of several at once with one name, address or number, one succeeds.
    """
    username = identity.canonical_name(new.username)
    identity.check_username(username, new.email)
    taken = store.find_taken(uow, username=username, email=new.email, phone=new.phone)
    if taken is not None:
        raise DuplicateCustomer.of(taken)
    fields = {**asdict(new), "username": username, "password_hash": identity.hash_password(new.password)}
    fields["email_verified_at"] = uow.now if new.email and new.is_email_verified else None
    customer = store.create_customer(uow, fields)
    if customer is None:
        taken = store.find_taken(uow, username=username, email=new.email, phone=new.phone)
        raise DuplicateCustomer.of(taken or "username")
    uow.audit("create", "customer", customer.id)
    return customer


def get(uow: UnitOfWork, customer_id: int) -> Customer:
    """An account of this organization. Raises NotFound."""
    customer = store.find_customer(uow, customer_id)
    if customer is None:
        raise NotFound("Customer not found")
    return customer


def sign_in(uow: UnitOfWork, *, name: str, password: str, address: str) -> tuple[Customer, identity.Session]:
    """Signs a customer in, by user name or e-mail address.

    Raises InvalidCredentials, Locked, Unavailable; EmailUnverified, but only to somebody who knows the password.
    """
    canonical = identity.canonical_name(name)
    found = store.find_by_name(uow, canonical)
    customer = found if found is not None and found.is_active else None
    identity.check_password(
        uow,
        surface="shop",
        account_id=None if found is None else found.id,
        name=canonical,
        address=address,
        password=password,
        password_hash=None if customer is None else customer.password_hash,
    )
    assert customer is not None
    if not customer.is_verified:
        raise EmailUnverified.now()
    current = _current_hash(uow, customer, password)
    lasts = identity.SESSION_LASTS
    return customer, identity.open_session(uow, "customer", customer.id, "shop", lasts, password_hash=current)


def _current_hash(uow: UnitOfWork, customer: Customer, password: str) -> str:
    """The account's hash, made anew when the parameters of hashing have changed since."""
    if not identity.is_outdated(customer.password_hash):
        return customer.password_hash
    new_hash = identity.hash_password(password)
    store.rehash(uow, customer.id, old_hash=customer.password_hash, new_hash=new_hash)
    return new_hash


def own_account(uow: UnitOfWork) -> Customer:
    """The signed-in customer. Raises Unauthenticated when there is none."""
    customer = store.find_customer(uow, uow.actor.id) if uow.actor.kind == "customer" else None
    if customer is None:
        raise Unauthenticated
    return customer


def resend_verification(uow: UnitOfWork, name: str | None) -> None:
    """Sends another verification mail: to the signed-in customer, else to the account with a name or address.

    Without a session nothing tells whether there is such an account. Raises Unauthenticated without either,
    NothingToVerify only to the signed-in customer, TooManyRequests.
    """
    if uow.actor.kind == "customer":
        customer: Customer | None = own_account(uow)
        key = f"id/{uow.actor.id}"
    elif name is not None:
        key = f"name/{identity.canonical_name(name).casefold()}"
        customer = store.find_by_name(uow, identity.canonical_name(name))
    else:
        raise Unauthenticated
    check_limit(MAILS_TO_ONE, f"{uow.organization.id}/{key}")
    if customer is not None and customer.unproven_email is not None:
        uow.publish(VerificationDue(customer_id=customer.id).message())
    elif uow.actor.kind == "customer":
        raise NothingToVerify


def change_password(uow: UnitOfWork, *, current: str, new: str, address: str) -> None:
    """Whoever is signed in chooses another password, under the rules of their kind.

    A member of staff is signed out everywhere, a customer everywhere else, and told by mail. Raises WeakPassword,
    WrongPassword, Locked after five wrong ones, Conflict when it was changed meanwhile.
    """
    if uow.actor.kind == "staff":
        identity.change_own_password(uow, current=current, new=new, address=address)
        return
    customer = own_account(uow)
    identity.check_change(
        uow,
        kind="customer",
        names=(customer.username, customer.email),
        password_hash=customer.password_hash,
        current=current,
        new=new,
        address=address,
    )
    new_hash = identity.hash_password(new)
    if not store.change_hash(uow, customer.id, old_hash=customer.password_hash, new_hash=new_hash):
        raise Conflict("The password was changed meanwhile")
    identity.end_other_sessions(uow, "customer", customer.id, kept_id=uow.actor.session_id)
    uow.publish(PasswordChanged(customer_id=customer.id).message())
    uow.audit("change_password", "customer", customer.id)
