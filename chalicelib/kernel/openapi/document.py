"""The whole document."""

from collections.abc import Iterable
from importlib import import_module

from chalicelib.kernel.dialects import DIALECTS, Dialect, dialect_of
from chalicelib.kernel.endpoint import Endpoint
from chalicelib.kernel.errors import Refusal
from chalicelib.kernel.openapi import refusals
from chalicelib.kernel.openapi.access import used_schemes
from chalicelib.kernel.openapi.operation import Writer, context_of, refused_response, response_name, wanted
from chalicelib.kernel.openapi.schemas import Json, reachable, resolved, schemas
from chalicelib.kernel.settings import Settings

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TITLE = "Quartermaster"
DESCRIPTION = """One back office for wholesale distributors: the shop, the warehouse floor, the storage robots and
integrators see the same products, the same stock and the same orders.

Every POST takes an `Idempotency-Key`; every answer carries `X-Request-Id`. Errors are written as the surface of the path
does it: `/api/v1` with `error` and `code`, `/api/v2` with `detail`, everything else with `error`."""


def document(endpoints: Iterable[Endpoint]) -> Json:
    """The OpenAPI 3.1 document of these endpoints; the same endpoints give the same document, in any order.

    Raises ValueError when two handlers share a name, for it is the operationId.
    """
    ordered = sorted(endpoints, key=lambda e: (e.path, METHODS.index(e.method)))
    _check_names(ordered)
    spoken = _refusals(ordered)
    made, components = schemas(
        [*(w for e in ordered for w in wanted(e)), *refusals.extras(refusal for refusal, _ in spoken)]
    )
    for refusal, dialect in spoken:
        extra = made.get((f"extra {refusals.name_of(refusal)}", "serialization"))
        extra = None if extra is None else resolved(extra, components)
        components[refusals.body_name(refusal, dialect)] = refusals.body_schema(refusal, dialect, extra)
    writer = Writer(made, components)
    paths: Json = {}
    for endpoint in ordered:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = writer.operation(endpoint)
    responses = _responses(spoken, paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": Settings.model_fields["version"].default,
            "description": DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "tags": _tags(ordered),
        "paths": paths,
        "components": {
            "securitySchemes": used_schemes([o for path in paths.values() for o in path.values()]),
            "parameters": {"Idempotency-Key": _IDEMPOTENCY_KEY},
            "headers": _HEADERS,
            "responses": responses,
            "schemas": reachable([paths, responses], components),
        },
    }


_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes a repetition safe for 24 hours: the first answer comes again, and nothing happens twice. Best a "
    "random UUID; without an account, other keys count only for the address that they come from",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]*$"},
}
_HEADERS: Json = {
    "X-Request-Id": {"description": "Names the request in our logs", "schema": {"type": "string"}},
    "Idempotent-Replay": {
        "description": "`true` when this is the kept answer of an earlier request",
        "schema": {"type": "string", "const": "true"},
    },
}


def _check_names(endpoints: list[Endpoint]) -> None:
    seen: dict[str, Endpoint] = {}
    for endpoint in endpoints:
        other = seen.setdefault(endpoint.handler.__name__, endpoint)
        if other is not endpoint:
            raise ValueError(
                f"{endpoint.handler.__name__} answers {other.method} {other.path} and {endpoint.method} {endpoint.path}:"
                " give one of them another name"
            )


def _refusals(endpoints: list[Endpoint]) -> list[tuple[type[Refusal], Dialect]]:
    found: list[tuple[type[Refusal], Dialect]] = [(refusals.Surprise, dialect) for dialect in DIALECTS]
    for endpoint in endpoints:
        dialect = dialect_of(endpoint.path)
        found += [(refusal, dialect) for refusal in refusals.refusals_of(endpoint, dialect)]
    return found


def _responses(spoken: list[tuple[type[Refusal], Dialect]], paths: Json) -> Json:
    """The shared responses that an operation refers to."""
    made = {response_name(r, d): refused_response([r], d) for r, d in spoken}
    used = {
        response["$ref"].rpartition("/")[2]
        for path in paths.values()
        for operation in path.values()
        for response in operation["responses"].values()
        if "$ref" in response
    }
    return {name: made[name] for name in sorted(used)}


def _tags(endpoints: list[Endpoint]) -> list[Json]:
    contexts = sorted({context_of(endpoint) for endpoint in endpoints})
    return [{"name": context, "description": _first_sentence(context)} for context in contexts]


def _first_sentence(context: str) -> str:
    """Of the package's docstring; what follows there is for programmers of other contexts."""
    return (import_module(f"chalicelib.{context}").__doc__ or "").strip().partition("\n")[0].split(". ")[0].rstrip(".")
