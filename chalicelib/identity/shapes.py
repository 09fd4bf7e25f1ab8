"""Requests and replies of signing in, on the three surfaces that staff use."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from chalicelib.identity import rules
from chalicelib.identity.service import TokenPair
from chalicelib.identity.store import StaffAccount
from chalicelib.kernel.principals import Actor, Organization
from chalicelib.kernel.shapes import JsonObject, Shape, at_most
from chalicelib.places import floor_settings

LoginName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), at_most(255)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
"""A password as it comes in; what a new one must be like, identity/passwords.py says."""


class Login(Shape):
    """A user name (or the e-mail address of the account) and its password."""

    username: LoginName
    password: Secret


class WarehouseUser(Shape):
    """The signed-in user of a scanner or of the admin panel."""

    user_id: int
    username: str
    full_name: str
    role: str
    warehouse_id: int | None
    warehouse_ids: list[int]
    allowed_functions: list[str]
    is_active: bool
    must_change_password: bool
    require_packing: bool

    @classmethod
    def of(cls, account: StaffAccount, organization: Organization) -> "WarehouseUser":
        """The account as this organization's scanners see it."""
        packs = floor_settings(organization.settings).require_packing_before_shipping
        return cls(
            user_id=account.id,
            username=account.username,
            full_name=account.full_name,
            role=account.wms_role or "",
            warehouse_id=account.warehouse_id,
            warehouse_ids=list(account.warehouse_ids),
            allowed_functions=rules.allowed_functions(account.wms_role, account.functions, packs=packs),
            is_active=account.is_active,
            must_change_password=account.must_change_password,
            require_packing=packs,
        )


class WarehouseSignedIn(Shape):
    """The token for the Authorization header, good for 8 hours, and whose it is."""

    token: str
    user: WarehouseUser


class Token(Shape):
    """A token for the Authorization header."""

    token: str


class StaffMember(Shape):
    """A member of the commerce staff."""

    id: int
    username: str
    email: str | None
    first_name: str
    last_name: str
    role: str
    must_change_password: bool

    @classmethod
    def of(cls, account: StaffAccount) -> "StaffMember":
        """The account as the staff portal sees it."""
        return cls(
            id=account.id,
            username=account.username,
            email=account.email,
            first_name=account.first_name,
            last_name=account.last_name,
            role=account.commerce_role or "",
            must_change_password=account.must_change_password,
        )


class StaffSignedIn(Shape):
    """The token for other domains; the same session is in a cookie for this one."""

    success: Literal[True] = True
    staff: StaffMember
    token: str


class StaffProfile(Shape):
    """Who is signed in."""

    staff: StaffMember


class Success(Shape):
    """Done."""

    success: Literal[True] = True


class StorageLogin(Shape):
    """An e-mail address and its password; `locale` is the language of the app."""

    email: LoginName
    password: Secret
    locale: Literal["en"] | None = "en"


class RefreshRequest(Shape):
    """The newest refresh token of a session."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=255)]


class TokenReply(Shape):
    """An access token for 15 minutes and the refresh token to be used next, once."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # the name of a scheme (RFC 6750)

    @classmethod
    def of(cls, pair: TokenPair) -> "TokenReply":
        """The pair on the wire."""
        return cls(access_token=pair.access, refresh_token=pair.refresh)


class StorageUser(Shape):
    """Whose request it is: a user of the storage app, or an API key under its name."""

    id: int
    email: str | None
    username: str
    role: str

    @classmethod
    def of(cls, actor: Actor, email: str | None) -> "StorageUser":
        """The caller; an API key without a role acts as User."""
        return cls(id=actor.id, email=email, username=actor.name, role=actor.storage_role or "User")


class Authenticated(Shape):
    """The caller, and the organization's settings of the storage app."""

    user: StorageUser
    settings: JsonObject


class PasswordPolicy(Shape):
    """What a new password of a member of staff must be like, besides not being a common one."""

    min_length: int
    max_length: int
    require_letter: bool
    require_digit: bool
    require_lowercase: bool
    require_uppercase: bool
    require_special: bool
    special_characters: str
    special_characters_pattern: str
