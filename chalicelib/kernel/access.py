"""Who may call an endpoint. Every declaration names one of these; there is no default.

An `Access` is data: which credentials are read, and which permits the actor must hold whom the database returned for them
(`Actor.permits`). The kernel decides by it, OpenAPI shows it, and the authorization matrix (tests/matrix) reads from it what
every kind of caller is to be answered. The label is what the route table shows.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib.kernel import ids, tokens
from chalicelib.kernel.cookies import SESSION_COOKIE, STAFF_COOKIE, wire_name
from chalicelib.kernel.errors import Forbidden, Unauthenticated
from chalicelib.kernel.principals import STORAGE_ROLES, Actor
from chalicelib.kernel.requests import HttpRequest
from chalicelib.kernel.settings import settings
from chalicelib.kernel.store import ENTER_KEY, ENTER_SESSION
from chalicelib.kernel.uow import Entrance, by_host

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class PasswordChangeRequired(Forbidden):
    """The user must choose a password of their own before anything else."""

    code = "password_change_required"
    sentence = "password_change_required"


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
    known: frozenset[str] = frozenset()
    """Permits of which a caller holds one to be somebody here; others are nobody, 401. Empty: any credential that is read."""
    permits: frozenset[str] = frozenset()
    """Permits of which a caller needs one; others may not, 403. Empty: who is known may."""
    lacking: str = Forbidden.sentence
    """What a caller without a permit reads."""
    is_for_our_pages: bool = False
    """Whether a browser must come from one of our own pages: it gets a cookie here, which another site could plant."""
    is_for_new_passwords: bool = False
    """Whether users may call who must choose a password of their own before anything else."""

    def check(self, actor: Actor) -> None:
        """Raises Unauthenticated, PasswordChangeRequired, Forbidden."""
        if self.known and not self.known & actor.permits:
            raise Unauthenticated
        if actor.must_change_password and not self.is_for_new_passwords:
            raise PasswordChangeRequired
        if self.permits and not self.permits & actor.permits:
            raise Forbidden(self.lacking)

    def entrance(self, request: HttpRequest) -> Entrance:
        """How the unit of work enters for this request. Raises Unauthenticated, CrossSite."""
        if self.is_for_our_pages:
            check_origin(request)
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
            value = request.cookie(wire_name(cookie))
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
            claims.organization_id,
        )

    @property
    def expired_sentence(self) -> str:
        """What a caller with a bad or old token reads; warehouse clients look for these words."""
        return "Token expired" if "wms" in self.audiences else "Unauthorized"


class CrossSite(Forbidden):
    """A browser sent this from a page that is not ours."""

    sentence = "Cross-site request refused"


def check_origin(request: HttpRequest) -> None:
    """Cross-site request forgery: a write with a cookie must come from one of our own pages.

    Browsers send Origin with every cross-site write; programs without a browser send none and have no cookie of
    somebody else's to ride on. Raises CrossSite.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            return
        raise CrossSite
    if origin.lower() not in allowed_origins():
        raise CrossSite


def allowed_origins() -> frozenset[str]:
    """Origins of our own pages and of the configured front ends."""
    public = urlsplit(settings().public_url)
    return frozenset({f"{public.scheme}://{public.netloc}", *settings().allowed_origins.split()})


def _key_entrance(value: str) -> Entrance:
    return Entrance(ENTER_KEY, {"key_hashes": ids.keyed_hashes("api_key", value)})


# Who there is.

_STAFF_COOKIES = ((STAFF_COOKIE, "commerce"),)
_SHOP_COOKIES = ((SESSION_COOKIE, "shop"),)
_WMS = frozenset({"wms"})
_COMMERCE = frozenset({"commerce"})

PUBLIC = Access("public", is_public=True)
SIGN_IN = Access("public", is_public=True, is_for_our_pages=True)
"""Anybody who wants a session cookie."""
SHOPPER = Access("public, or customer", is_public=True, cookies=_SHOP_COOKIES)
"""Anybody; a signed-in customer is recognised."""
CUSTOMER = Access("customer", cookies=_SHOP_COOKIES, known=frozenset({"customer"}))


def FLOOR(function: str) -> Access:  # noqa: N802  # reads as the constant it stands for: allow=FLOOR("pick")
    """Warehouse users who have one of the functions pick, pack, ship, receive, putaway, count, transfer; ADMIN has all."""
    return Access(
        f"warehouse user: {function}",
        audiences=_WMS,
        known=_WMS,
        permits=frozenset({f"wms:{function}", "wms:ADMIN"}),
        lacking=f"Function not allowed: {function}",
    )


WMS_USER = Access("warehouse user", audiences=_WMS, known=_WMS)
WMS_ANY = Access(
    "warehouse user, even before the password change", audiences=_WMS, known=_WMS, is_for_new_passwords=True
)
WMS_ADMIN = Access(
    "warehouse ADMIN",
    audiences=_WMS,
    known=_WMS,
    permits=frozenset({"wms:ADMIN"}),
    lacking="Admin access required",
)


def STAFF(*roles: str) -> Access:  # noqa: N802  # see FLOOR
    """Commerce staff; with roles, only those (admin, manager, sales_rep, staff)."""
    return Access(
        f"staff: {', '.join(roles)}" if roles else "staff",
        audiences=_COMMERCE,
        cookies=_STAFF_COOKIES,
        known=_COMMERCE,
        permits=frozenset(f"commerce:{role}" for role in roles),
        lacking="Insufficient permissions",
    )


PAYMENT_LINKS = Access(
    "staff, customer, or api key: voice",
    audiences=_COMMERCE,
    cookies=(*_STAFF_COOKIES, *_SHOP_COOKIES),
    api_key=True,
    known=frozenset({"commerce", "customer", "api_key"}),
    permits=frozenset({"commerce", "customer", "key:voice"}),
    lacking="This API key lacks the scope voice",
)
"""Who may ask for a page on which an order can be paid: staff, the voice agent, customers for their own orders."""
KEEPER = Access(
    "staff: admin, manager; customers are known and refused",
    audiences=_COMMERCE,
    cookies=_STAFF_COOKIES + _SHOP_COOKIES,
    known=_COMMERCE | {"customer"},
    permits=frozenset({"commerce:admin", "commerce:manager"}),
    lacking="Insufficient permissions",
)
"""Who keeps the shop. The contract says session where it means this: a customer's is read, and answered with 403."""

STAFF_ANY = Access(
    "staff, even before the password change",
    audiences=_COMMERCE,
    cookies=_STAFF_COOKIES,
    known=_COMMERCE,
    is_for_new_passwords=True,
)
STAFF_OR_NOBODY = Access(
    "public, or staff", is_public=True, audiences=_COMMERCE, cookies=_STAFF_COOKIES, is_for_new_passwords=True
)
"""Anybody; a signed-in member of staff is recognised."""

OWN_PASSWORD = Access(
    "warehouse user or staff by bearer token, or customer by session",
    audiences=_WMS | _COMMERCE,
    cookies=_SHOP_COOKIES,
    known=frozenset({"staff", "customer"}),
    is_for_new_passwords=True,
)
"""Whoever has a password of their own; the bearer token counts where both come (collisions.md, 1.1)."""


def KEY(scope: str) -> Access:  # noqa: N802  # see FLOOR
    """API keys with a scope; all that there are stand in identity/keys/rules.py."""
    return Access(
        f"api key: {scope}",
        api_key=True,
        known=frozenset({"api_key"}),
        permits=frozenset({f"key:{scope}"}),
        lacking=f"This API key lacks the scope {scope}",
    )


def STORAGE(role: str = "User") -> Access:  # noqa: N802  # see FLOOR
    """Users of the storage app from a role upwards, and API keys with the scope storage."""
    enough = STORAGE_ROLES[STORAGE_ROLES.index(role) :]
    return Access(
        f"storage {role}, or api key: storage",
        audiences=frozenset({"storage"}),
        api_key=True,
        permits=frozenset(f"storage:{each}" for each in enough),
        lacking=f"Not authorized: needs the storage role {role}",
    )


def SIGNED_BY(source: str) -> Access:  # noqa: N802  # see FLOOR
    """A provider's webhook: the signature over the raw body is the credential (kernel/webhooks.py)."""
    return Access(f"signed by {source}", signed_by=source)
