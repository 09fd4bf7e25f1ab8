"""App(Chalice): one greedy gateway resource in, the resolver's route out, every error in its surface's dialect.

The contracts need more resources than API Gateway allows, so the gateway knows ``/{proxy+}`` only; the resolver turns the
path into the Chalice route (FACTS.md, Chalice 5). Handlers are imported when they are first called: the light route table
(`chalicelib/routes.py`, generated from the declarations) says where they are.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from chalice import Chalice
from chalice.app import Request, Response

from chalicelib.kernel import clock, key_uses
from chalicelib.kernel.dialects import Dialect, dialect_of
from chalicelib.kernel.endpoint import DECLARED, Endpoint
from chalicelib.kernel.errors import MethodNotAllowed, NotFound, Refusal
from chalicelib.kernel.headers import complete, origin_of, preflight
from chalicelib.kernel.ids import uuid7
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.pipeline import Trace, answer, refused
from chalicelib.kernel.requests import HttpRequest, HttpResponse
from chalicelib.kernel.resolver import BadPath, Match, Resolver
from chalicelib.kernel.settings import settings

BINARY_TYPES = ("application/octet-stream", "application/pdf", "image/jpeg", "image/png", "image/webp")
LAMBDA_REPLY_BYTES_MAX = 5_900_000
"""Lambda refuses replies above 6 MB (Lambda quotas); larger things travel as signed links."""


class RouteEntry(NamedTuple):
    """One row of the light route table."""

    method: str
    path: str
    module: str
    handler: str
    allow: str


class App(Chalice):  # type: ignore[misc]  # chalice is untyped
    """The API. Call it with an API Gateway proxy event (format 1.0), from any number of threads at once."""

    def __init__(self, name: str, routes: Iterable[RouteEntry]) -> None:
        self._threads = threading.local()
        super().__init__(app_name=name, configure_logs=False)
        self.api.binary_types = list(BINARY_TYPES)
        entries = list(routes)
        self._resolver = Resolver((e.method, e.path, e) for e in entries)
        self._loading = threading.Lock()
        for entry in entries:
            self.route(entry.path, methods=[entry.method], content_types=[], name=entry.handler)(self._view(entry))

    # Chalice keeps the request on the app; here each thread has its own.

    @property
    def current_request(self) -> Request | None:
        """The request of this thread."""
        return getattr(self._threads, "request", None)

    @current_request.setter
    def current_request(self, request: Request | None) -> None:
        self._threads.request = request

    @property
    def lambda_context(self) -> Any:
        """The Lambda context of this thread."""
        return getattr(self._threads, "context", None)

    @lambda_context.setter
    def lambda_context(self, context: Any) -> None:
        self._threads.context = context

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Resolves the path, then lets Chalice call the route."""
        started = time.perf_counter()
        method, path = event["httpMethod"], event["path"]
        try:
            found = self._resolver.resolve(method, path)
        except BadPath:
            return self._refuse(event, NotFound(), started)
        if not isinstance(found, Match):
            if method == "OPTIONS" and found.allowed:
                response = HttpResponse(
                    204, media_type="", headers=preflight(found.allowed, origin_of(event["headers"]))
                )
                return self._finish(event, response, Trace(), "preflight", started, None)
            return self._refuse(event, _no_route(found.allowed), started)
        return super().__call__(_routed(event, found), context)  # type: ignore[no-any-return]  # chalice is untyped

    def _view(self, entry: RouteEntry) -> Callable[..., Response]:
        def view(**variables: str) -> Response:
            request = self.current_request
            assert request is not None
            return self._serve(entry, request.to_original_event(), variables)

        view.__name__ = entry.handler
        return view

    def _serve(self, entry: RouteEntry, event: dict[str, Any], variables: Mapping[str, str]) -> Response:
        started, dialect, trace = time.perf_counter(), dialect_of(event["path"]), Trace()
        code: str | None = None
        try:
            request = HttpRequest.from_event(event)
            response = answer(self._endpoint(entry), request, variables, dialect, trace)
            if len(response.body) > LAMBDA_REPLY_BYTES_MAX:
                raise RuntimeError("a reply is larger than Lambda can return")
        except Refusal as refusal:
            code, response = refusal.code, refused(refusal, dialect)
        except Exception:
            code, response = "internal_error", _surprise(dialect)
            logger.exception("surprise", extra={"route": f"{entry.method} {entry.path}"})
            count("Surprise", route=f"{entry.method} {entry.path}")
        key_uses.add_due() if trace.key is None else key_uses.note(*trace.key)
        finished = self._finish(event, response, trace, f"{entry.method} {entry.path}", started, code)
        return _chalice_response(response, finished)

    def _endpoint(self, entry: RouteEntry) -> Endpoint:
        found = DECLARED.get((entry.method, entry.path))
        if found is None:
            with self._loading:
                import_module(entry.module)
            found = DECLARED[(entry.method, entry.path)]
        return found

    def _refuse(self, event: dict[str, Any], refusal: Refusal, started: float) -> dict[str, Any]:
        response = refused(refusal, dialect_of(event["path"]))
        return self._finish(event, response, Trace(), "-", started, refusal.code)

    def _finish(
        self,
        event: dict[str, Any],
        response: HttpResponse,
        trace: Trace,
        route: str,
        started: float,
        code: str | None,
    ) -> dict[str, Any]:
        """Adds the headers every response has and writes the one log line of the request."""
        request_id = str(event["requestContext"].get("requestId") or uuid7(int(clock.timestamp() * 1000)))
        headers, origin = response.headers, origin_of(event.get("headers"))
        complete(headers, status=response.status, request_id=request_id, origin=origin)
        if settings().is_local:
            headers["X-Sql-Statements"] = str(trace.statements)
        if response.media_type:
            headers["Content-Type"] = response.media_type
        logger.info(
            "request",
            extra={
                "request_id": request_id,
                "route": route,
                "actor": trace.actor,
                "status": response.status,
                "ms": round((time.perf_counter() - started) * 1000, 1),
                "sql": trace.statements,
                "runs": trace.runs,
                "code": code,
            },
        )
        return {
            "statusCode": response.status,
            "headers": headers,
            "multiValueHeaders": {"Set-Cookie": response.cookies} if response.cookies else {},
            "body": response.body.decode("utf-8", "replace"),
            "isBase64Encoded": False,
        }


def _routed(event: dict[str, Any], found: Match[RouteEntry]) -> dict[str, Any]:
    """The event as API Gateway would send it for a resource of its own. Accept is set so that Chalice takes binary replies."""
    context = {**event["requestContext"], "resourcePath": found.target.path, "httpMethod": event["httpMethod"]}
    headers = {**(event.get("headers") or {}), "accept": "application/octet-stream"}
    return {
        **event,
        "resource": found.target.path,
        "headers": headers,
        "requestContext": context,
        "pathParameters": dict(found.variables),
    }


def _chalice_response(response: HttpResponse, finished: dict[str, Any]) -> Response:
    headers: dict[str, str | list[str]] = dict(finished["headers"])
    if response.cookies:
        headers["Set-Cookie"] = response.cookies
    body = response.body if response.media_type in BINARY_TYPES else finished["body"]
    return Response(body=body, headers=headers, status_code=response.status)


def _no_route(allowed: frozenset[str]) -> Refusal:
    return MethodNotAllowed(headers={"Allow": ", ".join(sorted(allowed))}) if allowed else NotFound()


def _surprise(dialect: Dialect) -> HttpResponse:
    class Surprise(Refusal):
        status, code, sentence = 500, "internal_error", "Internal server error"

    return refused(Surprise(), dialect)
