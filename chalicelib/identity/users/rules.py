"""Pure decisions about users: what a change makes of one, and who may not be changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.identity.rules import FUNCTIONS
from chalicelib.identity.users.store import User
from chalicelib.kernel.principals import Actor


def named(full_name: str) -> tuple[str, str]:
    """First names and last name: the last word is the latter."""
    first, _, last = " ".join(full_name.split()).rpartition(" ")
    return (first, last) if first else (last, "")


def ordered(functions: Iterable[str]) -> list[str]:
    """Functions once each, in the contract's order."""
    held = set(functions)
    return [name for name in FUNCTIONS if name in held]


def places(ids: Sequence[int], own: int | None, *, names_ids: bool, names_own: bool) -> tuple[list[int], int | None]:
    """The warehouses of a user and the one they work in, which is one of them.

    A named own warehouse joins the list; a named list without the present one chooses its first.
    """
    unique = list(dict.fromkeys(ids))
    if own is not None and own not in unique:
        if names_own or not names_ids:
            return [own, *unique], own
        return unique, unique[0] if unique else None
    return unique, own if own is not None or names_own else (unique[0] if unique else None)


def changed(user: User, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the user after the changes; not the password's."""
    first, last = named(changes["full_name"]) if "full_name" in changes else (user.first_name, user.last_name)
    ids, own = places(
        changes.get("warehouse_ids", user.warehouse_ids),
        changes.get("warehouse_id", user.warehouse_id),
        names_ids="warehouse_ids" in changes,
        names_own="warehouse_id" in changes,
    )
    is_touched = bool(changes.keys() & {"warehouse_ids", "warehouse_id"})
    return {
        "id": user.id,
        "username": changes.get("username", user.username),
        "first_name": first,
        "last_name": last,
        "wms_role": changes.get("role", user.wms_role),
        "functions": ordered(changes["allowed_functions"]) if "allowed_functions" in changes else list(user.functions),
        "warehouse_ids": ids if is_touched else list(user.warehouse_ids),
        "warehouse_id": own if is_touched else user.warehouse_id,
        "is_active": changes.get("is_active", user.is_active),
        "must_change_password": changes.get("must_change_password", "password" in changes or user.must_change_password),
    }


def named_warehouses(changes: Mapping[str, Any]) -> list[int]:
    """The warehouses that the changes name, once each."""
    own = changes.get("warehouse_id")
    return list(dict.fromkeys([*changes.get("warehouse_ids", ()), *([] if own is None else [own])]))


def is_last_administrator(user: User, locked: Iterable[User]) -> bool:
    """Whether the user administers and, of all who are locked, nobody else does."""
    active = {each.id for each in locked if each.wms_role == "ADMIN" and each.is_active}
    return active == {user.id}


def is_above(user: User, actor: Actor) -> bool:
    """Whether the person has a role on another surface that the actor has no authority over.

    Who sets a password or a user name can sign in as that person, everywhere.
    """
    is_above_in_commerce = user.commerce_role is not None and actor.commerce_role != "admin"
    return is_above_in_commerce or (user.storage_role is not None and actor.storage_role != "Super Admin")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was and what is, of the fields that differ."""
    names = [name for name in after if before[name] != after[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}
