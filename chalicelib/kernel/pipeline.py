"""One request through one endpoint: parse, enter, authorise, claim the key, handle, render, commit.

A handler never sees a transaction begin or end. On a serialization failure or deadlock it runs again.
"""

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from pydantic import BaseModel, ValidationError

from chalicelib.kernel import bodies, deadline, faults, idempotency, webhooks
from chalicelib.kernel.dialects import Dialect
from chalicelib.kernel.endpoint import Binary, Call, Endpoint, Fetched, Outside, Redirect
from chalicelib.kernel.errors import (
    BadRequest,
    Detail,
    Invalid,
    NotFound,
    Refusal,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from chalicelib.kernel.providers import ProviderUnavailable
from chalicelib.kernel.requests import HttpRequest, HttpResponse
from chalicelib.kernel.throttle import check_limit
from chalicelib.kernel.uow import Entrance, EntryRefused, UnitOfWork, by_host, unit_of_work

REQUEST_S = 24.0
"""A request asks nobody outside whose answer may come later than this: the gateway waits 29 s, and what was answered is
still to be recorded."""
RUNS_MAX = 5
"""How often a block is run in all when the database asks to repeat it."""
Answer = TypeVar("Answer")
Step = HttpResponse | Outside[Any, Any] | Fetched[Any]


@dataclass
class Trace:
    """What the log line of a request says besides the request."""

    actor: str = "-"
    statements: int = 0
    runs: int = 0
    cookies: list[str] = field(default_factory=list)
    key: tuple[int, int] | None = None
    """Organization and id of the API key that let the caller in."""


@dataclass(frozen=True)
class Arguments:
    """What the handler is called with."""

    body: BaseModel
    keywords: Mapping[str, Any]


@deadline.within(REQUEST_S)
def answer(
    endpoint: Endpoint, request: HttpRequest, variables: Mapping[str, str], dialect: Dialect, trace: Trace
) -> HttpResponse:
    """The response of an endpoint. Raises Refusal; what else it raises is our mistake."""
    bodies.check_size(request, endpoint.max_bytes)
    if endpoint.limit is not None:
        check_limit(endpoint.limit, request.address)
    entrance = endpoint.allow.entrance(request)
    if endpoint.allow.signed_by is not None:
        webhooks.verify(endpoint.allow.signed_by, request)
        faults.point("webhook.verified", endpoint.allow.signed_by)
    arguments = _parsed(endpoint, request, variables, dialect)
    key = idempotency.key_of(request) if endpoint.keeps_replies else None
    step: Step = repeating(lambda: _first(endpoint, request, entrance, arguments, key, dialect, trace), trace)
    while isinstance(step, Outside):
        step = _next(endpoint, request, entrance, key, step, dialect, trace)
    if isinstance(step, Fetched):
        step = render(endpoint, _ask(step.fetch))
    faults.point("request.answered", endpoint.path)
    return step


def repeating(block: Callable[[], Answer], trace: Trace) -> Answer:
    """Runs a block again, a little later each time, when the database asks for it. Raises Unavailable after `RUNS_MAX`.

    Once more, too, when a name is taken or a record gone that was not when the block looked: somebody else was quicker, and
    the second run sees it and says so. What happens again then is no race but a mistake, and is raised.
    """
    was_overtaken = False
    for run in range(1, RUNS_MAX + 1):
        trace.runs = run
        try:
            return block()
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            time.sleep(random.uniform(0, 0.01 * 2**run))  # noqa: S311  # jitter, not a secret
        except (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation):
            if was_overtaken:
                raise
            was_overtaken = True
    raise Unavailable(retry_after_s=1)


def _parsed(
    endpoint: Endpoint, request: HttpRequest, variables: Mapping[str, str], dialect: Dialect
) -> Arguments | Refusal:
    """The arguments, or why there are none: only who may call learns what is wrong with a request.

    Where anybody may, that is raised at once and the database is not asked.
    """
    try:
        return parse(endpoint, request, variables, dialect)
    except Refusal as refusal:
        if endpoint.allow.is_public or endpoint.allow.signed_by:
            raise
        return refusal


def _first(
    endpoint: Endpoint,
    request: HttpRequest,
    entrance: Entrance,
    arguments: Arguments | Refusal,
    key: idempotency.Key | None,
    dialect: Dialect,
    trace: Trace,
) -> Step:
    with _entered(endpoint, request, entrance, trace) as uow:
        endpoint.allow.check(uow.actor)
        if uow.actor.kind == "api_key":
            trace.key = (uow.organization.id, uow.actor.id)
        if isinstance(arguments, Refusal):
            raise arguments
        if key is not None:
            kept = idempotency.claim(uow, key)
            if kept is not None:
                return kept
        call: Call[Any] = Call(request, uow, arguments.body)
        return _settled(endpoint, uow, key, dialect, lambda: endpoint.handler(call, **arguments.keywords), call.cookies)


def _next(
    endpoint: Endpoint,
    request: HttpRequest,
    entrance: Entrance,
    key: idempotency.Key | None,
    step: Outside[Any, Any],
    dialect: Dialect,
    trace: Trace,
) -> Step:
    """Asks the provider and opens the next transaction; a failure frees the key, for a 5xx is never kept."""

    def following() -> Step:
        with _entered(endpoint, request, entrance, trace) as uow:
            if key is not None:
                uow.savepoint()
            return _settled(endpoint, uow, key, dialect, lambda: step.then(uow, result), [])

    faults.point("request.before_do", endpoint.path)
    try:
        result = _ask(step.do)
        faults.point("request.after_do", endpoint.path)
        return repeating(following, trace)
    except Exception:
        if key is not None:
            with _entered(endpoint, request, entrance, trace) as uow:
                idempotency.release(uow, key)
        raise


def _ask(question: Callable[[], Answer]) -> Answer:
    """The provider's answer. Raises Unavailable, with the time to come back, when there is none; what it raises else."""
    try:
        return question()
    except ProviderUnavailable as error:
        raise Unavailable(retry_after_s=math.ceil(error.retry_after_s or 2)) from error


def _settled(
    endpoint: Endpoint,
    uow: UnitOfWork,
    key: idempotency.Key | None,
    dialect: Dialect,
    handle: Callable[[], Any],
    cookies: list[str],
) -> Step:
    """Runs one step of the handler and keeps its answer under the key, refusals of the caller's making included."""
    try:
        reply = handle()
    except Refusal as refusal:
        if key is None or not _is_final(refusal, dialect):
            raise
        uow.rollback_to_savepoint()
        response = refused(refusal, dialect)
    else:
        if isinstance(reply, Outside | Fetched):
            return reply
        response = render(endpoint, reply)
        response.cookies = cookies
    if key is not None:
        idempotency.keep(uow, key, response)
    return response


def _is_final(refusal: Refusal, dialect: Dialect) -> bool:
    """Whether the same request gets the same refusal again: not when we failed, and not when it only came too soon."""
    return refusal.status_in(dialect.name) < 500 and not isinstance(refusal, TooManyRequests)


class _entered:  # noqa: N801  # reads as the function it is: with _entered(...)
    """A unit of work that refuses unknown credentials in the surface's words and counts statements for the log."""

    def __init__(self, endpoint: Endpoint, request: HttpRequest, entrance: Entrance, trace: Trace) -> None:
        self._endpoint, self._request, self._trace = endpoint, request, trace
        self._opened = unit_of_work(entrance, request_id=request.request_id)

    def __enter__(self) -> UnitOfWork:
        try:
            self._uow = self._enter()
        except EntryRefused as refused_entry:
            raise _unauthenticated(self._endpoint, refused_entry.reason) from None
        self._trace.actor = self._uow.actor.label
        return self._uow

    def _enter(self) -> UnitOfWork:
        """Where nobody is welcome too, a session that was ended or a key that was revoked counts as none."""
        try:
            return self._opened.__enter__()
        except EntryRefused:
            if not self._endpoint.allow.is_public:
                raise
        self._opened = unit_of_work(by_host(self._request.host), request_id=self._request.request_id)
        return self._opened.__enter__()

    def __exit__(self, *exc: Any) -> bool | None:
        try:
            return self._opened.__exit__(*exc)
        finally:
            self._trace.statements += self._uow.statements + (exc[0] is not None)


def _unauthenticated(endpoint: Endpoint, reason: str) -> Refusal:
    if reason == "password_changed" and "wms" in endpoint.allow.audiences:
        return Unauthenticated("Token invalidated by password change")
    if reason == "unknown_host":
        return NotFound()
    return Unauthenticated(endpoint.allow.expired_sentence)


def parse(endpoint: Endpoint, request: HttpRequest, variables: Mapping[str, str], dialect: Dialect) -> Arguments:
    """Path, query and body as the handler wants them. Raises Invalid with every wrong field, NotFound."""
    wrong: list[Detail] = []
    keywords = _variables(endpoint, variables, dialect, wrong)
    bodies.check_query(request)
    query = _model(endpoint.query_model, _query_data(endpoint, request), "query", dialect, wrong)
    if endpoint.takes_query:
        keywords["query"] = query
    body = _model(endpoint.body_model, _body_data(endpoint, request, dialect), "body", dialect, wrong)
    if wrong or body is None:
        raise Invalid(wrong)
    return Arguments(body, keywords)


def _variables(
    endpoint: Endpoint, variables: Mapping[str, str], dialect: Dialect, wrong: list[Detail]
) -> dict[str, Any]:
    keywords: dict[str, Any] = {}
    for name, adapter in endpoint.variables.items():
        try:
            bodies.check_text(variables[name])
            keywords[name] = adapter.validate_python(variables[name])
        except BadRequest:
            raise NotFound from None
        except ValidationError as error:
            if not dialect.path_is_field:
                raise NotFound from None
            wrong += [{**d, "loc": [*d["loc"], name]} for d in bodies.details_of(error, "path", dialect)]
    return keywords


def _query_data(endpoint: Endpoint, request: HttpRequest) -> dict[str, Any]:
    """Repeated parameters as lists where the model wants one; elsewhere a repetition is an error of its own."""
    if not endpoint.takes_query:
        return {}
    fields = endpoint.query_model.model_fields
    data: dict[str, Any] = {}
    for name, values in request.query.items():
        is_list = name in fields and "list" in str(fields[name].annotation)
        data[name] = list(values) if is_list or len(values) > 1 else values[0]
    return data


def _body_data(endpoint: Endpoint, request: HttpRequest, dialect: Dialect) -> Any:
    if not endpoint.reads_body:
        return {}
    if endpoint.content == "form":
        return bodies.read_form(request)
    if endpoint.content == "multipart":
        return bodies.read_multipart(request)
    return bodies.read_json(request, dialect) if request.raw_body.strip() else {}


def _model(model: type[BaseModel], data: Any, place: str, dialect: Dialect, wrong: list[Detail]) -> BaseModel | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong += bodies.details_of(error, place, dialect)
        return None


def render(endpoint: Endpoint, reply: Any) -> HttpResponse:
    """The HTTP form of what a handler returned."""
    if reply is None:
        return HttpResponse(204, media_type="")
    if isinstance(reply, Redirect):
        return HttpResponse(302, media_type="", headers={"Location": reply.location})
    if isinstance(reply, Binary):
        return HttpResponse(reply.status or endpoint.status, reply.content, reply.media_type, dict(reply.headers))
    if endpoint.reply is None:
        raise TypeError(f"{endpoint.method} {endpoint.path} declares no reply")
    return HttpResponse(endpoint.status, endpoint.reply.dump_json(reply))


def refused(refusal: Refusal, dialect: Dialect) -> HttpResponse:
    """The HTTP form of a refusal."""
    import json

    body = json.dumps(dialect.error_body(refusal), default=str).encode()
    return HttpResponse(refusal.status_in(dialect.name), body, headers=dict(refusal.headers))
