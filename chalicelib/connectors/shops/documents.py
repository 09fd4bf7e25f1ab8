"""The mapping document of the generic connector: where another system keeps what, and under which names.

    {"items": {"path": "/products", "records": "data.products", "paging": {"style": "page", "parameter": "page"},
               "fields": {"id": "id", "sku": "sku", "name": "title", "price": "price"}},
     "inventory": {"method": "PUT", "path": "/inventory/{id}", "body": {"available": "{quantity}"}}}

Names of fields are dotted paths into a record, or columns of a CSV file. The document is read strictly: what is misspelt or
unknown is an error that says where.
"""

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from chalicelib.kernel.shapes import JsonObject

DEPTH_MAX = 6
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_LEVEL_NAMES = frozenset({"id", "sku", "quantity"})
_PARCEL_NAMES = frozenset({"id", "number", "tracking_number", "carrier"})

Path = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^/[\x21-\x7e]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.\[\]-]+$")]
Dotted = Annotated[str, StringConstraints(max_length=200, pattern=r"^([^.\s][^.]*(\.[^.]+)*)?$")]
"""``data.products.0.id``: keys and list positions; empty: the whole."""
FieldPath = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^.\s][^.]*(\.[^.]+)*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Paging(_Strict):
    """How one page leads to the next."""

    style: Literal["none", "page", "offset", "cursor", "link"] = "none"
    """``page`` and ``offset`` count until a page is not full, ``cursor`` reads a token at `next`, ``link`` the Link header."""
    parameter: Name = "page"
    first: Annotated[int, Field(ge=0, le=1)] = 1
    size_parameter: Name | None = None
    size: Annotated[int, Field(ge=1, le=500)] = 50
    next: FieldPath | None = None

    @model_validator(mode="after")
    def _can_go_on(self) -> "Paging":
        if (self.style == "cursor") != (self.next is not None):
            raise ValueError("the style cursor needs next, and no other style has it")
        return self


class Source(_Strict):
    """Where a list is read."""

    path: Path
    format: Literal["json", "csv"] = "json"
    records: Dotted = ""
    """JSON: where the list lies in the answer."""
    paging: Paging = Paging()
    query: Annotated[dict[Name, Annotated[str, Field(max_length=200)]], Field(max_length=20)] = {}
    """Parameters that every call carries."""


class ItemFields(_Strict):
    """Names of an item's fields."""

    id: FieldPath
    sku: FieldPath
    name: FieldPath
    price: FieldPath | None = None
    barcode: FieldPath | None = None
    weight_g: FieldPath | None = None


class Items(Source):
    """Where items are read."""

    fields: ItemFields


class LineFields(_Strict):
    """Names of an order line's fields."""

    sku: FieldPath
    quantity: FieldPath


class Lines(_Strict):
    """Where an order's lines lie. In a CSV file every row is a line, and rows with the same id are one order."""

    records: Dotted = ""
    fields: LineFields


class OrderFields(_Strict):
    """Names of an order's fields."""

    id: FieldPath
    number: FieldPath | None = None
    name: FieldPath | None = None
    company: FieldPath | None = None
    address: FieldPath | None = None
    city: FieldPath | None = None
    state: FieldPath | None = None
    zip: FieldPath | None = None
    notes: FieldPath | None = None


class Orders(Source):
    """Where orders are read."""

    fields: OrderFields
    lines: Lines
    since_parameter: Name | None = None
    """A parameter that takes the time of the last success, ISO 8601."""


class Target(_Strict):
    """Where something about one record is sent."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: Path
    body: JsonObject

    def filled(self, values: Mapping[str, str | int]) -> tuple[str, Any]:
        """Path and body with values in place of their ``{names}``; a text that is one name alone becomes the value itself."""
        path = _PLACEHOLDER.sub(lambda found: quote(str(values[found[1]]), safe=""), self.path)
        return path, _filled(self.body, values)


def _names_in(template: Any, depth: int = 0) -> set[str]:
    if depth > DEPTH_MAX:
        raise ValueError("the body is nested too deeply")
    if isinstance(template, str):
        return set(_PLACEHOLDER.findall(template))
    parts = list(template.values()) if isinstance(template, dict) else template if isinstance(template, list) else []
    return set().union(*(_names_in(part, depth + 1) for part in parts))


def _knows(names: frozenset[str]) -> AfterValidator:
    def check(target: Target) -> Target:
        unknown = (_names_in(target.path) | _names_in(target.body)) - names
        if unknown:
            raise ValueError(f"unknown names in braces; there are {', '.join(sorted(names))}")
        return target

    return AfterValidator(check)


def _filled(template: Any, values: Mapping[str, str | int]) -> Any:
    if isinstance(template, dict):
        return {name: _filled(part, values) for name, part in template.items()}
    if isinstance(template, list):
        return [_filled(part, values) for part in template]
    if not isinstance(template, str):
        return template
    alone = _PLACEHOLDER.fullmatch(template)
    return values[alone[1]] if alone else _PLACEHOLDER.sub(lambda found: str(values[found[1]]), template)


class MappingDocument(_Strict):
    """The document. A section that is missing is a sync that cannot be run."""

    items: Items | None = None
    orders: Orders | None = None
    inventory: Annotated[Target, _knows(_LEVEL_NAMES)] | None = None
    fulfillment: Annotated[Target, _knows(_PARCEL_NAMES)] | None = None


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("should be a JSON document") from None


MappingText = Annotated[MappingDocument, BeforeValidator(_read)]
"""The document as text."""


def find(record: Any, path: str | None) -> Any:
    """What lies at a dotted path; None where there is nothing."""
    if path is None:
        return None
    for part in path.split(".") if path else ():
        if isinstance(record, Mapping):
            record = record.get(part)
        elif isinstance(record, list) and part.isascii() and part.isdigit() and len(part) < 6:
            record = record[int(part)] if int(part) < len(record) else None
        else:
            return None
    return record


def rows_of_csv(raw: bytes) -> list[dict[str, Any]]:
    """The rows of a CSV file whose first line names its columns; with or without a byte order mark. Raises ValueError."""
    try:
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        return [{str(name): value for name, value in row.items() if name is not None} for row in reader]
    except csv.Error:
        raise ValueError("no CSV file") from None
