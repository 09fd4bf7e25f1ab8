"""Which refusals an endpoint can give, and how they look on its surface."""

from collections.abc import Iterable

from pydantic import TypeAdapter

from chalicelib.kernel.access import CrossSite
from chalicelib.kernel.dialects import Dialect
from chalicelib.kernel.endpoint import Endpoint
from chalicelib.kernel.errors import (
    BadRequest,
    Forbidden,
    Invalid,
    NotFound,
    Refusal,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from chalicelib.kernel.idempotency import KeyInUse, KeyReused
from chalicelib.kernel.openapi.schemas import Json, Wanted, component_name
from chalicelib.kernel.webhooks import BadSignature, NotConfigured

_SENTENCE: Json = {"type": "string", "description": "A sentence for a person"}
_DETAIL: Json = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "description": "Kind of error, as pydantic names it"},
        "loc": {"type": "array", "items": {"type": ["string", "integer"]}, "description": "Path to the field"},
        "msg": {"type": "string"},
    },
    "required": ["type", "loc", "msg"],
}
_DETAILS: Json = {"type": "array", "items": _DETAIL}
_VALIDATION: Json = {"const": "validation_error"}
_CODE: Json = {"type": "string", "description": "Stable, for programs"}

BODIES: dict[tuple[str, bool], Json] = {
    ("plain", False): {"error": _SENTENCE},
    ("plain", True): {"error": _VALIDATION, "details": _DETAILS},
    ("inventory", False): {"error": _SENTENCE, "code": _CODE},
    ("inventory", True): {"error": _VALIDATION, "code": _VALIDATION, "details": _DETAILS},
    ("storage", False): {"detail": _SENTENCE},
    ("storage", True): {"detail": _DETAILS},
}
"""Fields of an error body by dialect and whether it is a validation error (kernel/dialects.py)."""


class Surprise(Refusal):
    """What a caller reads when the mistake is ours."""

    status = 500
    code = "internal_error"
    sentence = "Internal server error"


def refusals_of(endpoint: Endpoint, dialect: Dialect) -> list[type[Refusal]]:
    """What the kernel may answer in the endpoint's name, and what its declaration adds."""
    access, takes_input = endpoint.allow, endpoint.takes_query or endpoint.reads_body
    keeps = endpoint.method == "POST" and endpoint.keeps_replies
    is_closed = not access.is_public and access.signed_by is None
    found = [
        (BadRequest, takes_input or keeps),
        (Invalid, takes_input or (bool(endpoint.variables) and dialect.path_is_field)),
        (Unauthenticated, is_closed),
        (BadSignature, access.signed_by is not None),
        (Forbidden, is_closed),
        (CrossSite, bool(access.cookies) or access.is_for_our_pages),
        (NotConfigured, access.signed_by is not None),
        (NotFound, bool(endpoint.variables) and not dialect.path_is_field),
        (KeyInUse, keeps),
        (TooLarge, endpoint.reads_body),
        (UnsupportedMedia, endpoint.reads_body),
        (KeyReused, keeps),
        (TooManyRequests, endpoint.limit is not None),
        (Unavailable, True),
    ]
    kernel = [refusal for refusal, happens in found if happens]
    return list(dict.fromkeys([*kernel, *endpoint.errors]))


def by_status(refusals: Iterable[type[Refusal]], dialect: Dialect) -> dict[int, list[type[Refusal]]]:
    """The refusals of each status, in order."""
    found: dict[int, list[type[Refusal]]] = {}
    for refusal in refusals:
        found.setdefault(refusal.status_in(dialect.name), []).append(refusal)
    return dict(sorted(found.items()))


def name_of(refusal: type[Refusal]) -> str:
    """``catalogue.NotForSale``."""
    return component_name(refusal.__module__, refusal.__name__)


def extras(refusals: Iterable[type[Refusal]]) -> list[Wanted]:
    """The models of further fields, whose schemas are wanted."""
    models = {name_of(refusal): refusal.Extra for refusal in refusals}
    return [Wanted(f"extra {n}", "serialization", TypeAdapter(m)) for n, m in models.items() if m is not None]


def body_name(refusal: type[Refusal], dialect: Dialect) -> str:
    """The component of a refusal's body; refusals without further fields share one."""
    if refusal.Extra is not None:
        return f"errors.{dialect.name}.{name_of(refusal)}"
    return f"errors.{dialect.name}.{'ValidationError' if issubclass(refusal, Invalid) else 'Error'}"


def body_schema(refusal: type[Refusal], dialect: Dialect, extra: Json | None) -> Json:
    """The body of a refusal on a surface; `extra` is the schema of its further fields."""
    fields = BODIES[dialect.name, issubclass(refusal, Invalid)]
    more, required = (extra.get("properties", {}), extra.get("required", [])) if extra else ({}, [])
    return {
        "type": "object",
        "properties": {**fields, **more},
        "required": list(dict.fromkeys([*fields, *required])),
    }


def example(refusal: type[Refusal], dialect: Dialect) -> Json | None:
    """A body as a caller may read it; None for refusals whose further fields only a case can fill."""
    if refusal.Extra is not None:
        return None
    if issubclass(refusal, Invalid):
        return dialect.error_body(
            Invalid.field(*dialect.loc("body", ("name",)), type="missing", message="Field required")
        )
    drawn = Refusal(refusal.sentence)
    drawn.code = refusal.code  # type: ignore[misc]  # of this one instance, for the dialects that show it
    return dialect.error_body(drawn)
