"""One reader for all bodies, queries and path variables: size, encoding, depth, duplicate keys, finite numbers.

What it hands on is plain data without surprises (numbers are int or Decimal, text is valid and free of NUL); the models
say the rest. Every wrong field of a request is reported at once, in the path, the query and the body together.
"""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from io import BytesIO
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core.core_schema import CoreSchema, is_instance_schema

from chalicelib.kernel.dialects import Dialect
from chalicelib.kernel.errors import BadRequest, Detail, Invalid, TooLarge, UnsupportedMedia
from chalicelib.kernel.requests import HttpRequest

DEPTH_MAX = 32
EXPONENT_MAX = 308
"""Of JSON numbers: what a double holds. Others can neither be amounts nor quantities."""
FORM_FIELDS_MAX = 200
QUERY_PARAMETERS_MAX = 200
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_JSON_TYPES = ("application/json", "text/json")


class Upload:
    """A file of a multipart body: its bytes in memory, its name as the caller wrote it (never a path of ours)."""

    def __init__(self, name: str, media_type: str, content: bytes) -> None:
        self.name, self.media_type, self.content = name, media_type, content

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """In a model it is checked for what it is: a text in its place is refused."""
        return is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """As OpenAPI describes files of forms."""
        return {"type": "string", "format": "binary"}


def check_size(request: HttpRequest, max_bytes: int) -> None:
    """Raises TooLarge."""
    if len(request.raw_body) > max_bytes:
        raise TooLarge


def read_json(request: HttpRequest, dialect: Dialect) -> Any:
    """The body as plain data; None when there is none. Raises UnsupportedMedia, Invalid.

    A missing Content-Type is taken for JSON (FACTS.md: Chalice would hand out None); any other one is refused.
    """
    if not request.raw_body.strip():
        return None
    is_json = request.media_type in _JSON_TYPES or request.media_type.endswith("+json")
    if request.headers.get("content-type", "").strip() and not is_json:
        raise UnsupportedMedia
    try:
        data = parse_json(request.raw_body)
    except (ValueError, RecursionError) as error:
        message = f"JSON decode error: {_sentence(error)}"
        raise Invalid([{"type": "json_invalid", "loc": dialect.loc("body", ()), "msg": message}]) from None
    if b"\\u" in request.raw_body or b"\0" in request.raw_body:
        _refuse_unstorable(data, dialect)
    return data


def parse_json(raw: bytes) -> Any:
    """JSON that somebody else wrote, as plain data with exact numbers. Raises ValueError, RecursionError."""
    text = raw.decode("utf-8")
    _check_depth(raw)
    return json.loads(text, parse_float=_number, parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates)


def read_form(request: HttpRequest) -> dict[str, str]:
    """An ``application/x-www-form-urlencoded`` body as a flat dict; a repeated field is refused."""
    is_form = request.media_type == "application/x-www-form-urlencoded"
    if request.headers.get("content-type", "").strip() and not is_form:
        raise UnsupportedMedia
    from multipart import MultipartError, parse_form_data

    try:
        unquote_to_bytes(request.raw_body).decode()  # the parser would replace what is no UTF-8 without a word
        forms, _ = parse_form_data(
            _wsgi(request, "application/x-www-form-urlencoded"), strict=True, part_limit=FORM_FIELDS_MAX
        )
    except (MultipartError, UnicodeDecodeError) as error:
        raise _unreadable(error) from None
    return _single(forms.iterallitems())


def read_multipart(request: HttpRequest) -> dict[str, str | Upload]:
    """A ``multipart/form-data`` body: texts and files by field name. Memory only, bounded by `check_size`."""
    if request.media_type != "multipart/form-data":
        raise UnsupportedMedia
    from multipart import MultipartError, parse_form_data

    limit = len(request.raw_body) + 1
    try:
        forms, files = parse_form_data(
            _wsgi(request, request.headers["content-type"]),
            strict=True,
            part_limit=FORM_FIELDS_MAX,
            partsize_limit=limit,
            memory_limit=limit,
            spool_limit=limit,
        )
    except (MultipartError, UnicodeDecodeError) as error:
        raise _unreadable(error) from None
    fields: dict[str, str | Upload] = dict(_single(forms.iterallitems()))
    for name, part in files.iterallitems():
        if name in fields:
            raise BadRequest(f"The field {name} was sent twice")
        fields[name] = Upload(part.filename or "", part.content_type or "", part.raw)
    return fields


def check_query(request: HttpRequest) -> None:
    """Raises BadRequest for a query that no client of ours sends."""
    if sum(map(len, request.query.values())) > QUERY_PARAMETERS_MAX:
        raise BadRequest("Too many query parameters")
    for values in request.query.values():
        check_text(*values)


def check_text(*values: str) -> None:
    """Raises BadRequest for text that PostgreSQL cannot store: NUL, lone surrogates."""
    for value in values:
        if "\0" in value or not _is_encodable(value):
            raise BadRequest("Text contains characters that cannot be stored")


def details_of(error: ValidationError, place: str, dialect: Dialect) -> list[Detail]:
    """pydantic's findings in a dialect's form. Inputs are not echoed: they may be secrets."""
    return [
        {"type": e["type"], "loc": dialect.loc(place, e["loc"]), "msg": e["msg"]}
        for e in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _wsgi(request: HttpRequest, content_type: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(request.raw_body)),
        "wsgi.input": BytesIO(request.raw_body),
    }


def _single(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in items:
        if name in fields:
            raise BadRequest(f"The field {name[:100]} was sent twice")
        check_text(name, value)
        fields[name] = value
    return fields


def _unreadable(error: ValueError) -> BadRequest:
    reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
    return BadRequest(f"The form cannot be read: {reason}")


def _number(text: str) -> Decimal:
    """A finite number of ordinary size: pydantic would work for a quarter of a minute to make an int of 1e9999999."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number is out of range") from None
    if abs(number.adjusted()) > EXPONENT_MAX:
        raise ValueError("a number is out of range")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("an object names a key twice")
    return data


def _check_depth(raw: bytes) -> None:
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_MAX:
        return
    depth = 0
    for bracket in _BRACKETS.findall(raw):
        depth += (bracket in (b"[", b"{")) - (bracket in (b"]", b"}"))
        if depth > DEPTH_MAX:
            raise ValueError(f"nested deeper than {DEPTH_MAX} levels")


def _sentence(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at {error.pos}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error) if isinstance(error, ValueError) and len(str(error)) < 80 else "nested too deeply or too long"


def _refuse_unstorable(data: Any, dialect: Dialect) -> None:
    wrong = [
        Detail(
            type="string_unicode", loc=dialect.loc("body", loc), msg="Text contains characters that cannot be stored"
        )
        for loc in _unstorable(data, ())
    ]
    if wrong:
        raise Invalid(wrong)


def _unstorable(data: Any, loc: tuple[str | int, ...]) -> Iterable[tuple[str | int, ...]]:
    if isinstance(data, str):
        if "\0" in data or not _is_encodable(data):
            yield loc
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _unstorable(value, (*loc, key if _is_encodable(key) else "?"))
            if "\0" in key or not _is_encodable(key):
                yield (*loc, "?")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _unstorable(value, (*loc, index))


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
