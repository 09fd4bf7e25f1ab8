"""Use cases of identity: signing in, staying signed in, changing the password, making accounts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from chalicelib.identity import passwords, refresh, rules, sessions, store
from chalicelib.identity.keys.rules import StorageRole
from chalicelib.identity.rules import Door
from chalicelib.identity.sessions import InvalidCredentials, Session
from chalicelib.identity.store import StaffAccount
from chalicelib.kernel.access import PasswordChangeRequired
from chalicelib.kernel.errors import Conflict, Forbidden, Unauthenticated
from chalicelib.kernel.uow import UnitOfWork

WmsRole = Literal["ADMIN", "USER"]
CommerceRole = Literal["admin", "manager", "sales_rep", "staff"]


class StaffExists(Conflict):
    """There is a member of staff with this user name or e-mail address."""

    code = "staff_exists"
    sentence = "User name or e-mail address is taken"


class RefreshRefused(Unauthenticated):
    """Not a refresh token of ours, expired, used before, or of a session that was ended."""

    code = "refresh_refused"
    sentence = "Refresh token is not valid"


class WrongPassword(Forbidden):
    """The current password, asked for again before it is changed, is another."""

    code = "wrong_password"
    sentence = "Current password is incorrect"


@dataclass(frozen=True, kw_only=True)
class NewStaff:
    """A member of staff to be made; each role opens one surface."""

    username: str
    password: str
    email: str | None = None
    first_name: str = ""
    last_name: str = ""
    commerce_role: CommerceRole | None = None
    wms_role: WmsRole | None = None
    storage_role: StorageRole | None = None
    functions: Sequence[str] = ()
    warehouse_ids: Sequence[int] = ()
    warehouse_id: int | None = None
    must_change_password: bool = False
    is_active: bool = True


@dataclass(frozen=True)
class TokenPair:
    """What a storage client holds: a short token to call with, a long one to get the next."""

    access: str
    refresh: str


def sign_in(uow: UnitOfWork, door: Door, *, name: str, password: str, address: str) -> tuple[StaffAccount, Session]:
    """Signs a member of staff in, by user name or e-mail address. Raises InvalidCredentials, Locked, Unavailable."""
    canonical = rules.canonical_name(name)
    found = store.find_staff(uow, canonical)
    admitted = found if found is not None and door.admits(found) else None
    sessions.check_password(
        uow,
        surface="staff",
        account_id=None if found is None else found.id,
        name=canonical,
        address=address,
        password=password,
        password_hash=None if admitted is None else admitted.password_hash,
    )
    assert admitted is not None
    session = sessions.open_session(
        uow,
        "staff",
        admitted.id,
        door.audience,
        door.lasts,
        password_hash=_current_hash(uow, admitted, password),
        token_lasts=rules.ACCESS_LASTS if door is rules.STORAGE else None,
    )
    return admitted, session


def _current_hash(uow: UnitOfWork, account: StaffAccount, password: str) -> str:
    """The account's hash, made anew when the parameters of hashing have changed since."""
    if not passwords.is_outdated(account.password_hash):
        return account.password_hash
    new_hash = passwords.hash_password(password)
    store.rehash_staff(uow, account.id, old_hash=account.password_hash, new_hash=new_hash)
    return new_hash


def sign_in_to_storage(uow: UnitOfWork, *, email: str, password: str, address: str) -> TokenPair:
    """As `sign_in`, with a refresh token. Raises PasswordChangeRequired: this surface has no place to change it."""
    account, session = sign_in(uow, rules.STORAGE, name=email, password=password, address=address)
    if account.must_change_password:
        raise PasswordChangeRequired
    return TokenPair(session.token, refresh.start(session.id))


def refresh_storage_tokens(uow: UnitOfWork, text: str) -> TokenPair | None:
    """The next pair of tokens; the refresh token is used up. Raises Unauthenticated.

    None for a token that was used before: its session is ended, which the caller commits before it refuses.
    """
    used = refresh.parse(text)
    staff_id = None if used is None else store.find_refreshable(uow, used.session_id)
    if used is None or staff_id is None:
        raise RefreshRefused
    rotated = refresh.rotate(used)
    if rotated.kind == "unknown":
        raise RefreshRefused
    if rotated.kind == "reused":
        store.revoke_session(uow, used.session_id)
        return None
    expires_at = uow.now + rules.ACCESS_LASTS
    access = sessions.issue_token(uow, "staff", staff_id, "storage", used.session_id, expires_at)
    return TokenPair(access, rotated.text)


def profile(uow: UnitOfWork) -> StaffAccount:
    """The signed-in member of staff. Raises Unauthenticated when there is none any more."""
    account = store.find_staff_by_id(uow, uow.actor.id) if uow.actor.kind == "staff" else None
    if account is None:
        raise Unauthenticated
    return account


def change_own_password(uow: UnitOfWork, *, current: str, new: str, address: str) -> None:
    """The signed-in member of staff chooses another password; all sessions end, the caller's own included.

    Raises WeakPassword, WrongPassword, Locked after five wrong ones, Conflict when it was changed meanwhile.
    """
    account = profile(uow)
    check_change(
        uow,
        kind="staff",
        names=(account.username, account.email),
        password_hash=account.password_hash,
        current=current,
        new=new,
        address=address,
    )
    new_hash = passwords.hash_password(new)
    if not store.change_staff_password(uow, account.id, old_hash=account.password_hash, new_hash=new_hash):
        raise Conflict("The password was changed meanwhile")
    sessions.end_other_sessions(uow, "staff", account.id, kept_id=None)
    uow.audit("change_password", "staff", account.id)


def check_change(
    uow: UnitOfWork,
    *,
    kind: sessions.PrincipalKind,
    names: Sequence[str | None],
    password_hash: str,
    current: str,
    new: str,
    address: str,
) -> None:
    """Whether the caller may replace their password by this one. Raises WeakPassword, WrongPassword, Locked."""
    passwords.check_strength(new, names=names, is_staff=kind == "staff")
    if new == current:
        raise passwords.WeakPassword("The new password must differ from the current one")
    try:
        sessions.check_password(
            uow,
            surface=f"change-{kind}",
            account_id=uow.actor.id,
            name=uow.actor.name,
            address=address,
            password=current,
            password_hash=password_hash,
        )
    except InvalidCredentials:
        raise WrongPassword from None


def create_staff(uow: UnitOfWork, new: NewStaff) -> int:
    """Makes a member of staff; the id. The password is taken as given: who chose it checks it.

    Raises StaffExists, Invalid for a user name that cannot be.
    """
    username = rules.canonical_name(new.username)
    rules.check_username(username, new.email)
    fields = {**asdict(new), "username": username, "password_hash": passwords.hash_password(new.password)}
    fields |= {"functions": list(new.functions), "warehouse_ids": list(new.warehouse_ids)}
    staff_id = store.create_staff(uow, fields)
    if staff_id is None:
        raise StaffExists
    roles = {"commerce": new.commerce_role, "wms": new.wms_role, "storage": new.storage_role}
    uow.audit("create", "staff", staff_id, after={"username": username, "roles": roles})
    return staff_id
