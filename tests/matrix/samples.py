"""A request that an endpoint might get, made from what it declares: required fields, and ids of records that exist."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import BaseModel, TypeAdapter

from chalicelib.kernel.endpoint import Endpoint
from tests.matrix.meant import MEANT

Values = Mapping[str, Any]
"""Field or path variable -> value to use."""
TEXTS = {
    "email": "somebody@example.com",
    "phone": "+12125550100",
    "password": "Walnut-Pallet-Harbor-42",
    "date-time": "2026-03-01T09:30:00Z",
    "date": "2026-03-01",
    "uuid": "00000000-0000-7000-8000-000000000000",
}
"""By format, or by what the field's name contains."""

WORDS = {"connector_name": "rest", "sync_type": "orders", "phone": "+12125550100"}
"""Variables of paths that name no record."""
MESSAGES: Mapping[str, Any] = {
    "/api/webhooks/stripe": {
        "id": "evt_sample",
        "type": "charge.updated",
        "created": 1_772_000_000,
        "livemode": False,
        "data": {"object": {"object": "charge", "id": "ch_sample"}},
    }
}
"""What providers send says more than we declare to need."""


PICTURE = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=")
"""What a file of a form is: a GIF of one pixel."""
FRESH: Mapping[str, frozenset[str]] = {
    "/api/admin/items": frozenset({"sku"}),
    "/api/admin/items/{item_id}": frozenset({"sku"}),
    "/api/admin/products": frozenset({"sku"}),
    "/api/v1/products/{product_id}": frozenset({"sku"}),
    "/api/orders/create-account": frozenset({"order_number"}),
}
"""Fields that name what is to be made, and no record that exists; or a record beside something that can be made only once."""


@dataclass(frozen=True)
class Sample:
    """One request without its credential."""

    method: str
    target: str
    body: bytes | None
    media_type: str


def sample(endpoint: Endpoint, values: Values) -> Sample:
    """The request; variables and fields that `values` knows are taken from there."""
    values = {**values, **{name: values[meant] for name, meant in MEANT.get(endpoint.path, {}).items()}}
    variables = {name: quote(str(values.get(name, WORDS.get(name, "unknown"))), safe="") for name in endpoint.variables}
    target = endpoint.path.format(**variables)
    query = _of(endpoint.query_model, values) if endpoint.takes_query else {}
    if query:
        target += "?" + urlencode(query, doseq=True)
    if not endpoint.reads_body:
        return Sample(endpoint.method, target, None, "")
    values = {name: value for name, value in values.items() if name not in FRESH.get(endpoint.path, ())}
    data = MESSAGES.get(endpoint.path) or _of(endpoint.body_model, values)
    return Sample(endpoint.method, target, *_encoded(endpoint, data))


def _encoded(endpoint: Endpoint, data: Any) -> tuple[bytes, str]:
    if endpoint.content == "json":
        return json.dumps(data).encode(), "application/json"
    if endpoint.content == "form":
        return urlencode(data).encode(), "application/x-www-form-urlencoded"
    from urllib3 import encode_multipart_formdata

    return encode_multipart_formdata({n: v if isinstance(v, tuple) else str(v) for n, v in data.items()})


def _of(model: type[BaseModel], values: Values) -> Any:
    schema = TypeAdapter(model).json_schema(by_alias=True)
    return _value(schema, schema.get("$defs", {}), "", values)


def _value(schema: dict[str, Any], parts: dict[str, Any], name: str, values: Values) -> Any:
    """A small value that the schema admits."""
    if name in values:
        return values[name]
    if "$ref" in schema:
        return _value(parts[schema["$ref"].removeprefix("#/$defs/")], parts, name, values)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _value(schema[several][0], parts, name, values)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("type") == "object":
        return {n: _value(s, parts, n, values) for n, s in _wanted(schema, values)}
    if schema.get("type") == "array":
        return [_value(schema.get("items", {}), parts, "", values)]
    return _scalar(schema, name)


def _wanted(schema: dict[str, Any], values: Values) -> list[tuple[str, dict[str, Any]]]:
    """Required fields, and the first optional one that names a record: often one of several is demanded."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    known = [n for n in properties if n in values and n not in required]
    return [(n, s) for n, s in properties.items() if n in required or n in known[:1]]


def _scalar(schema: dict[str, Any], name: str) -> Any:
    kind = schema.get("type", "string")
    if kind in ("integer", "number"):
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1) or 1
    if kind != "string":
        return {"boolean": True}.get(kind)
    hint = schema.get("format", "")
    if hint == "binary":
        return ("sample.gif", PICTURE, "image/gif")
    found = next((text for word, text in TEXTS.items() if word == hint or word in name), "sample")
    return found[: schema.get("maxLength", 1000)].ljust(schema.get("minLength", 0), "x")
