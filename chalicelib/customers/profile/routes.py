"""Endpoints of customers' own records. Somebody else's id looks like one that does not exist."""

from chalicelib.customers import service as accounts
from chalicelib.customers.profile import service
from chalicelib.customers.profile.service import AccountInUse
from chalicelib.customers.profile.shapes import ChangeProfile
from chalicelib.customers.service import DuplicateCustomer
from chalicelib.customers.shapes import OwnProfile, Profile
from chalicelib.kernel.access import CUSTOMER
from chalicelib.kernel.cookies import SESSION_COOKIE
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit

CHANGES = Limit("profile", calls=30)
"""Per address and minute: a change tells whether an address or a number is taken."""


@endpoint("GET", "/api/users", allow=CUSTOMER)
def get_own_user(call: Call[NoBody]) -> OwnProfile:
    """The signed-in customer, and nobody else."""
    return OwnProfile(user=Profile.of(accounts.own_account(call.uow)))


@endpoint("GET", "/api/users/{user_id}", allow=CUSTOMER, errors=(NotFound,))
def get_user(call: Call[NoBody], user_id: PathId) -> OwnProfile:
    """The signed-in customer, by their own id."""
    return OwnProfile(user=Profile.of(service.own(call.uow, user_id)))


@endpoint("PUT", "/api/users/{user_id}", allow=CUSTOMER, errors=(NotFound, DuplicateCustomer), limit=CHANGES)
def change_user(call: Call[ChangeProfile], user_id: PathId) -> OwnProfile:
    """Change some fields of the own record. A new e-mail address counts once the link in its mail was opened."""
    return OwnProfile(user=Profile.of(service.change(call.uow, user_id, call.body)))


@endpoint("DELETE", "/api/users/{user_id}", allow=CUSTOMER, status=204, errors=(NotFound, AccountInUse))
def close_account(call: Call[NoBody], user_id: PathId) -> None:
    """Close the own account: sessions end, personal data goes, orders stay.

    Refused while orders are open or unpaid, or store credit is left.
    """
    service.close(call.uow, user_id)
    call.set_cookie(SESSION_COOKIE, "", max_age_s=0)
