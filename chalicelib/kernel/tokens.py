"""Access tokens and session cookies: HS256 with rotating keys, and what they may be used for.

A token says kind, organization, audience and session; whether the session still lives is the database's word, asked in
the same statement that sets the organization (kernel/uow.py). Source of the rules: RFC 8725 (JWT best practices).
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal
from uuid import UUID

from chalicelib.kernel import clock, vault
from chalicelib.kernel.light_jwt import jwt

Audience = Literal["wms", "commerce", "storage", "shop"]
ISSUER = "quartermaster"


@dataclass(frozen=True)
class Claims:
    """What a valid token says."""

    audience: str
    kind: str
    principal_id: int
    organization_id: int
    session_id: str
    issued_at: datetime


class BadToken(Exception):
    """Not ours, expired, or for another purpose."""


@lru_cache(maxsize=4)
def _keys(configured: str) -> dict[str, str]:
    pairs = [pair.partition(":") for pair in configured.split()]
    if not pairs or not all(kid and secret for kid, _, secret in pairs):
        raise RuntimeError("jwt_keys is not set, or not made of kid:secret pairs")
    return {kid: secret for kid, _, secret in pairs}


def _secret_of(kid: str) -> str | None:
    """The secret of a key id. An unknown one may be newer than our list, which is then read again."""
    known = _keys(vault.secrets().jwt_keys.get_secret_value()).get(kid)
    return known or _keys(vault.renewed_secrets().jwt_keys.get_secret_value()).get(kid)


def issue(
    *,
    audience: Audience,
    kind: str,
    principal_id: int,
    organization_id: int,
    session_id: str,
    issued_at: datetime,
    expires_at: datetime,
) -> str:
    """Signs a token with the first key."""
    kid, secret = next(iter(_keys(vault.secrets().jwt_keys.get_secret_value()).items()))
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "kind": kind,
        "sub": str(principal_id),
        "org": organization_id,
        "sid": session_id,
        "iat": issued_at.timestamp(),
        "exp": expires_at.timestamp(),
    }
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid})


def read(token: str, audiences: frozenset[str]) -> Claims:
    """Verifies signature, times, issuer and audience. Raises BadToken."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        secret = _secret_of(kid or "")
        if secret is None:
            raise BadToken("unknown key")
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            issuer=ISSUER,
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "sub"]},
        )
        return _checked(claims, audiences)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
        raise BadToken(str(error)) from None


def _checked(claims: dict[str, object], audiences: frozenset[str]) -> Claims:
    """Audience and times by the business's clock, which a test may have moved."""
    now = clock.timestamp()
    expires_at, issued_at = float(str(claims["exp"])), float(str(claims["iat"]))
    principal_id = int(str(claims["sub"]))
    if claims["aud"] not in audiences:
        raise BadToken("for another purpose")
    if not now < expires_at < math.inf or not 0 < issued_at <= now + 60:
        raise BadToken("expired")
    if not 0 < principal_id < 2**31:
        raise BadToken("nobody")
    return Claims(
        audience=str(claims["aud"]),
        kind=str(claims["kind"]),
        principal_id=principal_id,
        organization_id=int(str(claims["org"])),
        session_id=str(UUID(str(claims["sid"]))),
        issued_at=datetime.fromtimestamp(issued_at, tz=UTC),
    )
