"""Sessions: one row per sign-in, the tokens that name it, and the throttled look at a password before it.

Used by every surface and by customers; `Session` is what a caller gets, never what is stored.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.identity import passwords, store
from chalicelib.identity.rules import SESSION_LASTS_MAX
from chalicelib.kernel import ids, tokens
from chalicelib.kernel.errors import Unauthenticated
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.throttle import Lockout
from chalicelib.kernel.tokens import Audience
from chalicelib.kernel.uow import UnitOfWork

PrincipalKind = Literal["staff", "customer"]
ENDED_KEPT_FOR = timedelta(days=30)
PURGE_BATCH = 5000


class InvalidCredentials(Unauthenticated):
    """Wrong name, wrong password, inactive, or no business here: which of them is not said."""

    code = "invalid_credentials"
    sentence = "Invalid username or password"


@dataclass(frozen=True)
class Session:
    """An open session and the token that proves it."""

    id: str
    token: str
    expires_at: datetime


def open_session(
    uow: UnitOfWork,
    kind: PrincipalKind,
    principal_id: int,
    audience: Audience,
    lasts: timedelta,
    *,
    password_hash: str | None = None,
    token_lasts: timedelta | None = None,
) -> Session:
    """Opens a session in one statement. `token_lasts` where the first token ends before the session.

    With `password_hash` only if that is still the password's hash. Raises InvalidCredentials when the principal is gone,
    inactive, or changed the password meanwhile.
    """
    session_id = str(ids.uuid7(int(uow.now.timestamp() * 1000)))
    expires_at = uow.now + lasts
    fields = {
        "id": session_id,
        "kind": kind,
        "principal_id": principal_id,
        "audience": audience,
        "expires_at": expires_at,
        "password_hash": password_hash,
    }
    if not store.open_session(uow, fields):
        raise InvalidCredentials
    token = issue_token(uow, kind, principal_id, audience, session_id, uow.now + (token_lasts or lasts))
    return Session(session_id, token, expires_at)


def issue_token(
    uow: UnitOfWork,
    kind: PrincipalKind,
    principal_id: int,
    audience: Audience,
    session_id: str,
    expires_at: datetime,
) -> str:
    """A token of an open session."""
    return tokens.issue(
        audience=audience,
        kind=kind,
        principal_id=principal_id,
        organization_id=uow.organization.id,
        session_id=session_id,
        issued_at=uow.now,
        expires_at=expires_at,
    )


def renew(uow: UnitOfWork, actor: Actor, audience: Audience, lasts: timedelta) -> str:
    """A later token for the caller's own session, which lives on with it, 30 days at most. Raises Unauthenticated."""
    assert actor.session_id is not None
    fields = {"id": actor.session_id, "expires_at": uow.now + lasts, "lasts_max": SESSION_LASTS_MAX}
    expires_at = store.prolong_session(uow, fields)
    if expires_at is None:
        raise Unauthenticated
    return issue_token(uow, "staff", actor.id, audience, actor.session_id, expires_at)


def close_session(uow: UnitOfWork, actor: Actor) -> None:
    """Signs the caller out: every token of the session is refused from now on. May be repeated."""
    if actor.session_id is not None:
        store.revoke_session(uow, actor.session_id)


def end_other_sessions(uow: UnitOfWork, kind: PrincipalKind, principal_id: int, *, kept_id: str | None) -> None:
    """To be called after the password was changed at `uow.now`: ends every session but the one to keep."""
    store.end_other_sessions(uow, kind, principal_id, kept_id)


def check_password(
    uow: UnitOfWork,
    *,
    surface: str,
    account_id: int | None,
    name: str,
    address: str,
    password: str,
    password_hash: str | None,
) -> None:
    """Looks at a password, at most five wrong times per account and per address in 15 minutes.

    Counted per organization and surface; by the account, under whichever of its names, else by the name that nobody
    has. `password_hash` None stands for an account that may not sign in; it takes as long. Holds no lock of the
    database. Raises InvalidCredentials, Locked, Unavailable.
    """
    account = f"name/{name}" if account_id is None else f"id/{account_id}"
    lockout = Lockout(f"{surface}/{uow.organization.id}", account, address)
    lockout.attempt()
    if passwords.matches(password_hash, password):
        lockout.succeeded()
        return
    lockout.failed()
    tries = "1 attempt" if lockout.tries_left == 1 else f"{lockout.tries_left} attempts"
    raise InvalidCredentials(f"{InvalidCredentials.sentence} ({tries} remaining)")


def purge_sessions(uow: UnitOfWork) -> int:
    """Removes up to `PURGE_BATCH` sessions that ended more than `ENDED_KEPT_FOR` ago; how many. May be repeated."""
    return store.purge_sessions(uow, uow.now - ENDED_KEPT_FOR, PURGE_BATCH)
