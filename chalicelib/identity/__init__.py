"""Identity: staff, sessions, API keys, passwords. This is its front door.

    token = identity.open_session(uow, "staff", staff_id, "wms", identity.SESSION_LASTS).token
    staff_id = identity.create_staff(uow, identity.NewStaff(username="picker", password=..., wms_role="USER", ...))
    key = identity.create_api_key(uow, "Integrator", ["inventory:read", "inventory:write"])
    with owner_connection.transaction():
        identity.bootstrap_organization(owner_connection, name=..., username=..., password=...)

Loaded piece by piece: a request that only opens a session does not pay for what makes organizations.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.identity.bootstrap import Bootstrapped, bootstrap_organization
    from chalicelib.identity.keys.rules import Scope, StorageRole
    from chalicelib.identity.keys.service import create_api_key, write_down_uses
    from chalicelib.identity.passwords import (
        UNUSABLE,
        WeakPassword,
        check_strength,
        hash_password,
        is_outdated,
    )
    from chalicelib.identity.rules import SESSION_LASTS, canonical_name, check_username
    from chalicelib.identity.service import (
        CommerceRole,
        NewStaff,
        StaffExists,
        WmsRole,
        WrongPassword,
        change_own_password,
        check_change,
        create_staff,
    )
    from chalicelib.identity.sessions import (
        InvalidCredentials,
        Session,
        check_password,
        close_session,
        end_other_sessions,
        open_session,
        purge_sessions,
    )

_PLACES = {
    "bootstrap": ("Bootstrapped", "bootstrap_organization"),
    "keys.rules": ("Scope", "StorageRole"),
    "keys.service": ("create_api_key", "write_down_uses"),
    "passwords": ("UNUSABLE", "WeakPassword", "check_strength", "hash_password", "is_outdated"),
    "rules": ("SESSION_LASTS", "canonical_name", "check_username"),
    "service": (
        "CommerceRole",
        "NewStaff",
        "StaffExists",
        "WmsRole",
        "WrongPassword",
        "change_own_password",
        "check_change",
        "create_staff",
    ),
    "sessions": (
        "InvalidCredentials",
        "Session",
        "check_password",
        "close_session",
        "end_other_sessions",
        "open_session",
        "purge_sessions",
    ),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


__all__ = [
    "SESSION_LASTS",
    "UNUSABLE",
    "Bootstrapped",
    "CommerceRole",
    "InvalidCredentials",
    "NewStaff",
    "Scope",
    "Session",
    "StaffExists",
    "StorageRole",
    "WeakPassword",
    "WmsRole",
    "WrongPassword",
    "bootstrap_organization",
    "canonical_name",
    "change_own_password",
    "check_change",
    "check_password",
    "check_strength",
    "check_username",
    "close_session",
    "create_api_key",
    "create_staff",
    "end_other_sessions",
    "hash_password",
    "is_outdated",
    "open_session",
    "purge_sessions",
    "write_down_uses",
]
