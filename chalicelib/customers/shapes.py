"""Requests and replies of the shop's accounts."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints

from chalicelib.customers.store import Customer
from chalicelib.kernel.emails import Email
from chalicelib.kernel.phones import Phone
from chalicelib.kernel.shapes import Instant, OptionalText, Shape, Text, at_most

Secret = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
LoginName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), at_most(255)]


def none_if_blank(value: Any) -> Any:
    """Forms send an empty text for a field that was left out."""
    return None if isinstance(value, str) and not value.strip() else value


def _text_if_none(value: Any) -> Any:
    return "" if value is None else value


Blank = Annotated[OptionalText, BeforeValidator(_text_if_none)]
"""A line of text that may be empty or null."""
Address = Annotated[str, StringConstraints(max_length=1000), BeforeValidator(_text_if_none)]
"""A postal address in as many lines as it has; may be empty or null."""


class Register(Shape):
    """A new account. Without an e-mail address there is nothing to verify."""

    username: Annotated[Text, at_most(150), StringConstraints(strip_whitespace=True, max_length=150)]
    password: Secret
    email: Annotated[Email | None, BeforeValidator(none_if_blank)] = None
    phone: Annotated[Phone | None, BeforeValidator(none_if_blank)] = None
    company_name: Blank = ""
    business_type: Blank = ""
    business_ein: Blank = ""
    resale_certificate: Blank = ""
    state_of_operation: Blank = ""
    first_name: Blank = ""
    last_name: Blank = ""
    shipping_address: Address = ""
    billing_address: Address = ""
    city: Blank = ""
    state: Blank = ""
    zip: Blank = ""


class SignIn(Shape):
    """A user name, or the e-mail address of the account, and its password."""

    username: LoginName
    password: Secret


class ResendVerification(Shape):
    """Needed without a session only: one of the two says which account."""

    email: Annotated[Email | None, BeforeValidator(none_if_blank)] = None
    username: Annotated[LoginName | None, BeforeValidator(none_if_blank)] = None


class ChangePassword(Shape):
    """The password so far, and the one from now on."""

    current_password: Secret
    new_password: Secret


class Profile(Shape):
    """A customer's own account."""

    id: int
    username: str
    email: str | None
    email_verified: bool
    pending_email: str | None
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
    created_at: Instant

    @classmethod
    def of(cls, customer: Customer) -> "Profile":
        """The account as its owner sees it."""
        shown = {name: getattr(customer, name) for name in cls.model_fields if name != "email_verified"}
        return cls(**shown, email_verified=customer.email_verified_at is not None)


class Registered(Shape):
    """The new account, and whether its e-mail address must be verified before the first sign-in."""

    message: str
    email_verification_required: bool
    user: Profile


class SignedIn(Shape):
    """Whose session is in the cookie now."""

    message: str
    user: Profile


class OwnProfile(Shape):
    """Who is signed in."""

    user: Profile


class VerificationSent(Shape):
    """A mail is on its way; without a session this is said whether there is such an account or not."""

    message: str
    email_sent: bool


class Message(Shape):
    """What was done, for a person."""

    message: str
