"""Signing in: warehouse scanners, the staff portal, the storage app. Customers sign in through their own context."""

import re
import string

from chalicelib.identity import passwords, rules, service, sessions
from chalicelib.identity.shapes import (
    Authenticated,
    Login,
    PasswordPolicy,
    RefreshRequest,
    StaffMember,
    StaffProfile,
    StaffSignedIn,
    StorageLogin,
    StorageUser,
    Success,
    Token,
    TokenReply,
    WarehouseSignedIn,
    WarehouseUser,
)
from chalicelib.kernel.access import (
    PUBLIC,
    SIGN_IN,
    STAFF_ANY,
    STAFF_OR_NOBODY,
    STORAGE,
    WMS_ANY,
    WMS_USER,
    PasswordChangeRequired,
)
from chalicelib.kernel.cookies import STAFF_COOKIE
from chalicelib.kernel.endpoint import Call, Outside, endpoint
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit, Locked
from chalicelib.kernel.uow import UnitOfWork

TRIES = Limit("sign-in", calls=300)
"""Per address and minute; the lock-out is what stops guessing, this bounds the hashing that anybody can ask for."""


@endpoint(
    "POST",
    "/api/auth/login",
    allow=PUBLIC,
    errors=(sessions.InvalidCredentials, Locked),
    limit=TRIES,
    keeps_replies=False,
)
def sign_in_to_warehouse(call: Call[Login]) -> WarehouseSignedIn:
    """Signs a warehouse user in; five wrong passwords per user or address lock for 15 minutes."""
    account, session = service.sign_in(
        call.uow,
        rules.WMS,
        name=call.body.username,
        password=call.body.password.get_secret_value(),
        address=call.request.address,
    )
    return WarehouseSignedIn(token=session.token, user=WarehouseUser.of(account, call.organization))


@endpoint("GET", "/api/auth/me", allow=WMS_ANY)
def get_warehouse_profile(call: Call[NoBody]) -> WarehouseUser:
    """The signed-in warehouse user, with what a scanner may offer."""
    return WarehouseUser.of(service.profile(call.uow), call.organization)


@endpoint("POST", "/api/auth/refresh", allow=WMS_USER, keeps_replies=False)
def renew_warehouse_token(call: Call[NoBody]) -> Token:
    """A later token for the same session, good for another 8 hours; a session lasts 30 days at most."""
    return Token(token=sessions.renew(call.uow, call.actor, "wms", rules.SESSION_LASTS))


@endpoint(
    "POST",
    "/api/staff/login",
    allow=SIGN_IN,
    errors=(sessions.InvalidCredentials, Locked),
    limit=TRIES,
    keeps_replies=False,
)
def sign_in_to_staff_portal(call: Call[Login]) -> StaffSignedIn:
    """Signs commerce staff in: a token for other domains, and a cookie for this one."""
    account, session = service.sign_in(
        call.uow,
        rules.COMMERCE,
        name=call.body.username,
        password=call.body.password.get_secret_value(),
        address=call.request.address,
    )
    _set_staff_cookie(call, session.token, int(rules.SESSION_LASTS.total_seconds()))
    return StaffSignedIn(staff=StaffMember.of(account), token=session.token)


@endpoint("POST", "/api/staff/logout", allow=STAFF_OR_NOBODY)
def sign_out_of_staff_portal(call: Call[NoBody]) -> Success:
    """Ends the session, if there is one, and removes the cookie."""
    sessions.close_session(call.uow, call.actor)
    _set_staff_cookie(call, "", 0)
    return Success()


@endpoint("GET", "/api/staff/me", allow=STAFF_ANY)
def get_staff_profile(call: Call[NoBody]) -> StaffProfile:
    """The signed-in member of staff."""
    return StaffProfile(staff=StaffMember.of(service.profile(call.uow)))


@endpoint(
    "POST",
    "/api/v2/auth/login",
    allow=PUBLIC,
    errors=(sessions.InvalidCredentials, Locked, PasswordChangeRequired),
    limit=TRIES,
    keeps_replies=False,
)
def sign_in_to_storage(call: Call[StorageLogin]) -> TokenReply:
    """Signs a user of the storage app in, by e-mail address."""
    pair = service.sign_in_to_storage(
        call.uow,
        email=call.body.email,
        password=call.body.password.get_secret_value(),
        address=call.request.address,
    )
    return TokenReply.of(pair)


@endpoint(
    "POST",
    "/api/v2/auth/refresh_token",
    allow=PUBLIC,
    errors=(service.RefreshRefused,),
    limit=TRIES,
    keeps_replies=False,
)
def refresh_storage_token(call: Call[RefreshRequest]) -> TokenReply | Outside[None, TokenReply]:
    """The next access and refresh token; a refresh token that comes a second time ends its session."""
    pair = service.refresh_storage_tokens(call.uow, call.body.refresh_token)
    if pair is None:
        return Outside(do=lambda: None, then=_refuse_refresh)
    return TokenReply.of(pair)


@endpoint("GET", "/api/v2/auth/authenticate", allow=STORAGE())
def authenticate_request(call: Call[NoBody]) -> Authenticated:
    """Whether the request may go on to the service behind a forwarding proxy, and whose it is."""
    email = service.profile(call.uow).email if call.actor.kind == "staff" else None
    storage_settings = call.organization.settings.get("storage", {})
    return Authenticated(user=StorageUser.of(call.actor, email), settings=storage_settings)


@endpoint("GET", "/api/v2/auth/password_policy", allow=PUBLIC)
def get_password_policy(call: Call[NoBody]) -> PasswordPolicy:  # noqa: ARG001  # the rules are the same for everybody
    """The rules for a new password, so that an app can check one before it sends it."""
    return PasswordPolicy(
        min_length=passwords.LENGTH_MIN,
        max_length=passwords.LENGTH_MAX,
        require_letter=True,
        require_digit=True,
        require_lowercase=False,
        require_uppercase=False,
        require_special=False,
        special_characters=string.punctuation,
        special_characters_pattern=f"[{re.escape(string.punctuation)}]",
    )


def _refuse_refresh(_uow: UnitOfWork, _nothing: None) -> TokenReply:
    raise service.RefreshRefused


def _set_staff_cookie(call: Call[Login] | Call[NoBody], value: str, max_age_s: int) -> None:
    call.set_cookie(STAFF_COOKIE, value, max_age_s=max_age_s)
