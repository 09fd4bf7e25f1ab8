"""Lambda's Runtime API on loopback: what a function's process talks to, from its first breath on.

Source: Lambda guide, "Using the Lambda runtime API": paths, headers, statuses. A function asks for the next invocation and
waits; it posts the answer or the error of each, or that it could not even start.
"""

import json
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

PREFIX = "/2018-06-01/runtime"
RESPONSE_BYTES_MAX = 6 * 1024 * 1024
"""Of a synchronous answer (Lambda guide, Quotas)."""
ACCOUNT = "arn:aws:lambda:us-east-1:000000000000:function"


class FunctionFailed(Exception):
    """The function raised, did not start, ended or took too long; `kind` and `error` are what it said."""

    def __init__(self, kind: str, error: dict[str, Any]) -> None:
        super().__init__(f"{kind}: {error.get('errorType', '')} {error.get('errorMessage', '')}".strip())
        self.kind, self.error = kind, error


@dataclass
class Invocation:
    """One event on its way through the function."""

    event: Any
    deadline_ms: int
    id: str = field(default_factory=lambda: str(uuid4()))
    done: threading.Event = field(default_factory=threading.Event)
    answer: Any = None
    error: dict[str, Any] | None = None
    kind: str = ""


class RuntimeApi:
    """The API of one function. `invoke` may be called from any thread; the function works on one event at a time."""

    def __init__(self, function_name: str) -> None:
        self._function_name = function_name
        self._waiting: deque[Invocation] = deque()
        self._running: dict[str, Invocation] = {}
        self._changed = threading.Condition()
        self._is_closed = False
        self._dead: FunctionFailed | None = None
        self.is_ready = threading.Event()
        """Set when the function asked for its first invocation: it has started."""
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """What AWS_LAMBDA_RUNTIME_API says."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def invoke(self, event: Any, timeout_s: float) -> Any:
        """What the function answers to an event. Raises FunctionFailed."""
        invocation = Invocation(event, int((time.time() + timeout_s) * 1000))
        with self._changed:
            if self._dead is not None:
                raise self._dead
            self._waiting.append(invocation)
            self._changed.notify_all()
        if not invocation.done.wait(timeout_s):
            raise FunctionFailed("Sandbox.Timedout", {"errorMessage": f"Task timed out after {timeout_s:.2f} seconds"})
        if invocation.error is not None:
            raise FunctionFailed(invocation.kind, invocation.error)
        return invocation.answer

    def give_up(self, kind: str, error: dict[str, Any]) -> None:
        """The function will answer nothing any more: everybody who waits hears it, and so does whoever asks later."""
        with self._changed:
            self._dead = self._dead or FunctionFailed(kind, error)
            for invocation in (*self._waiting, *self._running.values()):
                invocation.error, invocation.kind = self._dead.error, self._dead.kind
                invocation.done.set()
            self._waiting.clear()
            self._running.clear()
        self.is_ready.set()

    def close(self) -> None:
        """Stops the server. May be repeated."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def next(self) -> Invocation | None:
        """The next invocation, waited for; None when the API is closed."""
        self.is_ready.set()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if self._is_closed:
                return None
            invocation = self._waiting.popleft()
            self._running[invocation.id] = invocation
            return invocation

    def settle(self, invocation_id: str, body: bytes, error_type: str | None) -> int:
        """Takes an answer, or an error when `error_type` is given; the status for the function."""
        with self._changed:
            invocation = self._running.pop(invocation_id, None)
        if invocation is None:
            return 400
        if error_type is None and len(body) > RESPONSE_BYTES_MAX:
            invocation.kind = "Function.ResponseSizeTooLarge"
            invocation.error = {
                "errorMessage": f"Response payload size exceeded maximum allowed payload size ({len(body)})"
            }
            invocation.done.set()
            return 413
        said = json.loads(body or b"null")
        if error_type is None:
            invocation.answer = said
        else:
            invocation.kind, invocation.error = error_type, said
        invocation.done.set()
        return 202

    def headers_of(self, invocation: Invocation) -> dict[str, str]:
        """Headers of an invocation."""
        return {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": f"{ACCOUNT}:{self._function_name}",
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid4().hex[:24]};Sampled=0",
        }


class _Server(ThreadingHTTPServer):
    """The HTTP side: one connection of one function's process."""

    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that is ended leaves its connection open; everything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together; apart, each answer would wait for an acknowledgement
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}/invocation/next":
            self._answer(404)
            return
        invocation = self.server.api.next()
        if invocation is None:  # the function's process is ended, and may be gone already
            self.close_connection = True
            return
        self._answer(200, self.server.api.headers_of(invocation), json.dumps(invocation.event).encode())

    def do_POST(self) -> None:
        body = self._body()
        parts = self.path.removeprefix(PREFIX).strip("/").split("/")
        error_type = self.headers.get("Lambda-Runtime-Function-Error-Type") or "Runtime.Unknown"
        if parts == ["init", "error"]:
            self.server.api.give_up(error_type, json.loads(body or b"{}"))
            self._answer(202)
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] in ("response", "error"):
            self._answer(self.server.api.settle(parts[1], body, error_type if parts[2] == "error" else None))
        else:
            self._answer(404)

    def _body(self) -> bytes:
        """The whole body; the runtime client sends an answer in one piece or in chunks (RFC 9112, 7.1)."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b'{"status":"OK"}') -> None:
        self.send_response(status)
        own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**(headers or {}), **own}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Says nothing: the function's own log is what one wants to read."""
