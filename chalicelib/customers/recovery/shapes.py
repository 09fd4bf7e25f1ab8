"""Requests and replies of recovery. Fields called ``debug_...`` are of the contract and always null."""

from typing import Annotated, Self

from pydantic import BeforeValidator, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.customers.shapes import LoginName, Secret, none_if_blank
from chalicelib.kernel.emails import Email
from chalicelib.kernel.phones import Phone
from chalicelib.kernel.shapes import Shape, at_most

Token = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), at_most(255)]
Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{6}$"),
    at_most(20),
]


class Account(Shape):
    """Which account: by its user name or its e-mail address."""

    identifier: LoginName


class AccountOrEmail(Shape):
    """As `Account`; one of the two is enough, and `identifier` counts where both come."""

    identifier: Annotated[LoginName | None, BeforeValidator(none_if_blank)] = None
    email: Annotated[LoginName | None, BeforeValidator(none_if_blank)] = None

    @property
    def name(self) -> str:
        """The one that was given."""
        return self.identifier or self.email or ""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if not self.name:
            raise PydanticCustomError("missing", "identifier or email is required")
        return self


class AddressOnly(Shape):
    """Whose user name is to be mailed."""

    email: Email


class PhoneOnly(Shape):
    """Where the code is to be sent."""

    phone: Phone


class PhoneAndCode(Shape):
    """A number and the six digits that were sent to it."""

    phone: Phone
    code: Code


class ByToken(Shape):
    """The token of the mail, and the new password."""

    token: Token
    password: Secret


class ByPhone(Shape):
    """The token that a right code gave."""

    phone_session_token: Token


class ByPhoneSession(ByPhone):
    """The token that a right code gave, and the new password."""

    password: Secret


class PhoneSession(Shape):
    """The token that a right code gives."""

    phone_session_token: str


class ResetRequested(Shape):
    """Said whether there is such an account or not."""

    message: str
    email_sent: bool
    debug_token: None = None


class UsernameRequested(Shape):
    """Said whether there is such an account or not."""

    message: str
    email_sent: bool


class CodeRequested(Shape):
    """Said whether the number is known or not."""

    message: str
    sms_sent: bool
    debug_otp: None = None


class MaskedUsername(Shape):
    """A user name with stars."""

    username: str
