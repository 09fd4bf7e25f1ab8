"""Endpoints of recovery. Their answers do not depend on whether there is an account."""

from chalicelib import identity
from chalicelib.customers.recovery import service
from chalicelib.customers.recovery.service import InvalidCode, InvalidToken
from chalicelib.customers.recovery.shapes import (
    Account,
    AccountOrEmail,
    AddressOnly,
    ByPhone,
    ByPhoneSession,
    ByToken,
    CodeRequested,
    MaskedUsername,
    PhoneAndCode,
    PhoneOnly,
    PhoneSession,
    ResetRequested,
    UsernameRequested,
)
from chalicelib.customers.shapes import Message
from chalicelib.kernel.access import PUBLIC
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.throttle import Limit

ASKING = Limit("recovery", calls=20)
"""Per address and minute, mails and text messages together."""
TRYING = Limit("recovery-tries", calls=30)
RESET_SAID = ResetRequested(
    message="If there is an account with this name or address, a mail with a link is on its way", email_sent=True
)
USERNAME_SAID = UsernameRequested(
    message="If there is an account with this address, a mail with the user name is on its way", email_sent=True
)
CODE_SAID = CodeRequested(message="If the number is known, a code is on its way", sms_sent=True)
PASSWORD_SAID = Message(message="Password changed; please sign in")


@endpoint("POST", "/api/customer/forgot-password", allow=PUBLIC, limit=ASKING)
def ask_for_customer_reset(call: Call[Account]) -> ResetRequested:
    """Have a link mailed with which a new password can be chosen, to the account with a user name or address."""
    service.ask_for_reset(call.uow, call.body.identifier)
    return RESET_SAID


@endpoint("POST", "/api/auth/forgot-password", allow=PUBLIC, limit=ASKING)
def ask_for_reset(call: Call[AccountOrEmail]) -> ResetRequested:
    """The same under the shop's common address; takes `identifier` or `email`."""
    service.ask_for_reset(call.uow, call.body.name)
    return RESET_SAID


@endpoint("POST", "/api/customer/forgot-username", allow=PUBLIC, limit=ASKING)
def ask_for_customer_username(call: Call[AddressOnly]) -> UsernameRequested:
    """Have the user name of an account mailed to its address."""
    service.ask_for_username(call.uow, call.body.email)
    return USERNAME_SAID


@endpoint("POST", "/api/auth/forgot-username", allow=PUBLIC, limit=ASKING)
def ask_for_username(call: Call[AccountOrEmail]) -> UsernameRequested:
    """The same under the shop's common address; takes `email` or `identifier`."""
    service.ask_for_username(call.uow, call.body.name)
    return USERNAME_SAID


@endpoint(
    "POST",
    "/api/auth/reset-password",
    allow=PUBLIC,
    errors=(InvalidToken, identity.WeakPassword),
    limit=TRYING,
    keeps_replies=False,
)
def reset_password(call: Call[ByToken]) -> Message:
    """Choose a new password with the token of the mail, once; ends all sessions and proves the address."""
    service.reset_password(call.uow, "password_reset", call.body.token, call.body.password.get_secret_value())
    return PASSWORD_SAID


@endpoint("POST", "/api/auth/phone/send-code", allow=PUBLIC, limit=ASKING, keeps_replies=False)
def send_phone_code(call: Call[PhoneOnly]) -> CodeRequested:
    """Have a code of six digits sent to a customer's telephone; a newer one ends the one before. Once a minute."""
    service.send_code(call.uow, call.body.phone, address=call.request.address)
    return CODE_SAID


@endpoint(
    "POST",
    "/api/auth/phone/verify-code",
    allow=PUBLIC,
    errors=(InvalidCode,),
    limit=TRYING,
    keeps_replies=False,
)
def verify_phone_code(call: Call[PhoneAndCode]) -> PhoneSession:
    """Exchange a code for a token that is good for one action within ten minutes. Five tries for a code in all."""
    return PhoneSession(phone_session_token=service.verify_code(call.uow, call.body.phone, call.body.code))


@endpoint(
    "POST",
    "/api/auth/phone/lookup-username",
    allow=PUBLIC,
    errors=(InvalidToken,),
    limit=TRYING,
    keeps_replies=False,
)
def look_username_up(call: Call[ByPhone]) -> MaskedUsername:
    """Exchange the token of a telephone for the user name, with stars."""
    return MaskedUsername(username=service.look_username_up(call.uow, call.body.phone_session_token))


@endpoint(
    "POST",
    "/api/auth/phone/reset-password",
    allow=PUBLIC,
    errors=(InvalidToken, identity.WeakPassword),
    limit=TRYING,
    keeps_replies=False,
)
def reset_password_by_phone(call: Call[ByPhoneSession]) -> Message:
    """Choose a new password with the token of a telephone, once; ends all sessions."""
    token, password = call.body.phone_session_token, call.body.password.get_secret_value()
    service.reset_password(call.uow, "phone_session", token, password)
    return PASSWORD_SAID
