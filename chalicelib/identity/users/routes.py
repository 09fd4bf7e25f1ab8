"""Warehouse users, for their administrators."""

from chalicelib.identity.passwords import WeakPassword
from chalicelib.identity.users import service
from chalicelib.identity.users.service import AlsoElsewhere, DuplicateUsername, LastAdministrator, OwnAccount
from chalicelib.identity.users.shapes import NewUser, UserChanges, UserDeleted, UserPage, UserView
from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import IntegrityViolation, NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.paging import PageQuery
from chalicelib.kernel.shapes import NoBody


@endpoint("GET", "/api/admin/users", allow=WMS_ADMIN)
def list_warehouse_users(call: Call[NoBody], query: PageQuery) -> UserPage:
    """Warehouse users by user name, inactive ones too."""
    return service.list_users(call.uow, query)


@endpoint(
    "POST",
    "/api/admin/users",
    allow=WMS_ADMIN,
    status=201,
    errors=(WeakPassword, DuplicateUsername, IntegrityViolation),
)
def create_warehouse_user(call: Call[NewUser]) -> UserView:
    """Creates a user. The password needs 8 characters, a letter and a digit among them."""
    return service.create_user(call.uow, call.body)


@endpoint(
    "PUT",
    "/api/admin/users/{user_id}",
    allow=WMS_ADMIN,
    errors=(
        NotFound,
        WeakPassword,
        DuplicateUsername,
        OwnAccount,
        AlsoElsewhere,
        LastAdministrator,
        IntegrityViolation,
    ),
)
def update_warehouse_user(call: Call[UserChanges], user_id: PathId) -> UserView:
    """Changes the fields that are given; administrators cannot demote themselves, nor the last one."""
    return service.update_user(call.uow, user_id, call.body)


@endpoint(
    "DELETE",
    "/api/admin/users/{user_id}",
    allow=WMS_ADMIN,
    errors=(NotFound, OwnAccount, LastAdministrator),
)
def delete_warehouse_user(call: Call[NoBody], user_id: PathId) -> UserDeleted:
    """Deletes a user; neither oneself nor the last administrator."""
    return service.delete_user(call.uow, user_id)
