"""@endpoint: the one declaration from which routing, parsing, authorization, the reply and OpenAPI come.

    @endpoint("POST", "/api/v1/orders/{order_id}/reserve", allow=KEY("inventory:write"), errors=(OutOfStock,))
    def reserve_order(call: Call[NoBody], order_id: PathId) -> OrderView: ...

The body model stands in ``Call[...]``, a parameter called ``query`` is the model of the query, every other parameter is
a variable of the path, the return annotation is the reply: a model, a list of models, None (204), `Redirect`, `Binary`,
or one of these beside `Outside` when a provider must be asked between two transactions, or beside `Fetched`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import NoneType, UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter

from chalicelib.kernel import cookies
from chalicelib.kernel.access import Access
from chalicelib.kernel.errors import Refusal
from chalicelib.kernel.principals import Actor, Organization
from chalicelib.kernel.requests import HttpRequest
from chalicelib.kernel.shapes import NoBody, NoQuery
from chalicelib.kernel.throttle import Limit
from chalicelib.kernel.uow import UnitOfWork

Body = TypeVar("Body", bound=BaseModel)
Reply = TypeVar("Reply")
Result = TypeVar("Result")
Handler = TypeVar("Handler", bound=Callable[..., Any])
Content = Literal["json", "form", "multipart"]

BODY_BYTES_MAX = 1_000_000


@dataclass
class Call(Generic[Body]):
    """One call of an endpoint: who, in which transaction, with what body."""

    request: HttpRequest
    uow: UnitOfWork
    body: Body
    cookies: list[str] = field(default_factory=list)

    @property
    def actor(self) -> Actor:
        """The principal of this request."""
        return self.uow.actor

    @property
    def organization(self) -> Organization:
        """The tenant of this request."""
        return self.uow.organization

    def set_cookie(self, name: str, value: str, *, max_age_s: int) -> None:
        """Sends a session cookie with the reply; `max_age_s` 0 removes it."""
        self.cookies.append(cookies.set_cookie(name, value, max_age_s=max_age_s))


@dataclass(frozen=True)
class Outside(Generic[Result, Reply]):
    """Asks a provider between two transactions: the first commits, `do` runs without one, `then` opens the second.

    `do` must be repeatable (an idempotency key made from our row); each transaction may run again after a conflict.
    """

    do: Callable[[], Result]
    then: Callable[[UnitOfWork, Result], "Reply | Outside[Any, Reply]"]


@dataclass(frozen=True)
class Fetched(Generic[Reply]):
    """What a read answers with and a provider has: asked after the transaction, which nothing follows.

    For endpoints that keep no replies: GET. `fetch` may refuse.
    """

    fetch: Callable[[], Reply]


@dataclass(frozen=True)
class Redirect:
    """302 to a location of ours."""

    location: str


@dataclass(frozen=True)
class Binary:
    """A reply that is no JSON. `status` where it differs from the endpoint's: 304, 206."""

    content: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None


@dataclass(frozen=True)
class Endpoint:
    """What a declaration says, as the pipeline and the OpenAPI document read it."""

    method: str
    path: str
    allow: Access
    handler: Callable[..., Any]
    status: int
    errors: tuple[type[Refusal], ...]
    content: Content
    max_bytes: int
    limit: Limit | None
    media_types: tuple[str, ...]
    """Of `Binary` replies."""
    keeps_replies: bool
    """False where the reply holds a secret: a repeated Idempotency-Key then runs again."""

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.handler, include_extras=True)

    @cached_property
    def body_model(self) -> type[BaseModel]:
        """The model in ``Call[...]``."""
        first = next(iter(inspect.signature(self.handler).parameters))
        model: type[BaseModel] = get_args(self._hints[first])[0]
        return model

    @cached_property
    def query_model(self) -> type[BaseModel]:
        """The model of the ``query`` parameter; of a list in the list language: ``query: Annotated[ListQuery, JOBS]``."""
        hint = self._hints.get("query", NoQuery)
        listings = [m for m in getattr(hint, "__metadata__", ()) if hasattr(m, "query_model")]
        model: type[BaseModel] = listings[0].query_model if listings else hint
        return model

    @cached_property
    def variables(self) -> dict[str, TypeAdapter[Any]]:
        """Types of the path's variables by name."""
        names = [s[1:-1] for s in self.path.split("/") if s.startswith("{")]
        return {name: TypeAdapter(self._hints[name]) for name in names}

    @cached_property
    def reply_types(self) -> tuple[Any, ...]:
        """The alternatives of the return annotation, `Outside` and `Fetched` left out."""
        annotation = self._hints["return"]
        options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
        return tuple(o for o in options if (get_origin(o) or o) not in (Outside, Fetched))

    @cached_property
    def reply(self) -> TypeAdapter[Any] | None:
        """Renders the reply; None where it is no JSON."""
        models = tuple(t for t in self.reply_types if t not in (NoneType, Redirect, Binary))
        if not models:
            return None
        joined: Any = models[0] if len(models) == 1 else Union[models]  # noqa: UP007  # built from a tuple
        return TypeAdapter(joined)

    @property
    def takes_query(self) -> bool:
        """Whether the handler wants the query."""
        return self.query_model is not NoQuery

    @property
    def reads_body(self) -> bool:
        """Whether a body is documented."""
        return self.body_model is not NoBody


DECLARED: dict[tuple[str, str], Endpoint] = {}
"""Endpoints of the modules imported so far, by method and path."""


def endpoint(
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    path: str,
    *,
    allow: Access,
    status: int = 200,
    errors: tuple[type[Refusal], ...] = (),
    content: Content = "json",
    max_bytes: int = BODY_BYTES_MAX,
    limit: Limit | None = None,
    media_type: str | tuple[str, ...] = "application/json",
    keeps_replies: bool = True,
) -> Callable[[Handler], Handler]:
    """Declares the function below as the handler of (method, path). `allow` says who may call and has no default.

    `errors` are refusals beyond those every endpoint can give; `limit` throttles callers by address; `max_bytes` bounds
    the body; `media_type` names what `Binary` replies may be. Every POST takes an ``Idempotency-Key``.
    """
    media_types = (media_type,) if isinstance(media_type, str) else media_type

    def declare(handler: Handler) -> Handler:
        key = (method, path)
        if key in DECLARED and DECLARED[key].handler.__qualname__ != handler.__qualname__:
            raise ValueError(f"{method} {path} is declared twice")
        DECLARED[key] = Endpoint(
            method, path, allow, handler, status, errors, content, max_bytes, limit, media_types, keeps_replies
        )
        return handler

    return declare
