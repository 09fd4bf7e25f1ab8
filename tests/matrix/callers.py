"""Every kind of caller, and what it holds, said by hand and not asked of the platform."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

import jwt

from chalicelib.identity import Scope
from chalicelib.kernel.access import SAFE_METHODS
from chalicelib.kernel.principals import STORAGE_ROLES
from chalicelib.kernel.settings import settings
from chalicelib.kernel.tokens import Audience
from chalicelib.kernel.vault import secrets
from infra.local.doubles import signing
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.signing import Source, Variant
from tests.factories.customers import make_customer
from tests.factories.identity import make_api_key, make_staff
from tests.matrix.samples import Sample
from tests.tenant import Tenant

Headers = dict[str, str]
FUNCTIONS = ("pick", "pack", "ship", "receive", "putaway", "count", "transfer")
EVIL = "https://evil.example"
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
SOURCES: tuple[Source, ...] = get_args(Source)
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Caller:
    """One kind of caller. `credential` says what it shows: a bearer token of an audience, a cookie's, a key, nothing."""

    name: str
    credential: str
    """``bearer wms``, ``cookie qm_staff commerce``, ``key``, ``nothing``; what does not hold counts as nothing."""
    wear: Callable[[Sample], Headers]
    permits: frozenset[str] = frozenset()
    owes_password: bool = False
    signs: str | None = None
    """The source whose signature it can make."""
    is_elsewhere: bool = False
    """Whether its page is another site's."""
    is_foreign: bool = False
    """Whether it belongs to another organization."""
    customer_id: int | None = None
    """Of a signed-in customer."""


class _Renewed:
    """A token or cookie, made anew for every write and after it: a write may end the session."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make, self._made, self._is_fresh = make, make(), True

    def for_request(self, request: Sample) -> str:
        is_write = request.method not in SAFE_METHODS
        if is_write or not self._is_fresh:
            self._made = self._make()
        self._is_fresh = not is_write
        return self._made


@dataclass
class Cast:
    """The callers of one pair of organizations."""

    tenant: Tenant
    other: Tenant
    found: list[Caller] = field(default_factory=list)

    def staff(
        self, name: str, audience: Audience, *permits: str, of: Tenant | None = None, way: str = "bearer", **roles: Any
    ) -> None:
        """A member of staff who signed in for an audience, anew for each request that may end the session."""
        member = make_staff(of or self.tenant, **{"wms_role": None, **roles})
        token = _Renewed(lambda: member.token(audience))

        def wear(request: Sample) -> Headers:
            shown = token.for_request(request)
            return _bearer(shown) if way == "bearer" else {"cookie": f"__Host-qm_staff={shown}"}

        self.found.append(
            Caller(
                name,
                f"bearer {audience}" if way == "bearer" else f"cookie qm_staff {audience}",
                wear,
                frozenset({"staff", *permits}),
                owes_password=roles.get("must_change_password", False),
                is_foreign=of is not None,
            )
        )

    def key(self, name: str, *scopes: Scope, permits: Iterable[str], of: Tenant | None = None, **fields: Any) -> None:
        """An API key, shown in the header of its own."""
        key = make_api_key(of or self.tenant, *scopes, **fields)
        held = frozenset({"api_key", *permits})
        self.found.append(Caller(name, "key", _always({"x-api-key": key}), held, is_foreign=of is not None))

    def customer(self, name: str, *, of: Tenant | None = None, is_elsewhere: bool = False) -> None:
        """A signed-in customer."""
        shopper = make_customer(of or self.tenant)
        cookie = _Renewed(shopper.cookie)
        page = {"origin": EVIL} if is_elsewhere else {}
        self.found.append(
            Caller(
                name,
                "cookie qm_session shop",
                lambda request: {"cookie": cookie.for_request(request), **page},
                frozenset({"customer"}),
                is_elsewhere=is_elsewhere,
                is_foreign=of is not None,
                customer_id=shopper.id,
            )
        )

    def nobody(self, name: str, wear: Callable[[Sample], Headers], **more: Any) -> None:
        """Somebody whose credential, if any, does not hold."""
        self.found.append(Caller(name, "nothing", wear, **more))


def callers(tenant: Tenant, other: Tenant) -> list[Caller]:
    """Everybody. Members of the other organization call at this one's host."""
    cast = Cast(tenant, other)
    for add in (_nobodies, _leavers, _shoppers, _office, _floor, _storage, _keys, _foreigners, _webhooks):
        add(cast)
    return cast.found


def _nobodies(cast: Cast) -> None:
    everything, shopper = make_staff(cast.tenant), make_customer(cast.tenant).cookie
    worn: dict[str, Headers] = {
        "anonymous": {},
        "noise as bearer": _bearer("a.b.c"),
        "noise as cookies": {"cookie": "__Host-qm_session=a.b.c; __Host-qm_staff=a.b.c"},
        "basic credentials": {"authorization": "Basic YTpi"},
        "unknown key": {"x-api-key": "qmk_unknown"},
        "unknown key as bearer": _bearer("qmk_unknown"),
        "customer's ended session": {"cookie": f"__Host-qm_session={_ended(cast.tenant, _value(shopper()))}"},
        "customer's cookie as bearer": _bearer(_value(shopper())),
        "customer's cookie as staff's": {"cookie": f"__Host-qm_staff={_value(shopper())}"},
        "staff's token as customer's cookie": {"cookie": f"__Host-qm_session={everything.token('commerce')}"},
    }
    for audience in AUDIENCES:
        token = everything.token(audience)
        worn |= {
            f"unsigned token, {audience}": _bearer(_resigned(token, "none")),
            f"token signed by others, {audience}": _bearer(_resigned(token)),
            f"expired token, {audience}": _bearer(_resigned(token, exp=1)),
            f"ended session, {audience}": _bearer(_ended(cast.tenant, everything.token(audience))),
        }
    for name, headers in worn.items():
        cast.nobody(name, _always(headers))
    cast.nobody("anonymous, on another site", _always({"origin": EVIL}), is_elsewhere=True)


def _leavers(cast: Cast) -> None:
    """Keys that were revoked or ran out, and somebody who left with the sessions still open."""
    for column in ("revoked_at", "expires_at"):
        key = make_api_key(cast.tenant, *SCOPES, storage_role="Super Admin")
        sql = f"UPDATE api_key SET {column} = now() - interval '1 day' WHERE id = (SELECT max(id) FROM api_key) RETURNING id"
        cast.tenant.rows(sql)
        cast.nobody(f"key, {column} past", _always({"x-api-key": key}))
    left = make_staff(cast.tenant)
    tokens = {audience: left.token(audience) for audience in AUDIENCES}
    cast.tenant.rows("UPDATE staff SET is_active = false WHERE id = %(id)s RETURNING id", id=left.id)
    for audience, token in tokens.items():
        cast.nobody(f"somebody who left, {audience}", _always(_bearer(token)))


def _shoppers(cast: Cast) -> None:
    cast.customer("customer")
    cast.customer("other customer")
    cast.customer("customer, on another site", is_elsewhere=True)


def _office(cast: Cast) -> None:
    for role in ("admin", "manager", "sales_rep", "staff"):
        for way in ("bearer", "cookie"):
            cast.staff(f"{role} by {way}", "commerce", "commerce", f"commerce:{role}", way=way, commerce_role=role)
    admin: dict[str, Any] = {"commerce_role": "admin"}
    cast.staff(
        "admin with a new password", "commerce", "commerce", "commerce:admin", **admin, must_change_password=True
    )
    cast.staff("without a commerce role", "commerce", "wms", "wms:ADMIN", wms_role="ADMIN")
    cast.staff("admin with a scanner", "wms", "commerce", "commerce:admin", **admin, functions=FUNCTIONS)


def _floor(cast: Cast) -> None:
    everything = [f"wms:{function}" for function in FUNCTIONS]
    cast.staff("USER without functions", "wms", "wms", "wms:USER", wms_role="USER")
    cast.staff("USER with all functions", "wms", "wms", "wms:USER", *everything, wms_role="USER", functions=FUNCTIONS)
    for function in FUNCTIONS:
        held = ("wms", "wms:USER", f"wms:{function}")
        cast.staff(f"USER with {function}", "wms", *held, wms_role="USER", functions=[function])
    cast.staff("ADMIN", "wms", "wms", "wms:ADMIN", wms_role="ADMIN")
    cast.staff("ADMIN with a new password", "wms", "wms", "wms:ADMIN", wms_role="ADMIN", must_change_password=True)


def _storage(cast: Cast) -> None:
    for role in STORAGE_ROLES:
        cast.staff(f"storage {role}", "storage", "storage", f"storage:{role}", storage_role=role)
    new: dict[str, Any] = {"storage_role": "Admin", "must_change_password": True}
    cast.staff("storage Admin with a new password", "storage", "storage", "storage:Admin", **new)
    cast.staff("without a storage role", "storage", "wms", "wms:ADMIN", wms_role="ADMIN")


def _keys(cast: Cast) -> None:
    for scope in SCOPES:
        if scope != "storage":
            cast.key(f"key {scope}", scope, permits=[f"key:{scope}"])
    cast.key("key with a storage role and no scope", "voice", permits=["key:voice"], storage_role="Super Admin")
    for role in STORAGE_ROLES:
        held = ["key:storage", "storage", f"storage:{role}"]
        cast.key(f"key storage {role}", "storage", permits=held, storage_role=role)
    bearer = make_api_key(cast.tenant, "inventory:write")
    written = frozenset({"api_key", "key:inventory:write"})
    cast.found.append(Caller("key as bearer", "key", _always(_bearer(bearer)), written))


def _foreigners(cast: Cast) -> None:
    cast.customer("another organization's customer", of=cast.other)
    roles: dict[str, Any] = {"wms_role": "ADMIN", "commerce_role": "admin", "storage_role": "Super Admin"}
    held = ("wms", "wms:ADMIN", "commerce", "commerce:admin", "storage", "storage:Super Admin")
    cast.staff("another organization's ADMIN", "wms", *held, of=cast.other, **roles)
    cast.staff("another organization's admin", "commerce", *held, of=cast.other, **roles)
    cast.staff("another organization's Super Admin", "storage", *held, of=cast.other, **roles)
    permits = [*(f"key:{scope}" for scope in SCOPES), "storage", "storage:User"]
    cast.key("another organization's key", *SCOPES, permits=permits, of=cast.other)


def _webhooks(cast: Cast) -> None:
    for source in SOURCES:
        cast.nobody(f"{source}'s signature", _signer(source, "good"), signs=source)
        cast.nobody(f"{source}'s signature, spoilt", _signer(source, "tampered"))
        cast.nobody(f"{source}'s signature with another secret", _signer(source, "foreign"))


def _signer(source: Source, variant: Variant) -> Callable[[Sample], Headers]:
    def wear(request: Sample) -> Headers:
        url = settings().public_url + request.target
        body = (request.body or b"").decode(errors="replace")
        made = signing.headers(DoublesSettings(), source, url=url, body=body, now=time.time(), variant=variant)
        return {name.lower(): value for name, value in made.items()}

    return wear


def _always(headers: Headers) -> Callable[[Sample], Headers]:
    return lambda _: headers


def _bearer(token: str) -> Headers:
    return {"authorization": f"Bearer {token}"}


def _value(cookie: str) -> str:
    return cookie.partition("=")[2]


def _resigned(token: str, algorithm: str = "HS256", **changes: Any) -> str:
    """The claims of a token, some of them changed, with another signature: nobody's, a stranger's, or our own."""
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    if algorithm == "none":
        return jwt.encode(claims, "", algorithm=algorithm, headers={"kid": "k2"})
    ours = dict(pair.split(":", 1) for pair in secrets().jwt_keys.get_secret_value().split())["k2"]
    key = ours if changes else "another secret of thirty-two bytes"
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "k2"})


def _ended(tenant: Tenant, token: str) -> str:
    """A token whose session was ended."""
    session_id = jwt.decode(token, options={"verify_signature": False})["sid"]
    tenant.rows("UPDATE session SET revoked_at = now() WHERE id = %(id)s::uuid RETURNING id", id=session_id)
    return token
