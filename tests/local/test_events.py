"""HTTP becomes a REST proxy event, and an answer becomes HTTP."""

import base64
from typing import Any

import pytest

from infra.local.events import Answer, BadAnswer, FunctionContext, answer_of, proxy_event


def event(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "method": "GET",
        "raw_path": b"/api/products",
        "query": b"",
        "headers": [(b"host", b"127.0.0.1:8080")],
        "body": b"",
        "peer": "127.0.0.1",
        "request_id": "r-1",
    }
    return proxy_event(**{**given, **changes})


def test_what_every_event_says() -> None:
    made = event(method="DELETE")
    context = made["requestContext"]
    assert (made["resource"], made["httpMethod"], made["pathParameters"]) == (
        "/{proxy+}",
        "DELETE",
        {"proxy": "api/products"},
    )
    assert (context["stage"], context["requestId"], context["domainName"]) == ("local", "r-1", "127.0.0.1:8080")
    assert (made["body"], made["isBase64Encoded"]) == (None, False)


@pytest.mark.parametrize(
    ("_case", "path"),
    [("a slash inside a segment", b"/a%2Fb"), ("an escaped percent", b"/a%2520b"), ("UTF-8", b"/%C3%BC")],
)
def test_a_path_stays_as_it_was_sent(_case: str, path: bytes) -> None:
    assert event(raw_path=path)["path"] == path.decode()


@pytest.mark.parametrize(
    ("_case", "query", "parameters"),
    [
        ("none", b"", None),
        ("repeated", b"a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        ("blank", b"a&b=", {"a": [""], "b": [""]}),
        ("escaped", b"q=%C3%BC+x%26y", {"q": ["\u00fc x&y"]}),
    ],
)
def test_query_parameters_are_decoded(_case: str, query: bytes, parameters: Any) -> None:
    assert event(query=query)["multiValueQueryStringParameters"] == parameters


def test_repeated_headers_are_kept() -> None:
    made = event(headers=[(b"x-tag", b"1"), (b"x-tag", b"2")])
    assert (made["multiValueHeaders"]["x-tag"], made["headers"]["x-tag"]) == (["1", "2"], "2")


def test_the_address_is_the_connections_not_a_headers() -> None:
    made = event(headers=[(b"x-forwarded-for", b"203.0.113.9")], peer="127.0.0.7")
    assert made["requestContext"]["identity"]["sourceIp"] == "127.0.0.7"
    assert made["headers"]["X-Forwarded-For"] == "203.0.113.9, 127.0.0.7"


def test_any_body_travels_in_base64() -> None:
    made = event(method="POST", body=b"\x00\xff{}")
    assert made["isBase64Encoded"]
    assert base64.b64decode(made["body"]) == b"\x00\xff{}"


@pytest.mark.parametrize(
    ("_case", "result", "answer"),
    [
        (
            "text",
            {"statusCode": 201, "headers": {"Content-Type": "text/plain"}, "body": "\u00fc"},
            Answer(201, [(b"content-type", b"text/plain")], b"\xc3\xbc"),
        ),
        ("nothing", {"statusCode": 204}, Answer(204, [], b"")),
        (
            "binary",
            {"statusCode": 200, "body": base64.b64encode(b"\xff\x00").decode(), "isBase64Encoded": True},
            Answer(200, [], b"\xff\x00"),
        ),
        (
            "two cookies; many values win over one; lengths are the gateway's",
            {
                "statusCode": 200,
                "headers": {"set-cookie": "c=3", "Content-Length": "99"},
                "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
            },
            Answer(200, [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")], b""),
        ),
    ],
)
def test_an_answer_becomes_http(_case: str, result: dict[str, Any], answer: Answer) -> None:
    assert answer_of(result) == answer


@pytest.mark.parametrize("result", [None, "ok", {}, {"statusCode": "x"}, {"statusCode": 200, "body": 7}])
def test_what_is_no_answer_is_refused(result: Any) -> None:
    with pytest.raises(BadAnswer):
        answer_of(result)


def test_the_context_counts_down() -> None:
    context = FunctionContext("r-1", lasts_s=10)
    assert context.aws_request_id == "r-1"
    assert 9_000 < context.get_remaining_time_in_millis() <= 10_000
    assert FunctionContext(lasts_s=-1).get_remaining_time_in_millis() == 0
