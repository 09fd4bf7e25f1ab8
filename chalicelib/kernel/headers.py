"""Headers that every answer has, whoever gives it: the API, or a gateway in front of it that refuses by itself.

Sources: OWASP REST Security Cheat Sheet, "Security Headers"; Fetch standard, "CORS protocol"; RFC 9110, 11.6.1.
"""

from collections.abc import Iterable, Mapping

from chalicelib.kernel.access import allowed_origins

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "no-store",
}
"""Unless the reply says otherwise: pages allow themselves what they load, files are cached."""
CHALLENGE = 'Bearer realm="quartermaster"'
EXPOSED = "X-Request-Id, Idempotent-Replay, Retry-After"
ACCEPTED = "Authorization, Content-Type, Idempotency-Key, X-API-Key"
PREFLIGHT_LASTS_S = 600


def complete(headers: dict[str, str], *, status: int, request_id: str, origin: str | None) -> None:
    """Adds what is missing. The request's id is the gateway's; what a caller calls itself is not believed."""
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if status == 401:
        headers.setdefault("WWW-Authenticate", CHALLENGE)
    headers["X-Request-Id"] = request_id
    headers["Vary"] = "Origin"
    if is_allowed(origin):
        headers |= {
            "Access-Control-Allow-Origin": str(origin),
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": EXPOSED,
        }


def is_allowed(origin: str | None) -> bool:
    """Whether pages of this origin may read our answers; compared as a whole, never by a part of it."""
    return origin is not None and origin in allowed_origins()


def preflight(methods: Iterable[str], origin: str | None) -> dict[str, str]:
    """Headers of the answer to OPTIONS; only origins on the list are told what they may send."""
    allowed = ", ".join(sorted(methods))
    if not is_allowed(origin):
        return {"Allow": allowed}
    return {
        "Allow": allowed,
        "Access-Control-Allow-Methods": allowed,
        "Access-Control-Allow-Headers": ACCEPTED,
        "Access-Control-Max-Age": str(PREFLIGHT_LASTS_S),
    }


def origin_of(headers: Mapping[str, str] | None) -> str | None:
    """The Origin header, whatever the case of its name; None when none was sent."""
    return next((value for name, value in (headers or {}).items() if name.lower() == "origin"), None)
