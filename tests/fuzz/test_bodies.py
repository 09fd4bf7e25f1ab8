"""Every body that no client of ours sends, at every endpoint: a 4xx in the dialect of its surface, and nothing changed."""

from collections.abc import Callable

import pytest

from chalicelib.kernel.endpoint import Endpoint
from tests.fuzz.endpoints import (
    Callers,
    address_of,
    as_json,
    body_fields,
    complaint,
    dialect,
    endpoints,
    invalid,
    name_of,
    path_of,
    snapshot,
)

READERS = [e for e in endpoints() if e.reads_body]
JSON_READERS = [e for e in READERS if e.content == "json"]
SEVEN_MEGABYTES = 7_000_000

BROKEN: dict[str, bytes] = {
    "10,000 arrays": b"[" * 10_000 + b"]" * 10_000,
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 arrays, never closed": b"[" * 10_000,
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "an overlong slash": b'{"a": "\xc0\xaf"}',
    "a surrogate in bytes": b'{"a": "\xed\xa0\x80"}',
    "a bare NUL": b'{"a": "\0"}',
    "only NUL": b"\0\0\0\0",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "minus Infinity": b'{"a": -Infinity}',
    "a number that takes minutes": b'{"a": 1e9999999}',
    "10,000 digits": b'{"a": ' + b"9" * 10_000 + b"}",
    "a key twice": b'{"a": 1, "a": 2}',
    "cut off": b'{"a": "',
    "two values": b"{}{}",
    "a form in JSON's clothes": b"a=1&b=2",
}
OTHER_SHAPES: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "a text": b'"text"',
    "an empty array": b"[]",
    "an array of objects": b"[{}]",
    "an object in an array in an array": b"[[{}]]",
}
HOSTILE_VALUES: dict[str, object] = {
    "2^63": 2**63,
    "-2^64": -(2**64),
    "300 digits": 10**300,
    "a text with NUL": "a\0b",
    "a lone surrogate": "\ud800",
    "an object": {"a": {"b": "c"}},
    "a long array": [[]] * 10_000,
    "a text of 900,000 characters": "x" * 900_000,
}


def refusals(
    callers: Callers,
    chosen: list[Endpoint],
    expected: Callable[[Endpoint], set[int]],
    body: bytes,
    content_type: str | None = "application/json",
) -> list[str]:
    """What is wrong with the answers of these endpoints to a body; nothing may have changed after all of them."""
    callers.gather(chosen)
    before = snapshot(callers.tenant)
    headers = {} if content_type is None else {"content-type": content_type}
    found = [complaint(e, callers.call(e, path_of(e), body, headers), expected(e)) for e in chosen]
    assert snapshot(callers.tenant) == before
    return [each for each in found if each]


def test_there_are_endpoints_of_every_kind() -> None:
    """The tables below are over all of them; an empty table would pass."""
    assert {e.content for e in READERS} >= {"json", "form"}
    assert {dialect(e).name for e in JSON_READERS} == {"plain", "inventory", "storage"}
    assert len(JSON_READERS) > 20


def test_seven_megabytes_are_too_large_for_every_endpoint(callers: Callers) -> None:
    body = b'{"a": "' + b"x" * SEVEN_MEGABYTES + b'"}'
    assert refusals(callers, list(endpoints()), lambda _: {413}, body) == []


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_json_is_refused(case: str, callers: Callers) -> None:
    """A provider signs text: what is none has no good signature."""
    is_text = BROKEN[case].decode(errors="replace").encode() == BROKEN[case]
    assert (
        refusals(
            callers,
            JSON_READERS,
            lambda e: {401} if e.allow.signed_by and not is_text else {invalid(e)},
            BROKEN[case],
        )
        == []
    )


@pytest.mark.parametrize("case", OTHER_SHAPES)
def test_json_of_another_shape_is_refused(case: str, callers: Callers) -> None:
    assert refusals(callers, JSON_READERS, lambda e: {invalid(e)}, OTHER_SHAPES[case]) == []


@pytest.mark.parametrize("case", HOSTILE_VALUES)
def test_a_hostile_value_in_every_field_is_refused(case: str, callers: Callers) -> None:
    wrong = []
    callers.gather(JSON_READERS)
    before = snapshot(callers.tenant)
    for endpoint in JSON_READERS:
        for name in body_fields(endpoint) or ["a"]:
            reply = callers.call(
                endpoint, path_of(endpoint), as_json({name: HOSTILE_VALUES[case]}), {"content-type": "application/json"}
            )
            wrong.append(complaint(endpoint, reply, {invalid(endpoint)}))
    assert [each for each in wrong if each] == []
    assert snapshot(callers.tenant) == before


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/xml",
        "application/octet-stream",
        "json",
        ";;;",
        "application/json/../../x",
        "application/" + "x" * 10_000,
    ],
)
def test_another_content_type_is_refused(content_type: str, callers: Callers) -> None:
    assert refusals(callers, JSON_READERS, lambda _: {415}, b'{"a": 1}', content_type) == []


def test_a_missing_content_type_is_taken_for_json(callers: Callers) -> None:
    assert refusals(callers, JSON_READERS, lambda e: {invalid(e)}, b'{"no such field": 1,', None) == []


FORMS: dict[str, tuple[bytes, str]] = {
    "JSON": (b'{"a": 1}', "application/json"),
    "multipart": (b"--x\r\n\r\n\r\n--x--", "multipart/form-data; boundary=x"),
    "no UTF-8": (b"MessageSid=%ff%fe", "application/x-www-form-urlencoded"),
    "a field twice": (b"MessageSid=a&MessageSid=b", "application/x-www-form-urlencoded"),
    "NUL": (b"MessageSid=%00", "application/x-www-form-urlencoded"),
    "5,000 fields": (b"&".join(b"f%d=1" % n for n in range(5_000)), "application/x-www-form-urlencoded"),
    "a long value": (b"MessageSid=" + b"x" * 100_000, "application/x-www-form-urlencoded"),
}


@pytest.mark.parametrize("case", FORMS)
def test_what_is_no_form_is_refused(case: str, callers: Callers) -> None:
    """401 where the signature is over the fields, and these cannot be read as fields."""
    body, content_type = FORMS[case]
    chosen = [e for e in READERS if e.content == "form"]
    assert refusals(callers, chosen, lambda e: {400, 401, 415, invalid(e)}, body, content_type) == []


def test_a_body_that_nobody_reads_does_no_harm(callers: Callers) -> None:
    chosen = [e for e in endpoints() if not e.reads_body and e.method == "GET"]
    statuses = {name_of(e): callers.call(e, address_of(e), b"[" * 10_000).status for e in chosen}
    assert {
        name: status for name, status in statuses.items() if status not in (200, 302, 304, 401, 403, 404, 422)
    } == {}
