"""Names, functions and doors: what may sign in where. Pure."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.identity.store import StaffAccount
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.tokens import Audience

FUNCTIONS = ("receive", "putaway", "pick", "pack", "ship", "count", "transfer")
"""What a warehouse user may be allowed to do on a scanner, in the contract's order."""
SESSION_LASTS = timedelta(hours=8)
SESSION_LASTS_MAX = timedelta(days=30)
"""A session that is renewed again and again ends after this."""
ACCESS_LASTS = timedelta(minutes=15)
"""Storage: how long an access token holds; its session lives as long as its refresh tokens."""


@dataclass(frozen=True)
class Door:
    """A surface at which staff sign in: what the token is for, how long the session lasts, which role it takes."""

    audience: Audience
    lasts: timedelta
    role: str

    def admits(self, account: StaffAccount) -> bool:
        """Whether this member of staff has business here."""
        return account.is_active and getattr(account, self.role) is not None


WMS = Door("wms", SESSION_LASTS, "wms_role")
COMMERCE = Door("commerce", SESSION_LASTS, "commerce_role")
STORAGE = Door("storage", SESSION_LASTS_MAX, "storage_role")


def canonical_name(text: str) -> str:
    """A user name as it is kept and looked up: NFKC, without outer blanks.

    The database compares names by lower(), which folds ASCII everywhere but other letters only under some collations:
    a name with such letters is kept folded.
    """
    name = unicodedata.normalize("NFKC", text).strip()
    return name if name.isascii() else unicodedata.normalize("NFKC", name.casefold())


def check_username(username: str, email: str | None, field: str = "username") -> None:
    """Raises Invalid for an empty name, and for one in the form of somebody else's e-mail address."""
    if not username:
        raise Invalid.field(field, message="User name should not be empty")
    if "@" in username and username.casefold() != (email or "").casefold():
        message = "A user name with @ must be the account's own e-mail address"
        raise Invalid.field(field, message=message)


def allowed_functions(role: str | None, functions: Iterable[str], *, packs: bool) -> list[str]:
    """The functions a scanner shows: all of them for ADMIN; none for packing where nothing is packed."""
    held = set(FUNCTIONS) if role == "ADMIN" else set(functions)
    return [name for name in FUNCTIONS if name in held and (packs or name != "pack")]
