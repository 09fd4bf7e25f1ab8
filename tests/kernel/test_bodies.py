"""What arrives is read by one reader: everything hostile gets a plain refusal in the dialect of its path."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client import Reply
from tests.kernel.apps import PREFIXES, KernelClient, error_body

INVALID_STATUS = {"/api/kernel": 400, "/api/v1/kernel": 422, "/api/v2/kernel": 422}
PARCEL = {"name": "Books", "weight_g": 1200, "lines": [{"sku": "A-1", "quantity": 2}], "price": 12.5}


def details(prefix: str, reply: Reply) -> list[dict[str, Any]]:
    """The list of wrong fields, after a look at everything around it."""
    assert reply.status == INVALID_STATUS[prefix], reply.body
    assert reply.headers["X-Request-Id"]
    if prefix.startswith("/api/v2"):
        assert set(reply.json) == {"detail"}
        found: list[dict[str, Any]] = reply.json["detail"]
    else:
        code = {"code": "validation_error"} if prefix.startswith("/api/v1") else {}
        assert reply.json == {"error": "validation_error", "details": reply.json["details"], **code}
        found = reply.json["details"]
    assert all(set(item) == {"type", "loc", "msg"} for item in found)
    return found


def locations(prefix: str, reply: Reply) -> set[tuple[Any, ...]]:
    return {tuple(item["loc"]) for item in details(prefix, reply)}


def in_place(prefix: str, place: str, *loc: Any) -> tuple[Any, ...]:
    """Only the storage surface says whether a field stood in the body, the query or the path."""
    return (place, *loc) if prefix.startswith("/api/v2") else loc


def post_raw(kernel: KernelClient, prefix: str, raw: bytes, content_type: str = "application/json") -> Reply:
    return kernel.post(f"{prefix}/parcels/7", raw, content_type=content_type)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_good_request_is_understood(kernel: KernelClient, prefix: str) -> None:
    reply = kernel.post(f"{prefix}/parcels/7?page=3&tags=a&tags=b", PARCEL)
    assert (reply.status, reply.json) == (
        201,
        {
            "parcel_id": 7,
            "parcel": {**PARCEL, "note": None},
            "query": {"page": 3, "tags": ["a", "b"], "word": ""},
        },
    )
    assert reply.statements == 3


@pytest.mark.parametrize(
    ("_case", "content_type", "status"),
    [
        ("none is taken for JSON", None, 201),
        ("with a charset", "application/json; charset=utf-8", 201),
        ("in capitals", "APPLICATION/JSON", 201),
        ("a dialect of JSON", "application/merge-patch+json", 201),
        ("plain text, as forms of other sites can send it", "text/plain", 415),
        ("a form", "application/x-www-form-urlencoded", 415),
        ("multipart", "multipart/form-data; boundary=x", 415),
        ("xml", "application/xml", 415),
        ("nonsense", "{}", 415),
        ("parameters of nothing", ";charset=utf-8", 415),
        ("blank", " ", 201),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_content_type_decides(
    kernel: KernelClient, prefix: str, _case: str, content_type: str | None, status: int
) -> None:
    headers = {} if content_type is None else {"content_type": content_type}
    reply = kernel.post(f"{prefix}/parcels/7", json.dumps(PARCEL).encode(), **headers)
    assert reply.status == status
    if status == 415:
        assert reply.json == error_body(prefix, "unsupported_media_type", "unsupported_media_type")


@pytest.mark.parametrize(
    ("_case", "raw", "message"),
    [
        ("broken", b'{"name": ', "JSON decode error: Expecting value at 9"),
        ("two values", b"{} {}", "JSON decode error: Extra data at 3"),
        ("single quotes", b"{'name': 1}", "JSON decode error: Expecting property name enclosed in double quotes at 1"),
        ("a comment", b"{/* */}", "JSON decode error: Expecting property name enclosed in double quotes at 1"),
        ("a key twice", b'{"name": "a", "name": "b"}', "JSON decode error: an object names a key twice"),
        ("a key twice, deep", b'{"lines": [{"sku": 1, "sku": 2}]}', "JSON decode error: an object names a key twice"),
        (
            "a key twice, once escaped",
            b'{"name": 1, "n\\u0061me": 2}',
            "JSON decode error: an object names a key twice",
        ),
        ("not a number", b'{"weight_g": NaN}', "JSON decode error: NaN is not a JSON number"),
        ("infinity", b'{"weight_g": Infinity}', "JSON decode error: Infinity is not a JSON number"),
        ("minus infinity", b'{"weight_g": -Infinity}', "JSON decode error: -Infinity is not a JSON number"),
        ("no UTF-8", b'{"name": "\xff"}', "JSON decode error: not UTF-8"),
        ("Latin-1", "{'name': 'ü'}".encode("latin-1"), "JSON decode error: not UTF-8"),
        ("UTF-16", '{"name": "a"}'.encode("utf-16"), "JSON decode error: not UTF-8"),
        ("a surrogate as bytes", b'{"name": "\xed\xa0\x80"}', "JSON decode error: not UTF-8"),
        ("an overlong slash", b'{"name": "\xc0\xaf"}', "JSON decode error: not UTF-8"),
        ("a byte order mark", b"\xef\xbb\xbf{}", None),
        ("10,000 arrays", b"[" * 10_000 + b"]" * 10_000, "JSON decode error: nested deeper than 32 levels"),
        ("10,000 arrays, never closed", b"[" * 10_000, "JSON decode error: nested deeper than 32 levels"),
        ("10,000 objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "JSON decode error: nested deeper than 32 levels"),
        ("33 levels", b"[" * 33 + b"]" * 33, "JSON decode error: nested deeper than 32 levels"),
        ("5,000 digits", b'{"weight_g": ' + b"9" * 5_000 + b"}", None),
        ("a huge exponent", b'{"weight_g": 1e999999999999999999999}', None),
        ("control characters", b'{"name": "a\nb"}', "JSON decode error: Invalid control character at at 11"),
        ("a bare NUL", b'{"name": "a\0b"}', "JSON decode error: Invalid control character at at 11"),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_is_no_json_is_one_wrong_body(
    kernel: KernelClient, prefix: str, _case: str, raw: bytes, message: str | None
) -> None:
    found = details(prefix, post_raw(kernel, prefix, raw))
    assert [(item["type"], tuple(item["loc"])) for item in found] == [("json_invalid", in_place(prefix, "body"))]
    if message is not None:
        assert found[0]["msg"] == message


@pytest.mark.parametrize(
    ("_case", "raw"),
    [
        ("32 levels", b'{"name":' + b"[" * 31 + b"]" * 31 + b"}"),
        ("brackets in a text do not nest", json.dumps({"name": "[" * 200, "weight_g": "x"}).encode()),
        ("brackets and quotes in a text", json.dumps({"name": '"[{\\' * 60, "weight_g": "x"}).encode()),
        ("a list", b"[]"),
        ("a text", b'"x"'),
        ("a number", b"1"),
        ("null", b"null"),
        ("true", b"true"),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_json_of_another_shape_names_the_wrong_fields(
    kernel: KernelClient, prefix: str, _case: str, raw: bytes
) -> None:
    found = details(prefix, post_raw(kernel, prefix, raw))
    assert found
    assert "json_invalid" not in {item["type"] for item in found}


@pytest.mark.parametrize(
    ("_case", "raw", "loc"),
    [
        ("NUL in a value", rb'{"name": "a\u0000b", "weight_g": 1}', ("name",)),
        ("lone surrogate in a value", rb'{"name": "\ud800", "weight_g": 1}', ("name",)),
        ("surrogates in the wrong order", rb'{"name": "\udc00\ud800", "weight_g": 1}', ("name",)),
        ("deep", rb'{"lines": [{"sku": "\u0000", "quantity": 1}]}', ("lines", 0, "sku")),
        ("NUL in a key", rb'{"na\u0000me": 1}', ("?",)),
        ("lone surrogate in a key", rb'{"\ud800": 1}', ("?",)),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_text_that_no_column_can_hold_is_refused(
    kernel: KernelClient, prefix: str, _case: str, raw: bytes, loc: tuple[Any, ...]
) -> None:
    reply = post_raw(kernel, prefix, raw)
    assert locations(prefix, reply) == {in_place(prefix, "body", *loc)}
    assert details(prefix, reply)[0]["type"] == "string_unicode"


def test_a_surrogate_pair_is_a_character(kernel: KernelClient) -> None:
    reply = post_raw(kernel, "/api/kernel", rb'{"name": "\ud83d\udce6", "weight_g": 1}')
    assert (reply.status, reply.json["parcel"]["name"]) == (201, "📦")


@pytest.mark.parametrize(
    "number",
    [2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**300, 0, -1, 1.5, "1", True, None, [], {}],
    ids=str,
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_quantity_is_a_whole_number_within_bounds(kernel: KernelClient, prefix: str, number: Any) -> None:
    reply = kernel.post(f"{prefix}/parcels/7", {**PARCEL, "weight_g": number})
    assert locations(prefix, reply) == {in_place(prefix, "body", "weight_g")}


@pytest.mark.parametrize("number", ["1E+300", "1e-300", "0.1", "1e5", "-0.0", "123456789012345678901234567890.5"])
def test_a_quantity_written_as_a_decimal_is_refused(kernel: KernelClient, number: str) -> None:
    raw = f'{{"name": "a", "weight_g": {number}}}'.encode()
    assert locations("/api/kernel", post_raw(kernel, "/api/kernel", raw)) == {("weight_g",)}


@pytest.mark.parametrize("number", ["1e9999999", "1e-9999999", "0e9999999", "1e309", "1e-309", "-1e400"])
def test_a_number_that_only_costs_time_is_refused_before_any_model_sees_it(kernel: KernelClient, number: str) -> None:
    found = details("/api/kernel", post_raw(kernel, "/api/kernel", f'{{"weight_g": {number}}}'.encode()))
    assert [item["msg"] for item in found] == ["JSON decode error: a number is out of range"]


@pytest.mark.parametrize("path_id", ["0", "-1", "2147483648", "99999999999999999999", "1.5", "x", "%20", "١"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_id_that_cannot_be_is_not_found_or_a_wrong_field(kernel: KernelClient, prefix: str, path_id: str) -> None:
    reply = kernel.post(f"{prefix}/parcels/{path_id}", PARCEL)
    if prefix.startswith("/api/v2"):
        assert locations(prefix, reply) == {("path", "parcel_id")}
    else:
        assert (reply.status, reply.json) == (404, error_body(prefix, "Not found", "not_found"))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_wrong_field_is_named_at_once(kernel: KernelClient, prefix: str) -> None:
    body = {
        "weight_g": 0,
        "lines": [{"sku": "", "quantity": 1.5}, {"quantity": 1, "colour": "red"}],
        "extra": 1,
        "price": 0.005,
    }
    reply = kernel.post(f"{prefix}/parcels/{'x' if 'v2' in prefix else '7'}?page=0&colour=red&word=a&word=b", body)
    in_query = {in_place(prefix, "query", name) for name in ("page", "colour", "word")}
    in_body = {
        in_place(prefix, "body", *loc)
        for loc in (
            ("name",),
            ("weight_g",),
            ("lines", 0, "sku"),
            ("lines", 0, "quantity"),
            ("lines", 1, "sku"),
            ("lines", 1, "colour"),
            ("extra",),
            ("price",),
        )
    }
    in_path = {("path", "parcel_id")} if "v2" in prefix else set()
    assert locations(prefix, reply) == in_query | in_body | in_path


def test_what_was_sent_is_not_echoed(kernel: KernelClient) -> None:
    reply = kernel.post("/api/kernel/parcels/7", {**PARCEL, "weight_g": "hunter2", "password": "hunter2"})
    assert reply.status == 400
    assert b"hunter2" not in reply.body


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_body_of_seven_megabytes_is_too_large(kernel: KernelClient, prefix: str) -> None:
    reply = post_raw(kernel, prefix, b'{"name": "' + b"a" * 7_000_000 + b'"}')
    assert (reply.status, reply.json) == (413, error_body(prefix, "payload_too_large", "payload_too_large"))


def test_the_largest_body_is_one_million_bytes(kernel: KernelClient) -> None:
    start, end = b'{"weight_g": 1, "name": "', b'"}'
    fitting = start + b"a" * (1_000_000 - len(start) - len(end)) + end
    assert post_raw(kernel, "/api/kernel", fitting).status == 400  # read, and the name is too long
    assert post_raw(kernel, "/api/kernel", fitting + b" ").status == 413


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_empty_body_lacks_its_required_fields(kernel: KernelClient, prefix: str) -> None:
    for raw in (b"", b"  \n"):
        expected = {in_place(prefix, "body", "name"), in_place(prefix, "body", "weight_g")}
        assert locations(prefix, post_raw(kernel, prefix, raw)) == expected


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_body_that_is_no_base64_is_refused(kernel: KernelClient, prefix: str) -> None:
    event = kernel._event("POST", f"{prefix}/parcels/7", b"{}", {})
    answer = kernel.send({**event, "body": "no base 64!"})
    expected = error_body(prefix, "The body cannot be read", "bad_request")
    assert (answer["statusCode"], json.loads(answer["body"])) == (400, expected)


def test_a_body_that_the_gateway_sent_as_text_is_read(kernel: KernelClient) -> None:
    event = kernel._event("POST", "/api/kernel/parcels/7", b"{}", {"content-type": "application/json"})
    for text, status in (
        (json.dumps({**PARCEL, "name": "Bücher"}, ensure_ascii=False), 201),
        ('{"name": "\ud800"}', 400),
    ):
        assert kernel.send({**event, "body": text, "isBase64Encoded": False})["statusCode"] == status


# Queries.


@pytest.mark.parametrize("prefix", PREFIXES)
def test_thousands_of_query_parameters_are_refused(kernel: KernelClient, prefix: str) -> None:
    for query in ("&".join(f"p{n}=1" for n in range(5_000)), "&".join(["tags=a"] * 5_000)):
        reply = kernel.post(f"{prefix}/parcels/7?{query}", PARCEL)
        assert (reply.status, reply.json) == (400, error_body(prefix, "Too many query parameters", "bad_request"))


@pytest.mark.parametrize(
    ("_case", "query", "loc"),
    [
        ("repeated", "page=1&page=2", ("page",)),
        ("repeated, the same", "page=1&page=1", ("page",)),
        ("unknown", "colour=red", ("colour",)),
        ("unknown, without a value", "colour", ("colour",)),
        ("out of range", "page=10001", ("page",)),
        ("beyond 64 bits", f"page={2**64}", ("page",)),
        ("thousands of digits", f"page={'9' * 5000}", ("page",)),
        ("no number", "page=one", ("page",)),
        ("empty", "page=", ("page",)),
        ("an array in PHP's way", "page[]=1", ("page[]",)),
        ("too many of a list", "&".join(["tags=a"] * 21), ("tags",)),
        ("a line break", "word=a%0Ab", ("word",)),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_query_parameter_that_is_wrong_is_named(
    kernel: KernelClient, prefix: str, _case: str, query: str, loc: tuple[str]
) -> None:
    reply = kernel.post(f"{prefix}/parcels/7?{query}", PARCEL)
    assert locations(prefix, reply) == {in_place(prefix, "query", *loc)}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_query_that_no_column_can_hold_is_refused(kernel: KernelClient, prefix: str) -> None:
    for query in ("word=%00", "tags=a&tags=%00"):
        reply = kernel.post(f"{prefix}/parcels/7?{query}", PARCEL)
        sentence = "Text contains characters that cannot be stored"
        assert (reply.status, reply.json) == (400, error_body(prefix, sentence, "bad_request"))


def test_a_query_name_that_no_column_can_hold_is_refused(kernel: KernelClient) -> None:
    assert kernel.post("/api/kernel/parcels/7?a%00b=1", PARCEL).status == 400


# Forms.


def form(
    kernel: KernelClient, prefix: str, raw: bytes, content_type: str = "application/x-www-form-urlencoded"
) -> Reply:
    return kernel.post(f"{prefix}/slips", raw, content_type=content_type)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_form_is_understood(kernel: KernelClient, prefix: str) -> None:
    reply = form(kernel, prefix, b"name=B%C3%BCcher+und+mehr&quantity=3")
    assert (reply.status, reply.json) == (200, {"said": {"name": "Bücher und mehr", "quantity": 3}})


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_form_names_every_wrong_field(kernel: KernelClient, prefix: str) -> None:
    reply = form(kernel, prefix, b"quantity=100&colour=red")
    assert locations(prefix, reply) == {in_place(prefix, "body", name) for name in ("name", "quantity", "colour")}


@pytest.mark.parametrize(
    ("_case", "raw"),
    [
        ("a field twice", b"name=a&name=b&quantity=1"),
        ("NUL", b"name=%00&quantity=1"),
        ("no UTF-8", b"name=%FF&quantity=1"),
        ("raw bytes that are no UTF-8", b"name=\xff&quantity=1"),
        ("5,000 fields", b"&".join(b"f%d=1" % n for n in range(5_000))),
        ("a very long name", b"n" * 100_000 + b"=1"),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_hostile_form_is_refused(kernel: KernelClient, prefix: str, _case: str, raw: bytes) -> None:
    reply = form(kernel, prefix, raw)
    assert reply.status in (400, INVALID_STATUS[prefix]), reply.body
    assert ("detail" if "v2" in prefix else "error") in reply.json


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_form_is_no_json(kernel: KernelClient, prefix: str) -> None:
    for content_type in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        assert form(kernel, prefix, b"{}", content_type).status == 415


def multipart(*parts: tuple[str, bytes], boundary: bytes = b"frontier") -> bytes:
    """Parts are (headers after the name, content)."""
    lines = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (boundary, head.encode("latin-1"), content)
        for head, content in parts
    )
    return lines + b"--%s--\r\n" % boundary


TITLE = ('name="title"', b"Bild")
FILE = ('name="file"; filename="a.png"\r\nContent-Type: image/png', b"\x89PNG\r\n\0\xff")


def upload(
    kernel: KernelClient, prefix: str, raw: bytes, content_type: str = "multipart/form-data; boundary=frontier"
) -> Reply:
    return kernel.post(f"{prefix}/pictures", raw, content_type=content_type)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_multipart_body_is_understood(kernel: KernelClient, prefix: str) -> None:
    reply = upload(kernel, prefix, multipart(TITLE, FILE))
    assert (reply.status, reply.json) == (200, {"said": ["Bild", "a.png", "image/png", 8]})


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_multipart_body_names_every_wrong_field(kernel: KernelClient, prefix: str) -> None:
    reply = upload(kernel, prefix, multipart(('name="file"', b"a text"), ('name="colour"', b"red")))
    assert locations(prefix, reply) == {in_place(prefix, "body", name) for name in ("title", "file", "colour")}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_file_where_a_text_belongs_is_a_wrong_field(kernel: KernelClient, prefix: str) -> None:
    reply = upload(kernel, prefix, multipart(('name="title"; filename="t"', b"x"), FILE))
    assert locations(prefix, reply) == {in_place(prefix, "body", "title")}


@pytest.mark.parametrize(
    ("_case", "raw", "content_type"),
    [
        ("no boundary", multipart(TITLE, FILE), "multipart/form-data"),
        ("another boundary", multipart(TITLE, FILE), "multipart/form-data; boundary=other"),
        ("cut off", multipart(TITLE, FILE)[:-20], "multipart/form-data; boundary=frontier"),
        ("empty", b"", "multipart/form-data; boundary=frontier"),
        ("a text twice", multipart(TITLE, TITLE, FILE), "multipart/form-data; boundary=frontier"),
        ("a file twice", multipart(TITLE, FILE, FILE), "multipart/form-data; boundary=frontier"),
        ("NUL in a text", multipart(('name="title"', b"\0"), FILE), "multipart/form-data; boundary=frontier"),
        ("no UTF-8", multipart(('name="title"', b"\xff"), FILE), "multipart/form-data; boundary=frontier"),
        (
            "1,000 parts",
            multipart(*[(f'name="f{n}"', b"") for n in range(1_000)]),
            "multipart/form-data; boundary=frontier",
        ),
        (
            "a charset that does not exist",
            multipart(TITLE, FILE),
            "multipart/form-data; boundary=frontier; charset=klingon",
        ),
        ("nonsense", b"\0" * 1000, "multipart/form-data; boundary=frontier"),
        ("JSON", b"{}", "application/json"),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_hostile_multipart_body_is_refused(
    kernel: KernelClient, prefix: str, _case: str, raw: bytes, content_type: str
) -> None:
    reply = upload(kernel, prefix, raw, content_type)
    assert reply.status in (400, 415, INVALID_STATUS[prefix]), reply.body
    assert ("detail" if "v2" in prefix else "error") in reply.json


# Whatever comes.


@settings(max_examples=60, deadline=None)
@given(
    raw=st.one_of(
        st.binary(max_size=300),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
            max_leaves=10,
        ).map(lambda data: json.dumps(data).encode()),
    ),
    query=st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=3),
    variable=st.text(max_size=8),
    content_type=st.sampled_from(["application/json", "text/json", "", "multipart/form-data; boundary=x", "x/y"]),
)
def test_no_request_is_a_surprise(
    session_kernel: KernelClient, raw: bytes, query: list[tuple[str, str]], variable: str, content_type: str
) -> None:
    sent = urlencode(query, errors="replace")
    for prefix in PREFIXES:
        for path in (f"/parcels/{quote(variable, safe='', errors='replace')}", "/slips", "/pictures"):
            reply = session_kernel.post(f"{prefix}{path}?{sent}", raw, content_type=content_type)
            assert reply.status in (200, 201, 400, 404, 405, 415, 422), reply.body
