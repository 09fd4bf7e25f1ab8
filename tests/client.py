"""Calls the API the way API Gateway does: proxy events into `app.app`, answers out. Safe for threads."""

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4


@dataclass(frozen=True)
class Reply:
    """An answer. `json` is None when the body is no JSON."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as data."""
        return json.loads(self.body) if self.body else None

    @property
    def statements(self) -> int:
        """SQL statements of the request, transaction control included."""
        return int(self.headers["X-Sql-Statements"])


@dataclass(frozen=True)
class Client:
    """A caller: a host (which chooses the organization), headers, an address."""

    host: str
    headers: dict[str, str] = field(default_factory=dict)
    address: str = "203.0.113.7"

    def with_headers(self, **headers: str) -> "Client":
        """The same caller with more headers; underscores become hyphens."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})

    def as_bearer(self, token: str) -> "Client":
        """With a bearer token or API key."""
        return self.with_headers(authorization=f"Bearer {token}")

    def as_key(self, key: str) -> "Client":
        """With an API key in X-API-Key."""
        return self.with_headers(x_api_key=key)

    def with_cookie(self, cookie: str) -> "Client":
        """With a cookie as a Set-Cookie header gave it."""
        return self.with_headers(cookie=cookie.split(";", 1)[0])

    def get(self, path: str, **headers: str) -> Reply:
        """GET; the query stands in the path."""
        return self.call("GET", path, None, headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        """POST; dicts and lists as JSON, bytes as they are."""
        return self.call("POST", path, body, headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Reply:
        """PUT."""
        return self.call("PUT", path, body, headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Reply:
        """PATCH."""
        return self.call("PATCH", path, body, headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> Reply:
        """DELETE."""
        return self.call("DELETE", path, body, headers)

    def call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
        """Any request."""
        answer = self.send(self._event(method, path, body, headers))
        raw = answer["body"]
        content = base64.b64decode(raw) if answer.get("isBase64Encoded") else str(raw).encode()
        cookies = (answer.get("multiValueHeaders") or {}).get("Set-Cookie", [])
        return Reply(answer["statusCode"], answer["headers"], cookies, content)

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        """One proxy event through the application."""
        import app

        answer: dict[str, Any] = app.app(event, None)
        return answer

    def _event(self, method: str, path: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
        parts = urlsplit(path)
        sent = {"host": self.host, **self.headers, **{n.replace("_", "-"): v for n, v in headers.items()}}
        if body is None or isinstance(body, bytes):
            content = body
        else:
            content = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        return {
            "resource": "/{proxy+}",
            "path": parts.path,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": {"proxy": parts.path.lstrip("/")},
            "stageVariables": None,
            "requestContext": {
                "resourcePath": "/{proxy+}",
                "httpMethod": method,
                "path": parts.path,
                "stage": "test",
                "requestId": str(uuid4()),
                "identity": {"sourceIp": self.address, "userAgent": "tests"},
            },
            "body": None if content is None else base64.b64encode(content).decode(),
            "isBase64Encoded": content is not None,
        }
