"""HTTP as the people and programs of the day use it, printed as it happens."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from typing import Any, Self
from urllib.parse import urlsplit

from urllib3 import encode_multipart_formdata

PATIENCE_S = 30.0


class DayFailed(Exception):
    """The platform did not do what the day expects; the sentence says what."""


@dataclass(frozen=True)
class Reply:
    """An answer: status, headers (lower case names), data."""

    status: int
    headers: dict[str, str]
    data: Any


@dataclass(frozen=True)
class Form:
    """A multipart form: texts, and files as (name, content, media type)."""

    fields: dict[str, str | tuple[str, bytes, str]]


@dataclass
class Caller:
    """Somebody who calls: a base URL and what identifies them. Prints every call it is asked to show."""

    base_url: str
    headers: dict[str, str] = field(default_factory=dict)

    def signed_in(self, **headers: str) -> Self:
        """The same base URL with other credentials; underscores become hyphens."""
        return replace(self, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def get(self, path: str, *, note: str | Callable[[Any], str] = "", expect: int | tuple[int, ...] = 200) -> Any:
        """GET; the data of the answer."""
        return self.call("GET", path, None, note=note, expect=expect).data

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        note: str | Callable[[Any], str] = "",
        expect: int | tuple[int, ...] = (200, 201),
    ) -> Any:
        """POST; the data of the answer."""
        return self.call("POST", path, body, note=note, expect=expect).data

    def call(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        note: str | Callable[[Any], str] = "",
        expect: int | tuple[int, ...] = 200,
    ) -> Reply:
        """Any call; printed with its note. Raises DayFailed when the status is not one of `expect`."""
        reply = self.quiet(method, path, body)
        expected = (expect,) if isinstance(expect, int) else expect
        if reply.status not in expected:
            raise DayFailed(f"{method} {path} answered {reply.status} instead of {expect}: {str(reply.data)[:600]}")
        told = note(reply.data) if callable(note) else note
        if told:
            show(f"{method:<5}{path.split('?')[0]:<44}{reply.status}  {told}")
        return reply

    def quiet(self, method: str, path: str, body: Any = None) -> Reply:
        """Any call, not printed, any status."""
        return self.send(method, path, body, self.headers)

    def send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        """One request on a connection of its own. Raises OSError and HTTPException when there is no answer."""
        parts = urlsplit(self.base_url)
        connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=PATIENCE_S)
        try:
            sent = {**headers}
            content: bytes | None = None
            if isinstance(body, Form):
                content, sent["Content-Type"] = encode_multipart_formdata(body.fields)
            elif body is not None:
                content, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            raw = answer.read()
            received = {name.lower(): value for name, value in answer.getheaders()}
            is_json = raw and "json" in received.get("content-type", "")
            return Reply(answer.status, received, json.loads(raw) if is_json else raw.decode("utf-8", "replace"))
        finally:
            connection.close()


def show(line: str) -> None:
    """One line of the day."""
    print(f"     {line}", flush=True)


def headline(number: int, text: str) -> None:
    """A step of the day begins."""
    print(f"\n  {number}  {text}", flush=True)


def until(what: str, look: Callable[[], Any], *, patience_s: float = PATIENCE_S, pause_s: float = 0.1) -> Any:
    """Looks again, every `pause_s`, until there is something true. Raises DayFailed when the patience ends."""
    deadline = time.monotonic() + patience_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise DayFailed(f"{what} did not happen within {patience_s:.0f} seconds")
        time.sleep(pause_s)


def dollars(amount: float) -> str:
    """An amount for people."""
    return f"${amount:,.2f}"
