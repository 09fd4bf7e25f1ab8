"""How the document says who may call."""

from chalicelib.kernel.access import Access
from chalicelib.kernel.cookies import SESSION_COOKIE, STAFF_COOKIE
from chalicelib.kernel.openapi.schemas import Json


def _bearer(description: str) -> Json:
    return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description}


def _header(name: str, description: str) -> Json:
    return {"type": "apiKey", "in": "header", "name": name, "description": description}


def _cookie(name: str, description: str) -> Json:
    return {"type": "apiKey", "in": "cookie", "name": name, "description": description}


_BEHIND_HTTPS = "; behind https its name is __Host-"
SCHEMES: Json = {
    "wmsBearer": _bearer("Warehouse users: the token of POST /api/auth/login"),
    "commerceBearer": _bearer("Staff: the token of POST /api/staff/login or POST /api/shipping/login"),
    "storageBearer": _bearer("Users of the storage app: the access token of POST /api/v2/auth/login"),
    "apiKey": _header("X-API-Key", "An API key; its scopes say what it may do"),
    "apiKeyBearer": {"type": "http", "scheme": "bearer", "description": "An API key as bearer token"},
    "customerSession": _cookie(
        SESSION_COOKIE, f"Customers: the cookie of POST /api/login{_BEHIND_HTTPS}{SESSION_COOKIE}"
    ),
    "staffSession": _cookie(STAFF_COOKIE, f"Staff: the cookie of POST /api/staff/login{_BEHIND_HTTPS}{STAFF_COOKIE}"),
    "stripeSignature": _header("Stripe-Signature", "Stripe, Check the webhook signatures"),
    "twilioSignature": _header("X-Twilio-Signature", "Twilio, Webhooks security"),
    "elevenlabsSignature": _header("ElevenLabs-Signature", "ElevenLabs, Post-call webhooks, Authentication"),
}
_COOKIE_SCHEMES = {SESSION_COOKIE: "customerSession", STAFF_COOKIE: "staffSession"}


def security(access: Access) -> list[Json]:
    """The credentials that are read, any one of which may serve; the empty one where none is needed."""
    names = [f"{audience}Bearer" for audience in sorted(access.audiences)]
    names += ["apiKey", "apiKeyBearer"] if access.api_key else []
    names += [_COOKIE_SCHEMES[cookie] for cookie, _ in access.cookies]
    names += [f"{access.signed_by}Signature"] if access.signed_by else []
    options: list[Json] = [{name: []} for name in names]
    return [*options, {}] if access.is_public and options else options


def used_schemes(operations: list[Json]) -> Json:
    """The schemes that occur, in the order above."""
    used = {name for operation in operations for option in operation["security"] for name in option}
    return {name: scheme for name, scheme in SCHEMES.items() if name in used}
