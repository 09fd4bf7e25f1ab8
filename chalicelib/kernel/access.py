"""Who may call an endpoint. Every declaration names one of these; there is no default.

An `Access` says which credentials are read, and a check on the actor that the database returned for them. The label is
what the route table, OpenAPI and the authorization matrix show.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib.kernel import ids, tokens
from chalicelib.kernel.errors import Forbidden, Unauthenticated
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.requests import HttpRequest
from chalicelib.kernel.settings import settings
from chalicelib.kernel.store import ENTER_KEY, ENTER_SESSION
from chalicelib.kernel.uow import Entrance, by_host

SESSION_COOKIE = "qm_session"
STAFF_COOKIE = "qm_staff"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class PasswordChangeRequired(Forbidden):
    """The user must choose a password of their own before anything else."""

    code = "password_change_required"
    sentence = "password_change_required"


def _anyone(_actor: Actor) -> None:
    return None


@dataclass(frozen=True)
class Access:
    """One row of the authorization table."""

    label: str
    audiences: frozenset[str] = frozenset()
    """Audiences of bearer tokens that are accepted."""
    cookies: tuple[tuple[str, str], ...] = ()
    """(cookie, audience) pairs that are accepted."""
    api_key: bool = False
    """X-API-Key, or an API key as bearer."""
    is_public: bool = False
    """A request without credentials is served, as nobody; a credential that does not hold counts as none."""
    signed_by: str | None = None
    """The webhook source whose signature stands for a credential; the handler verifies it."""
    check: Callable[[Actor], None] = _anyone

    def entrance(self, request: HttpRequest) -> Entrance:
        """How the unit of work enters for this request. Raises Unauthenticated, Forbidden (cross-site)."""
        for find in (self._by_bearer, self._by_key, self._by_cookie):
            entrance = find(request)
            if entrance is not None:
                return entrance
        if self.is_public or self.signed_by:
            return by_host(request.host)
        raise Unauthenticated

    def _by_bearer(self, request: HttpRequest) -> Entrance | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        value = value.strip()
        if not value or scheme.lower() != "bearer" or not (self.audiences or self.api_key):
            return None
        if self.api_key and ids.is_api_key(value):
            return _key_entrance(value)
        return self._by_token(value, self.audiences)

    def _by_key(self, request: HttpRequest) -> Entrance | None:
        value = request.headers.get("x-api-key", "").strip()
        return _key_entrance(value) if value and self.api_key else None

    def _by_cookie(self, request: HttpRequest) -> Entrance | None:
        for cookie, audience in self.cookies:
            value = request.cookie(cookie)
            if value:
                entrance = self._by_token(value, frozenset({audience}))
                if entrance is not None:
                    check_origin(request)
                    return entrance
        return None

    def _by_token(self, value: str, audiences: frozenset[str]) -> Entrance | None:
        try:
            claims = tokens.read(value, audiences)
        except tokens.BadToken:
            if self.is_public:
                return None
            raise Unauthenticated(self.expired_sentence) from None
        return Entrance(
            ENTER_SESSION,
            {
                "session_id": claims.session_id,
                "kind": claims.kind,
                "principal_id": claims.principal_id,
                "issued_at": claims.issued_at,
            },
        )

    @property
    def expired_sentence(self) -> str:
        """What a caller with a bad or old token reads; warehouse clients look for these words."""
        return "Token expired" if "wms" in self.audiences else "Unauthorized"


def check_origin(request: HttpRequest) -> None:
    """Cross-site request forgery: a write with a cookie must come from one of our own pages.

    Browsers send Origin with every cross-site write; programs without a browser send none and have no cookie of
    somebody else's to ride on. Raises Forbidden.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            return
        raise Forbidden("Cross-site request refused")
    if origin.lower() not in allowed_origins():
        raise Forbidden("Cross-site request refused")


def allowed_origins() -> frozenset[str]:
    """Origins of our own pages and of the configured front ends."""
    public = urlsplit(settings().public_url)
    return frozenset({f"{public.scheme}://{public.netloc}", *settings().allowed_origins.split()})


def _key_entrance(value: str) -> Entrance:
    return Entrance(ENTER_KEY, {"key_hashes": ids.keyed_hashes("api_key", value)})


# Who there is.

PUBLIC = Access("public", is_public=True)
SHOPPER = Access("public, or customer", is_public=True, cookies=((SESSION_COOKIE, "shop"),))
"""Anybody; a signed-in customer is recognised."""


def _customer(actor: Actor) -> None:
    if actor.kind != "customer":
        raise Unauthenticated


CUSTOMER = Access("customer", cookies=((SESSION_COOKIE, "shop"),), check=_customer)


def _own_password(actor: Actor) -> None:
    if actor.must_change_password:
        raise PasswordChangeRequired


def _warehouse_user(actor: Actor) -> None:
    if actor.wms_role is None:
        raise Unauthenticated
    _own_password(actor)


def FLOOR(function: str) -> Access:  # noqa: N802  # reads as the constant it stands for: allow=FLOOR("pick")
    """Warehouse users who have one of the functions pick, pack, ship, receive, putaway, count, transfer; ADMIN has all."""

    def check(actor: Actor) -> None:
        _warehouse_user(actor)
        if actor.wms_role != "ADMIN" and function not in actor.functions:
            raise Forbidden(f"Function not allowed: {function}")

    return Access(f"warehouse user: {function}", audiences=frozenset({"wms"}), check=check)


WMS_USER = Access("warehouse user", audiences=frozenset({"wms"}), check=_warehouse_user)
WMS_ANY = Access("warehouse user, even before the password change", audiences=frozenset({"wms"}))


def _wms_admin(actor: Actor) -> None:
    _warehouse_user(actor)
    if actor.wms_role != "ADMIN":
        raise Forbidden("Admin access required")


WMS_ADMIN = Access("warehouse ADMIN", audiences=frozenset({"wms"}), check=_wms_admin)


def STAFF(*roles: str) -> Access:  # noqa: N802  # see FLOOR
    """Commerce staff; with roles, only those (admin, manager, sales_rep, staff)."""

    def check(actor: Actor) -> None:
        if actor.commerce_role is None:
            raise Unauthenticated
        _own_password(actor)
        if roles and actor.commerce_role not in roles:
            raise Forbidden("Insufficient permissions")

    label = f"staff: {', '.join(roles)}" if roles else "staff"
    return Access(label, audiences=frozenset({"commerce"}), cookies=((STAFF_COOKIE, "commerce"),), check=check)


def _commerce_staff(actor: Actor) -> None:
    if actor.commerce_role is None:
        raise Unauthenticated


STAFF_ANY = Access(
    "staff, even before the password change",
    audiences=frozenset({"commerce"}),
    cookies=((STAFF_COOKIE, "commerce"),),
    check=_commerce_staff,
)
STAFF_OR_NOBODY = Access(
    "public, or staff", is_public=True, audiences=frozenset({"commerce"}), cookies=((STAFF_COOKIE, "commerce"),)
)
"""Anybody; a signed-in member of staff is recognised."""


def _has_password(actor: Actor) -> None:
    if actor.kind not in ("staff", "customer"):
        raise Unauthenticated


OWN_PASSWORD = Access(
    "warehouse user or staff by bearer token, or customer by session",
    audiences=frozenset({"wms", "commerce"}),
    cookies=((SESSION_COOKIE, "shop"),),
    check=_has_password,
)
"""Whoever has a password of their own; the bearer token counts where both come (collisions.md, 1.1)."""


def KEY(scope: str) -> Access:  # noqa: N802  # see FLOOR
    """API keys with a scope: inventory:read, inventory:write, catalogue:write, voice, storage."""

    def check(actor: Actor) -> None:
        if actor.kind != "api_key":
            raise Unauthenticated
        if scope not in actor.scopes:
            raise Forbidden(f"This API key lacks the scope {scope}")

    return Access(f"api key: {scope}", api_key=True, check=check)


STORAGE_ROLES = ("User", "Admin", "Super Admin")
"""Ascending; the contract names the first and the last."""


def STORAGE(role: str = "User") -> Access:  # noqa: N802  # see FLOOR
    """Users of the storage app from a role upwards, and API keys with the scope storage."""
    least = STORAGE_ROLES.index(role)

    def check(actor: Actor) -> None:
        if actor.kind == "api_key" and "storage" in actor.scopes:
            held = STORAGE_ROLES.index(actor.storage_role or "User")
        elif actor.storage_role in STORAGE_ROLES:
            held = STORAGE_ROLES.index(actor.storage_role)
        else:
            raise Forbidden("Not authorized for the storage")
        if held < least:
            raise Forbidden("Insufficient role")

    return Access(f"storage {role}, or api key: storage", audiences=frozenset({"storage"}), api_key=True, check=check)


def SIGNED_BY(source: str) -> Access:  # noqa: N802  # see FLOOR
    """A provider's webhook: the signature over the raw body is the credential (kernel/webhooks.py)."""
    return Access(f"signed by {source}", signed_by=source)
