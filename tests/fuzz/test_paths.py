"""Hostile paths, queries, headers and methods at every endpoint."""

from collections.abc import Iterator

import pytest

from chalicelib.kernel.dialects import dialect_of
from chalicelib.kernel.endpoint import Endpoint
from tests.client import Client
from tests.fuzz.endpoints import (
    Callers,
    address_of,
    complaint,
    dialect,
    endpoints,
    escaped,
    is_refusal,
    name_of,
    nothing_in,
    path_of,
    redirects,
    snapshot,
)

SEGMENTS: dict[str, str] = {
    "two dots": "..",
    "two dots, escaped": "%2e%2e",
    "up and away": "..%2f..%2f..%2fetc%2fpasswd",
    "up and away, escaped twice": "%252e%252e%252fetc%252fpasswd",
    "a backslash": "..%5c..%5cwindows%5cwin.ini",
    "a bare backslash": "..\\..\\x",
    "an absolute path": "%2fetc%2fpasswd",
    "NUL": "%00",
    "NUL after a good name": "7%00.png",
    "an overlong slash": "..%c0%af..%c0%afetc",
    "an overlong NUL": "%c0%80",
    "no UTF-8": "%ff%fe",
    "half an escape": "%",
    "an escape of nothing": "%zz",
    "a surrogate": "%ed%a0%80",
    "a line break": "7%0d%0aSet-Cookie:%20a=b",
    "blanks": "%20%20",
    "10,000 characters": "x" * 10_000,
    "10,000 digits": "9" * 10_000,
    "10,000 escapes": "%41" * 10_000,
    "64 bits": str(2**64),
    "minus one": "-1",
    "a fraction": "1.5",
    "NaN": "NaN",
    "SQL": escaped("7' OR '1'='1"),
    "a template": escaped("{{7*7}}${7*7}"),
    "a wildcard": "%25",
    "right to left": escaped("\u202e7"),
    "an emoji": escaped("\U0001f4e6"),
}
"""A path's variable as it is sent: escaped already, or deliberately not."""


def with_variables() -> Iterator[tuple[Endpoint, str]]:
    for endpoint in endpoints():
        for variable in endpoint.variables:
            yield endpoint, variable


@pytest.mark.parametrize("case", SEGMENTS)
def test_a_hostile_identifier_names_nothing(case: str, callers: Callers) -> None:
    """404, or a wrong field where the surface says so; the page that a mail's link leads to says it in its address."""
    callers.gather(endpoints())
    before = snapshot(callers.tenant)
    wrong = []
    for endpoint, variable in with_variables():
        body, content_type = nothing_in(endpoint)
        path = address_of(endpoint, **{variable: SEGMENTS[case]})
        reply = callers.call(endpoint, path, body, {"content-type": content_type})
        fitting = {302, 404} if redirects(endpoint) else {404, 422} if dialect(endpoint).path_is_field else {404}
        if endpoint.reads_body and not dialect(endpoint).path_is_field:
            fitting |= {400, 422}
        if endpoint.path == "/docs/{asset}":
            fitting = {404}
        wrong.append(complaint(endpoint, reply, fitting))
    assert [each for each in wrong if each] == []
    assert snapshot(callers.tenant) == before


def test_there_are_variables() -> None:
    assert len(list(with_variables())) > 10


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/api/../../etc/passwd",
        "/api//orders",
        "/api/v1/../v2/jobs",
        "/%2e%2e/app.py",
        "/docs/../app.py",
        "/" + "/".join("a" * 5000),
        "/api/v2/" + "x" * 10000,
        "/api/v1/%00",
        "/\\..\\app.py",
        "/api/orders;a=b",
        "*",
    ],
    ids=lambda path: path[:24] or "empty",
)
def test_an_unknown_path_is_not_found_in_the_dialect_of_its_prefix(path: str, callers: Callers) -> None:
    reply = Client(callers.tenant.host).get(path)
    assert reply.status == 404
    assert is_refusal(dialect_of(path), reply)


QUERIES: dict[str, str] = {
    "5,000 parameters": "&".join(f"p{n}=1" for n in range(5_000)),
    "one parameter 5,000 times": "&".join(["page=1"] * 5_000),
    "NUL": "page=%00",
    "NUL in an unknown one": "x=%00",
    "NUL in the last of many": "x=1&x=2&x=%00",
}


@pytest.mark.parametrize("case", QUERIES)
def test_a_query_that_no_client_sends_is_refused_everywhere(case: str, callers: Callers) -> None:
    callers.gather(endpoints())
    before = snapshot(callers.tenant)
    wrong = []
    for endpoint in endpoints():
        reply = callers.call(endpoint, f"{path_of(endpoint)}?{QUERIES[case]}")
        wrong.append(complaint(endpoint, reply, {400}))
    assert [each for each in wrong if each] == []
    assert snapshot(callers.tenant) == before


VALUES: dict[str, str] = {
    "64 bits": str(2**64),
    "10,000 digits": "9" * 10_000,
    "10,000 characters": "x" * 10_000,
    "no UTF-8": "%ff%fe",
    "NaN": "NaN",
    "a huge exponent": "1e999999999",
    "SQL": escaped("' OR 1=1 --"),
    "a year too far": "99999-01-01T00:00:00Z",
    "the last moment": "9999-12-31T23:59:59.999999-23:59",
    "the first moment": "0001-01-01T00:00:00%2B23:59",
    "brackets": "%5B%5D",
    "commas": "," * 5_000,
    "a line break": "a%0d%0ab",
}


@pytest.mark.parametrize("case", VALUES)
def test_a_hostile_value_in_every_query_parameter_is_no_surprise(case: str, callers: Callers) -> None:
    """Text may be searched for, whatever it says; what cannot be meant is refused in the surface's dialect."""
    wrong = []
    for endpoint in (e for e in endpoints() if e.takes_query):
        for name in endpoint.query_model.model_fields:
            reply = callers.call(endpoint, f"{path_of(endpoint)}?{name}={VALUES[case]}")
            wrong.append(complaint(endpoint, reply, {200, 400, 404, 422}))
    assert [each for each in wrong if each] == []


HEADERS: dict[str, dict[str, str]] = {
    "a header of a megabyte": {"x-bomb": "x" * 1_000_000},
    "2,000 headers": {f"x-bomb-{n}": "x" for n in range(2_000)},
    "a cookie of a megabyte": {"cookie": "qm_session=" + "x" * 1_000_000},
    "100,000 cookies": {"cookie": "; ".join(["qm_session=x"] * 100_000)},
    "a token of a megabyte": {"authorization": "Bearer " + "x" * 1_000_000},
    "a token of dots": {"authorization": "Bearer " + "." * 10_000},
    "a token that is no text": {"authorization": "Bearer \udcff\x00\xe9"},
    "a key of a megabyte": {"x-api-key": "qmk_" + "x" * 1_000_000},
    "a key that is no text": {"x-api-key": "qmk_\udcff\x00\xe9"},
    "a host that is none": {"host": "../../etc/passwd\x00\xff"},
    "an origin that is none": {"origin": "null\x00"},
    "a type of a megabyte": {"content-type": "x" * 1_000_000},
    "an ETag of commas": {"if-none-match": "," * 100_000},
}


@pytest.mark.parametrize("case", HEADERS)
def test_hostile_headers_open_nothing_and_break_nothing(case: str, callers: Callers) -> None:
    """In nobody's name: a public endpoint answers as ever or refuses; every other one refuses.

    A key is looked up with the first statement, after the request was read: a wrong field may be named before it.
    """
    before = snapshot(callers.tenant)
    wrong = []
    for endpoint in endpoints():
        client = Client(callers.tenant.host)
        reply = client.call(endpoint.method, path_of(endpoint), b"" if endpoint.reads_body else None, HEADERS[case])
        is_open = endpoint.allow.is_public
        fitting = {200, 302, 400, 401, 403, 404, 422} if is_open else {401}
        if is_open and endpoint.content == "multipart":
            fitting |= {415}
        if endpoint.allow.api_key and "x-api-key" in HEADERS[case]:
            fitting = {401, 422}
        wrong.append(complaint(endpoint, reply, fitting))
    assert [each for each in wrong if each] == []
    assert snapshot(callers.tenant) == before


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "x" * 100_000, "a\x00b", "a\nb", "é", "\udcff"], ids=lambda key: repr(key[:8])
)
def test_a_hostile_idempotency_key_is_refused(key: str, callers: Callers) -> None:
    chosen = [e for e in endpoints() if e.method == "POST" and e.keeps_replies and not e.reads_body]
    assert chosen
    callers.gather(chosen)
    before = snapshot(callers.tenant)
    replies = [(e, callers.call(e, path_of(e), None, {"idempotency-key": key})) for e in chosen]
    assert [each for e, reply in replies if (each := complaint(e, reply, {400}))] == []
    assert snapshot(callers.tenant) == before


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get", "GET\x00", "")


@pytest.mark.parametrize("method", METHODS)
def test_every_other_method_is_refused_with_those_that_there_are(method: str, callers: Callers) -> None:
    """Of all endpoints whose path fits: a variable takes what a fixed name serves with other methods alone."""
    wrong = []
    for path in dict.fromkeys(path_of(e) for e in endpoints()):
        there = {e.method for e in endpoints() if fits(e, path)}
        if method in there:
            continue
        reply = Client(callers.tenant.host).call(method, path, None, {})
        allowed = set(reply.headers.get("Allow", "").split(", "))
        if reply.status != 405 or not there <= allowed or not is_refusal(dialect_of(path), reply):
            wrong.append((method, path, reply.status, allowed))
    assert wrong == []


def fits(endpoint: Endpoint, path: str) -> bool:
    """Whether a path is one of an endpoint's."""
    names, values = endpoint.path.split("/"), path.split("/")
    return len(names) == len(values) and all(n.startswith("{") or n == v for n, v in zip(names, values, strict=True))


def test_options_says_what_there_is(callers: Callers) -> None:
    for endpoint in endpoints():
        reply = Client(callers.tenant.host).call("OPTIONS", path_of(endpoint), b"{" * 10_000, {})
        assert (reply.status, reply.body) == (204, b""), name_of(endpoint)
        assert endpoint.method in reply.headers["Allow"].split(", ")
