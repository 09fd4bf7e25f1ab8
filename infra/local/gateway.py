"""API Gateway on loopback: granian serves `application`, which calls the very function that Lambda runs.

ASGI and not WSGI, though it costs a third of the rate: only here the path arrives as it was sent, ``%2F`` included. The
function runs in threads, a request each; the event loop only moves bytes.
"""

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any
from uuid import uuid4

from infra.local import meter, sandbox
from infra.local.events import Answer, BadAnswer, FunctionContext, answer_of, proxy_event
from infra.local.processes import die_with_parent

BODY_MAX_BYTES = 10_000_000
"""API Gateway's payload quota."""
DRAINED_MAX_BYTES = 200_000_000
"""A refused body is read to its end up to here, so that the caller gets to see the refusal."""
THREADS = int(os.environ.get("QM_GATEWAY_THREADS", "16"))

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Function = Callable[[dict[str, Any], Any], Any]


class Unfinished(Exception):
    """The body broke off: half a request is none, and the function is not called."""


class Gateway:
    """An ASGI application around one Lambda function."""

    def __init__(self, function: Function, *, threads: int = THREADS) -> None:
        self._function = function
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        if scope["type"] != "http":
            return
        try:
            body = await _read(receive)
        except Unfinished:
            answer = _refusal(400, b'{"message": "Bad Request"}', str(uuid4()))
            await _write(send, answer, with_body=scope["method"] != "HEAD")
            return
        answer = await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, scope, body)
        await _write(send, answer, with_body=scope["method"] != "HEAD")

    def _answer(self, scope: Scope, body: bytes | None) -> Answer:
        path, request_id = bytes(scope["raw_path"]), str(uuid4())
        if path.startswith(sandbox.PREFIX):
            return sandbox.answer(scope["method"], path.decode("ascii", "replace"), scope["query_string"], body or b"")
        if body is None:
            return _too_large(path.decode("ascii", "replace"), request_id)
        return self._call(scope, path, body, request_id)

    def _call(self, scope: Scope, path: bytes, body: bytes, request_id: str) -> Answer:
        event = proxy_event(
            method=scope["method"],
            raw_path=path,
            query=scope["query_string"],
            headers=scope["headers"],
            body=body,
            peer=(scope.get("client") or ("unknown",))[0],
            request_id=request_id,
        )
        try:
            return answer_of(self._function(event, FunctionContext(request_id)))
        except BadAnswer as error:
            print(f"gateway: the function's answer cannot be sent: {error}", file=sys.stderr, flush=True)
        except Exception:
            traceback.print_exc()
        return _refusal(502, b'{"message": "Internal server error"}', request_id)


async def _read(receive: Receive) -> bytes | None:
    """The whole body, None when it is larger than the gateway takes. Raises Unfinished."""
    chunks: list[bytes] = []
    size = 0
    while size <= DRAINED_MAX_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unfinished
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= BODY_MAX_BYTES:
            chunks.append(chunk)
        if not message.get("more_body"):
            break
    return b"".join(chunks) if size <= BODY_MAX_BYTES else None


async def _write(send: Send, answer: Answer, *, with_body: bool) -> None:
    length = (b"content-length", str(len(answer.body)).encode("ascii"))
    has_none = answer.status in (204, 304)
    headers = answer.headers if has_none else [*answer.headers, length]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if with_body and not has_none else b""})


def _too_large(path: str, request_id: str) -> Answer:
    """413 in the dialect of the path's surface, as the deployed gateway's response template words it."""
    from chalicelib.kernel.dialects import dialect_of
    from chalicelib.kernel.errors import TooLarge
    from chalicelib.kernel.pipeline import refused

    response = refused(TooLarge(), dialect_of(path))
    return _refusal(response.status, response.body, request_id)


def _refusal(status: int, body: bytes, request_id: str) -> Answer:
    """What the gateway says by itself, with the headers that the deployed one's responses are given as well."""
    from chalicelib.kernel.headers import complete

    headers = {"Content-Type": "application/json"}
    complete(headers, status=status, request_id=request_id, origin=None)
    return Answer(status, [(name.lower().encode(), value.encode()) for name, value in headers.items()], body)


def _function() -> Function:
    """``app.app``, or what QM_GATEWAY_FUNCTION names as ``module:attribute``."""
    meter.begin()
    module, _, attribute = os.environ.get("QM_GATEWAY_FUNCTION", "app:app").partition(":")
    return meter.api(getattr(import_module(module), attribute))


def __getattr__(name: str) -> Any:
    """`application`, made when a worker of the server asks for it: each worker dies with the server."""
    if name != "application":
        raise AttributeError(name)
    die_with_parent(signal.SIGKILL)
    made = Gateway(_function())
    globals()["application"] = made
    return made
