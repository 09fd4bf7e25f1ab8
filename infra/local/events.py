"""HTTP on one side, API Gateway's REST proxy events (format 1.0) on the other.

Source: API Gateway developer guide, "Lambda proxy integrations": input and output format. The deployed API declares
``*/*`` as binary, so every body arrives in base64 there, and does here.
"""

import base64
import binascii
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

FUNCTION_SECONDS = 29.0
"""How long the gateway waits for the function."""
MEMORY_MB = 1024

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class BadAnswer(Exception):
    """The function returned something that the gateway cannot send: 502 there as here."""


class FunctionContext:
    """The context object of Lambda's Python runtime, as far as programs look at it."""

    function_name = "quartermaster-local"
    function_version = "$LATEST"
    memory_limit_in_mb = MEMORY_MB
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:quartermaster-local"

    def __init__(self, request_id: str | None = None, *, lasts_s: float = FUNCTION_SECONDS) -> None:
        self.aws_request_id = request_id or str(uuid4())
        self._ends_at = time.monotonic() + lasts_s

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function would be stopped."""
        return max(0, int((self._ends_at - time.monotonic()) * 1000))


def proxy_event(
    *, method: str, raw_path: bytes, query: bytes, headers: Headers, body: bytes, peer: str, request_id: str
) -> dict[str, Any]:
    """A request as the function gets it. The path stays percent-encoded, query parameters are decoded."""
    path = raw_path.decode("ascii", "replace")
    names = _gathered((n.decode("latin-1"), v.decode("latin-1")) for n, v in headers)
    names["X-Forwarded-For"] = [", ".join([*names.pop("x-forwarded-for", []), peer])]
    names["X-Forwarded-Proto"] = ["http"]
    parameters = _gathered(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": _last(names),
        "multiValueHeaders": names,
        "queryStringParameters": _last(parameters) or None,
        "multiValueQueryStringParameters": parameters or None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": _context(method, path, names, peer, request_id),
        "body": base64.b64encode(body).decode("ascii") if body else None,
        "isBase64Encoded": bool(body),
    }


def _context(method: str, path: str, names: dict[str, list[str]], peer: str, request_id: str) -> dict[str, Any]:
    now = time.time()
    return {
        "resourcePath": "/{proxy+}",
        "resourceId": "proxy",
        "httpMethod": method,
        "path": f"/local{path}",
        "stage": "local",
        "accountId": "000000000000",
        "apiId": "local",
        "protocol": "HTTP/1.1",
        "domainName": (names.get("host") or [""])[-1],
        "requestId": request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "identity": {"sourceIp": peer, "userAgent": (names.get("user-agent") or [""])[-1]},
    }


def answer_of(result: Any) -> Answer:
    """What the function returned, as HTTP. Raises BadAnswer for what API Gateway would not accept."""
    try:
        status = int(result["statusCode"])
        body = result.get("body") or ""
        content = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode("utf-8")
        headers = list(_answer_headers(result))
    except (TypeError, KeyError, ValueError, AttributeError, binascii.Error) as error:
        raise BadAnswer(f"{type(error).__name__}: {error}") from error
    return Answer(status, headers, content)


def _answer_headers(result: Any) -> Iterable[tuple[bytes, bytes]]:
    """Both maps together; a name in `multiValueHeaders` wins over the same one in `headers`. Lengths are ours."""
    many = {str(name).lower(): values for name, values in (result.get("multiValueHeaders") or {}).items()}
    for name, value in (result.get("headers") or {}).items():
        many.setdefault(str(name).lower(), [value])
    for name, values in many.items():
        if name in ("content-length", "transfer-encoding", "connection"):
            continue
        for value in values:
            yield name.encode("latin-1"), str(value).encode("latin-1", "replace")


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name, []).append(value)
    return gathered


def _last(values: dict[str, list[str]]) -> dict[str, str]:
    return {name: several[-1] for name, several in values.items()}
