"""The shop's accounts: registering, proving an address, signing in and out, changing a password."""

from chalicelib import identity
from chalicelib.customers import service, verification
from chalicelib.customers.service import DuplicateCustomer, EmailUnverified, NewCustomer, NothingToVerify
from chalicelib.customers.shapes import (
    ChangePassword,
    Message,
    OwnProfile,
    Profile,
    Register,
    Registered,
    ResendVerification,
    SignedIn,
    SignIn,
    VerificationSent,
)
from chalicelib.kernel.access import CUSTOMER, OWN_PASSWORD, PUBLIC, SHOPPER, SIGN_IN
from chalicelib.kernel.cookies import SESSION_COOKIE
from chalicelib.kernel.endpoint import Call, Redirect, endpoint
from chalicelib.kernel.errors import Conflict, Unauthenticated
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit, Locked

REGISTRATIONS = Limit("register", calls=30)
"""Per address and minute: a registration tells whether a name or an address is taken."""
TRIES = Limit("sign-in", calls=300)
"""Shared with the sign-ins of staff; the lock-out is what stops guessing, this bounds the hashing."""


@endpoint(
    "POST",
    "/api/register",
    allow=PUBLIC,
    status=201,
    errors=(DuplicateCustomer, identity.WeakPassword),
    limit=REGISTRATIONS,
)
def register_customer(call: Call[Register]) -> Registered:
    """Make an account and send the mail that proves its address."""
    fields = call.body.model_dump(exclude={"password"})
    new = NewCustomer(**fields, password=call.body.password.get_secret_value())
    customer = service.register(call.uow, new)
    message = "Registered" if customer.is_verified else "Registered; please open the link in the mail that we sent"
    return Registered(message=message, email_verification_required=not customer.is_verified, user=Profile.of(customer))


@endpoint("GET", "/api/auth/verify-email/{token}", allow=PUBLIC, limit=Limit("verify-email", calls=60))
def verify_email(call: Call[NoBody], token: str) -> Redirect:
    """Prove an address with the token of the mail, as often as it is opened; ends on the front page."""
    return Redirect(verification.landing(verification.use_token(call.uow, token)))


@endpoint(
    "POST",
    "/api/auth/resend-verification",
    allow=SHOPPER,
    errors=(NothingToVerify, Unauthenticated),
    limit=Limit("resend-verification", calls=20),
)
def resend_verification(call: Call[ResendVerification]) -> VerificationSent:
    """Send another verification mail: to the signed-in customer, or to the account with this address or name."""
    service.resend_verification(call.uow, call.body.email or call.body.username)
    message = "If there is an address to verify, a mail with a new link is on its way"
    return VerificationSent(message=message, email_sent=True)


@endpoint(
    "POST",
    "/api/login",
    allow=SIGN_IN,
    errors=(identity.InvalidCredentials, EmailUnverified, Locked),
    limit=TRIES,
    keeps_replies=False,
)
def sign_in_customer(call: Call[SignIn]) -> SignedIn:
    """Sign a customer in; the session is in a cookie and lasts 8 hours."""
    customer, session = service.sign_in(
        call.uow,
        name=call.body.username,
        password=call.body.password.get_secret_value(),
        address=call.request.address,
    )
    _set_session_cookie(call, session.token, int(identity.SESSION_LASTS.total_seconds()))
    return SignedIn(message="Signed in", user=Profile.of(customer))


@endpoint("POST", "/api/logout", allow=CUSTOMER)
def sign_out_customer(call: Call[NoBody]) -> Message:
    """End the session and remove the cookie."""
    identity.close_session(call.uow, call.actor)
    _set_session_cookie(call, "", 0)
    return Message(message="Signed out")


@endpoint("GET", "/api/me", allow=CUSTOMER)
def get_own_profile(call: Call[NoBody]) -> OwnProfile:
    """The signed-in customer."""
    return OwnProfile(user=Profile.of(service.own_account(call.uow)))


@endpoint(
    "POST",
    "/api/auth/change-password",
    allow=OWN_PASSWORD,
    errors=(identity.WeakPassword, identity.WrongPassword, Locked, Conflict),
    keeps_replies=False,
)
def change_password(call: Call[ChangePassword]) -> Message:
    """Choose another password, as a warehouse user (bearer token) or a customer (session)."""
    service.change_password(
        call.uow,
        current=call.body.current_password.get_secret_value(),
        new=call.body.new_password.get_secret_value(),
        address=call.request.address,
    )
    return Message(message="Password changed")


def _set_session_cookie(call: Call[SignIn] | Call[NoBody], value: str, max_age_s: int) -> None:
    call.set_cookie(SESSION_COOKIE, value, max_age_s=max_age_s)
