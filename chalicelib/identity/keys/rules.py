"""What API keys may do, who may give it to them, how long they hold and what becomes of revoked ones. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal, cast
from zoneinfo import ZoneInfo

from chalicelib.kernel.errors import Conflict, Forbidden, Invalid
from chalicelib.kernel.principals import STORAGE_ROLES, Actor

Scope = Literal[
    "inventory:read", "inventory:write", "catalogue:write", "events:read", "webhooks:write", "voice", "storage"
]
"""Every scope there is; an endpoint names the one it wants (``allow=KEY("inventory:read")``)."""
StorageRole = Literal["User", "Admin", "Super Admin"]
DEFAULT_SCOPES: tuple[Scope, ...] = ("inventory:read", "catalogue:write")
"""Of a key that is made without naming any: what the integration API of the catalogue wants."""

Reason = Literal["rotated", "unused", "compromised", "other"]
Verdict = Literal["unknown", "revoked", "expired"]
LAST_DAY = date(2999, 12, 31)


class KeyCompromised(Conflict):
    """The key was revoked because somebody else knows it. That does not pass: make another one."""

    code = "key_compromised"
    sentence = "This key was compromised and stays revoked; create another one"


def storage_role_given(actor: Actor, scopes: Sequence[Scope], wanted: StorageRole | None) -> StorageRole | None:
    """The role that a key has on the storage surface: what is wanted, the lowest where nothing is.

    Nobody gives what they do not have: an administrator of the shop may give every scope but this one, which takes a role on
    the storage surface, and the key's is no higher. Raises Forbidden, Invalid for a role without the scope.
    """
    if "storage" not in scopes:
        if wanted is not None:
            raise Invalid.field("storage_role", message="A storage role needs the scope storage")
        return None
    role = wanted or cast(StorageRole, STORAGE_ROLES[0])
    if actor.storage_role is None or STORAGE_ROLES.index(role) > STORAGE_ROLES.index(actor.storage_role):
        raise Forbidden("You cannot give a storage role that is higher than your own")
    return role


def holds_until(last_day: date | None, time_zone: str, now: datetime) -> datetime | None:
    """When a key ends that holds to the end of a day, as the organization's clocks show it. Raises Invalid."""
    if last_day is None:
        return None
    zone = ZoneInfo(time_zone)
    if not now.astimezone(zone).date() <= last_day <= LAST_DAY:
        raise Invalid.field("expires_at", message=f"The last day should be between today and {LAST_DAY}")
    return datetime.combine(last_day + timedelta(days=1), time(), zone)


def last_day_of(expires_at: datetime | None, time_zone: str) -> date | None:
    """The last day on which a key holds, the way back from `holds_until`."""
    if expires_at is None:
        return None
    return (expires_at - timedelta(microseconds=1)).astimezone(ZoneInfo(time_zone)).date()


def reason_now(known: Reason | None, given: Reason) -> Reason:
    """Why a key is revoked when somebody revokes it, perhaps again: the first reason, unless it turns out compromised."""
    return "compromised" if given == "compromised" else known or given


def check_activation(reason: Reason | None) -> None:
    """Raises KeyCompromised."""
    if reason == "compromised":
        raise KeyCompromised


def verdict(*, revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> Verdict | None:
    """Why a known key may not be used; None: it may."""
    if revoked_at is not None:
        return "revoked"
    return "expired" if expires_at is not None and expires_at <= now else None
