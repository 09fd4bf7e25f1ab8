"""Session cookies: HttpOnly, SameSite=Lax, for this host alone.

Behind https their names begin with ``__Host-``. Browsers take such a cookie only encrypted, from this very host and for the
whole site (RFC 6265bis, 4.1.3.2), so that neither a neighbour's subdomain nor somebody on the wire can plant a session
of their own. The local stage speaks http, where no browser would take one: there the names are bare.
"""

from chalicelib.kernel.settings import settings

SESSION_COOKIE = "qm_session"
STAFF_COOKIE = "qm_staff"


def is_secure() -> bool:
    """Whether callers reach us encrypted."""
    return settings().public_url.startswith("https://")


def wire_name(name: str) -> str:
    """The name as it travels; under https a bare one is nobody's."""
    return f"__Host-{name}" if is_secure() else name


def set_cookie(name: str, value: str, *, max_age_s: int) -> str:
    """The value of a Set-Cookie header; `max_age_s` 0 removes the cookie."""
    secure = "; Secure" if is_secure() else ""
    return f"{wire_name(name)}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"
