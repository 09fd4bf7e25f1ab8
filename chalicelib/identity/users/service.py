"""Use cases of the administrators' users."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chalicelib.identity import passwords
from chalicelib.identity import rules as names
from chalicelib.identity import store as accounts
from chalicelib.identity.users import rules, store
from chalicelib.identity.users.shapes import NewUser, UserChanges, UserDeleted, UserPage, UserView
from chalicelib.kernel.errors import BadRequest, Conflict, Forbidden, IntegrityViolation, NotFound
from chalicelib.kernel.paging import PageQuery, paged, window
from chalicelib.kernel.uow import UnitOfWork


class DuplicateUsername(BadRequest):
    """User names are unique among all staff, in any case."""

    code = "duplicate_username"


class OwnAccount(BadRequest):
    """What administrators may do to others only."""

    code = "own_account"


class LastAdministrator(Conflict):
    """Somebody must be able to let people in."""

    code = "last_administrator"
    sentence = "The last active administrator cannot be removed"


class AlsoElsewhere(Forbidden):
    """The person signs in on other surfaces, too, where the caller may not act for them."""

    code = "also_elsewhere"
    sentence = "This user has roles outside of the warehouse; user name, password and activity are changed there"


def list_users(uow: UnitOfWork, query: PageQuery) -> UserPage:
    """A page of the members of staff who have a warehouse role, by user name; one statement."""
    users, total = store.list_users(uow, window(query))
    return UserPage(users=[UserView.of(user) for user in users], **paged(query, total))


def create_user(uow: UnitOfWork, new: NewUser) -> UserView:
    """Makes a user, in nine statements at most.

    Raises WeakPassword, DuplicateUsername, Invalid for a name that cannot be, IntegrityViolation for an unknown warehouse.
    """
    username = names.canonical_name(new.username)
    names.check_username(username, None)
    password = new.password.get_secret_value()
    passwords.check_strength(password, names=(username,), is_staff=True)
    ids, own = rules.places(new.warehouse_ids, new.warehouse_id, names_ids=True, names_own=new.warehouse_id is not None)
    _check_warehouses(uow, ids)
    first, last = rules.named(new.full_name)
    fields = {
        "username": username,
        "email": None,
        "first_name": first,
        "last_name": last,
        "password_hash": passwords.hash_password(password),
        "must_change_password": new.must_change_password,
        "is_active": new.is_active,
        "commerce_role": None,
        "wms_role": new.role,
        "storage_role": None,
        "functions": rules.ordered(new.allowed_functions),
        "warehouse_ids": ids,
        "warehouse_id": own,
    }
    user_id = accounts.create_staff(uow, fields)
    if user_id is None:
        raise DuplicateUsername(f"Duplicate username: {username}")
    made = _found(uow, user_id)
    uow.audit("create", "staff", user_id, after=_audited(made))
    return UserView.of(made)


def update_user(uow: UnitOfWork, user_id: int, changes: UserChanges) -> UserView:
    """Changes the fields that were given, in ten statements at most.

    A new password, deactivation and a role that is taken away count at once; the sessions end. Raises NotFound, OwnAccount
    for one's own role, activity or password, LastAdministrator, AlsoElsewhere, DuplicateUsername, WeakPassword, Invalid,
    IntegrityViolation.
    """
    given = _given(changes)
    look = store.look_at_user(
        uow, user_id, username=given.get("username", ""), warehouse_ids=rules.named_warehouses(given)
    )
    if look is None:
        raise NotFound("User not found")
    _check_allowed(uow, look, given)
    if not look.knows_warehouses:
        raise IntegrityViolation
    new_hash = _new_hash(given, look.user)  # takes its time, and so comes before the locks
    removes = given.get("role") == "USER" or given.get("is_active") is False
    before = _locked(uow, user_id, removes_admin=removes)
    _check_allowed(uow, replace(look, user=before), given)
    store.update_user(uow, {**rules.changed(before, given), "password_hash": new_hash})
    after = _found(uow, user_id)
    was, now = rules.differences(_audited(before), _audited(after))
    if now:
        uow.audit("update", "staff", user_id, before=was, after=now)
    if new_hash is not None:
        uow.audit("reset_password", "staff", user_id)
    return UserView.of(after)


def delete_user(uow: UnitOfWork, user_id: int) -> UserDeleted:
    """Ends an account and frees its name; who has roles on other surfaces only loses the warehouse role.

    The row stays, as what the user did refers to it. All sessions end at once. Raises NotFound, OwnAccount,
    LastAdministrator.
    """
    if user_id == uow.actor.id:
        raise OwnAccount("You cannot delete your own account")
    before = _locked(uow, user_id, removes_admin=True)
    if before.commerce_role is None and before.storage_role is None:
        store.retire_user(uow, user_id, unusable=passwords.UNUSABLE)
        store.end_sessions(uow, user_id)
    else:
        store.take_role(uow, user_id)
        store.end_sessions(uow, user_id, audience="wms")
    uow.audit("delete", "staff", user_id, before=_audited(before))
    return UserDeleted(user_id=user_id)


def _given(changes: UserChanges) -> dict[str, Any]:
    given = changes.model_dump(exclude_unset=True)
    given = {name: value for name, value in given.items() if value is not None or name == "warehouse_id"}
    if "username" in given:
        given["username"] = names.canonical_name(given["username"])
    return given


def _check_allowed(uow: UnitOfWork, look: store.Look, given: dict[str, Any]) -> None:
    """Raises OwnAccount, AlsoElsewhere, DuplicateUsername for what would change; panels send back what they were shown."""
    user = look.user
    is_renamed = given.get("username", user.username) != user.username
    is_switched = given.get("is_active", user.is_active) != user.is_active
    if user.id == uow.actor.id:
        if given.get("role", user.wms_role) != user.wms_role:
            raise OwnAccount("You cannot demote yourself")
        if is_switched:
            raise OwnAccount("You cannot deactivate your own account")
        if "password" in given:
            raise OwnAccount("Use change-password for your own password")
    if (is_renamed or is_switched or "password" in given) and rules.is_above(user, uow.actor):
        raise AlsoElsewhere
    if is_renamed:
        names.check_username(given["username"], None)
        if look.is_name_taken:
            raise DuplicateUsername(f"Duplicate username: {given['username']}")


def _new_hash(given: dict[str, Any], user: store.User) -> str | None:
    if "password" not in given:
        return None
    password = given["password"].get_secret_value()
    passwords.check_strength(password, names=(given.get("username", user.username),), is_staff=True)
    return passwords.hash_password(password)


def _locked(uow: UnitOfWork, user_id: int, *, removes_admin: bool) -> store.User:
    """The user, ours until the end. Raises NotFound, LastAdministrator."""
    locked = store.lock_users(uow, user_id, with_admins=removes_admin)
    user = next((user for user in locked if user.id == user_id), None)
    if user is None:
        raise NotFound("User not found")
    if removes_admin and rules.is_last_administrator(user, locked):
        raise LastAdministrator
    return user


def _found(uow: UnitOfWork, user_id: int) -> store.User:
    user = store.find_user(uow, user_id)
    if user is None:
        raise NotFound("User not found")
    return user


def _check_warehouses(uow: UnitOfWork, ids: Sequence[int]) -> None:
    if ids and store.count_warehouses(uow, ids) != len(ids):
        raise IntegrityViolation


def _audited(user: store.User) -> dict[str, Any]:
    return UserView.of(user).model_dump(mode="json", exclude={"user_id", "created_at", "last_login"})
