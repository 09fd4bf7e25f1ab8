"""One endpoint as an OpenAPI operation."""

import inspect
from types import NoneType
from typing import Any

from pydantic import TypeAdapter

from chalicelib.kernel.dialects import Dialect, dialect_of
from chalicelib.kernel.endpoint import Binary, Endpoint, Redirect
from chalicelib.kernel.errors import Refusal
from chalicelib.kernel.openapi import refusals
from chalicelib.kernel.openapi.access import security
from chalicelib.kernel.openapi.schemas import REF, Json, Wanted, resolved

MEDIA_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data",
}
_KEPT = {"Idempotent-Replay": {"$ref": "#/components/headers/Idempotent-Replay"}}
_ID = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}


def label(endpoint: Endpoint) -> str:
    """Names the endpoint among the wanted schemas."""
    return f"{endpoint.method} {endpoint.path}"


def context_of(endpoint: Endpoint) -> str:
    """The package that owns the endpoint."""
    return endpoint.handler.__module__.split(".")[1]


def wanted(endpoint: Endpoint) -> list[Wanted]:
    """The types of an endpoint whose schemas the operation shows."""
    name = label(endpoint)
    found = [Wanted(f"{name} {{{v}}}", "validation", adapter) for v, adapter in endpoint.variables.items()]
    if endpoint.takes_query:
        found.append(Wanted(f"{name} query", "validation", TypeAdapter(endpoint.query_model)))
    if endpoint.reads_body:
        found.append(Wanted(f"{name} body", "validation", TypeAdapter(endpoint.body_model)))
    if endpoint.reply is not None:
        found.append(Wanted(f"{name} reply", "serialization", endpoint.reply))
    return found


class Writer:
    """Writes operations from schemas that were made for all endpoints together."""

    def __init__(self, made: Any, components: Json) -> None:
        self._made, self._components = made, components

    def operation(self, endpoint: Endpoint) -> Json:
        """The operation object (OpenAPI 3.1.1, 4.8.10)."""
        summary, _, description = inspect.cleandoc(endpoint.handler.__doc__ or "").partition("\n\n")
        written: Json = {
            "operationId": endpoint.handler.__name__,
            "tags": [context_of(endpoint)],
            "summary": " ".join(summary.split()).removesuffix("."),
            "description": description,
            "x-access": endpoint.allow.label,
            "security": security(endpoint.allow),
            "parameters": self._parameters(endpoint),
            "requestBody": self._request_body(endpoint),
            "responses": self._responses(endpoint, dialect_of(endpoint.path)),
        }
        if endpoint.limit is not None:
            limit = endpoint.limit
            written["x-rate-limit"] = {"calls": limit.calls, "seconds": limit.window_s, "shared": limit.name}
        return {name: value for name, value in written.items() if value or name in ("security", "responses")}

    def _parameters(self, endpoint: Endpoint) -> list[Json]:
        name = label(endpoint)
        found = [
            {"name": v, "in": "path", "required": True, "schema": self._made[f"{name} {{{v}}}", "validation"]}
            for v in endpoint.variables
        ]
        if endpoint.takes_query:
            model = resolved(self._made[f"{name} query", "validation"], self._components)
            required = model.get("required", [])
            found += [_query(n, schema, n in required) for n, schema in model.get("properties", {}).items()]
        if endpoint.method == "POST" and endpoint.keeps_replies:
            found.append({"$ref": "#/components/parameters/Idempotency-Key"})
        return found

    def _request_body(self, endpoint: Endpoint) -> Json | None:
        if not endpoint.reads_body:
            return None
        schema = self._made[f"{label(endpoint)} body", "validation"]
        required = bool(resolved(schema, self._components).get("required"))
        return {"required": required, "content": {MEDIA_TYPES[endpoint.content]: {"schema": schema}}}

    def _responses(self, endpoint: Endpoint, dialect: Dialect) -> Json:
        found = self._successes(endpoint)
        for status, group in refusals.by_status(refusals.refusals_of(endpoint, dialect), dialect).items():
            found[str(status)] = _refused(group, dialect)
        found["default"] = _refused([refusals.Surprise], dialect)
        return found

    def _successes(self, endpoint: Endpoint) -> Json:
        kept = _KEPT if endpoint.method == "POST" and endpoint.keeps_replies else {}
        headers, found, content = {**_ID, **kept}, {}, {}
        if endpoint.reply is not None:
            content["application/json"] = {"schema": self._made[f"{label(endpoint)} reply", "serialization"]}
        if Binary in endpoint.reply_types:
            content |= {media_type: {"schema": _binary(media_type)} for media_type in endpoint.media_types}
        if content:
            found[str(endpoint.status)] = {"description": "Done", "headers": headers, "content": content}
        if Binary in endpoint.reply_types and endpoint.method == "GET":
            found["304"] = {"description": "Not changed since the ETag in If-None-Match", "headers": headers}
        if NoneType in endpoint.reply_types:
            found["204"] = {"description": "Done", "headers": headers}
        if Redirect in endpoint.reply_types:
            location = {"Location": {"schema": {"type": "string", "format": "uri-reference"}}}
            found["302"] = {"description": "Elsewhere", "headers": {**headers, **location}}
        return found


def _binary(media_type: str) -> Json:
    """What a reader of the bytes finds: JSON that lies ready as a file is JSON all the same."""
    return {"type": "object"} if media_type == "application/json" else {"type": "string", "format": "binary"}


def _query(name: str, schema: Json, required: bool) -> Json:
    """A field of the query's model as a parameter. A query cannot say null, so the schema does not either."""
    bare = {k: v for k, v in schema.items() if k != "description" and not (k == "default" and v is None)}
    options = [option for option in bare.get("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        bare = {**{k: v for k, v in bare.items() if k != "anyOf"}, **options[0]}
    elif options:
        bare["anyOf"] = options
    written: Json = {"name": name, "in": "query", "required": required}
    if schema.get("description"):
        written["description"] = schema["description"]
    if bare.get("type") == "array":
        written |= {"style": "form", "explode": True}
    return {**written, "schema": bare}


def response_name(refusal: type[Refusal], dialect: Dialect) -> str:
    """The shared response of a refusal that stands alone under its status."""
    return f"{dialect.name}.{refusals.name_of(refusal)}"


def _refused(group: list[type[Refusal]], dialect: Dialect) -> Json:
    if len(group) == 1:
        return {"$ref": f"#/components/responses/{response_name(group[0], dialect)}"}
    return refused_response(group, dialect)


def refused_response(group: list[type[Refusal]], dialect: Dialect) -> Json:
    """A response that stands for one refusal or several: their sentences, codes and bodies."""
    names = list(dict.fromkeys(refusals.body_name(refusal, dialect) for refusal in group))
    schemas: list[Json] = [{"$ref": REF + name} for name in names]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    said = dict.fromkeys(f"{refusal.sentence} ({refusal.code})" for refusal in group)
    examples = {
        refusal.code: {"value": example} for refusal in group if (example := refusals.example(refusal, dialect))
    }
    content = {"schema": schema, **({"examples": examples} if examples else {})}
    return {"description": "; ".join(said), "headers": dict(_ID), "content": {"application/json": content}}
