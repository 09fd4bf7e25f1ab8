"""One tree of refusals. A context subclasses them beside the rule that raises them; the dialect draws them.

A refusal is the caller's business and never alarms. Anything else that leaves a handler is a surprise: 500.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypedDict

from pydantic import BaseModel


class Detail(TypedDict):
    """One wrong field: pydantic's error type, the path to the field, a sentence for a person."""

    type: str
    loc: list[str | int]
    msg: str


class Refusal(Exception):
    """A request that is answered with a status of its own and changes nothing.

    `extra` holds further fields of the body. `Extra` is their model: what is raised is made with it, and OpenAPI shows it,
    so that the two cannot differ.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    sentence: ClassVar[str] = "Bad request"
    status_by_dialect: ClassVar[Mapping[str, int]] = {}
    Extra: ClassVar[type[BaseModel] | None] = None

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(message or self.sentence)
        self.message = message or self.sentence
        self.headers = dict(headers or {})
        self.extra = extra if self.Extra is None else self.Extra.model_validate(extra).model_dump(mode="json")

    @classmethod
    def status_in(cls, dialect: str) -> int:
        """The status this refusal has on a surface; contracts differ for a few."""
        return cls.status_by_dialect.get(dialect, cls.status)


class BadRequest(Refusal):
    """The request cannot be understood or cannot be right."""


class Invalid(Refusal):
    """Fields are wrong; all of them are named at once. The dialect decides on 400 or 422."""

    status_by_dialect: ClassVar[Mapping[str, int]] = {"inventory": 422, "storage": 422}
    code = "validation_error"
    sentence = "validation_error"

    def __init__(self, details: Sequence[Detail]) -> None:
        super().__init__()
        self.details = list(details)

    @classmethod
    def field(cls, *loc: str | int, message: str, type: str = "value_error") -> "Invalid":
        """One wrong field, found by a rule rather than by its type."""
        return cls([{"type": type, "loc": list(loc), "msg": message}])


class Unauthenticated(Refusal):
    """Nobody, or nobody any more."""

    status = 401
    code = "unauthenticated"
    sentence = "Unauthorized"


class Forbidden(Refusal):
    """Somebody, but not somebody who may."""

    status = 403
    code = "forbidden"
    sentence = "Forbidden"


class NotFound(Refusal):
    """Not there, or not yours: the two look alike."""

    status = 404
    code = "not_found"
    sentence = "Not found"


class MethodNotAllowed(Refusal):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    sentence = "Method not allowed"


class Conflict(Refusal):
    """The state of the record forbids it."""

    status = 409
    code = "conflict"
    sentence = "Conflict"


class IntegrityViolation(Conflict):
    """A field names a record that is not there, or a record cannot go because others name it (wms)."""

    code = "integrity_constraint_violation"
    sentence = "integrity_constraint_violation"


class TooLarge(Refusal):
    """The body is larger than this endpoint takes."""

    status = 413
    code = "payload_too_large"
    sentence = "payload_too_large"


class UnsupportedMedia(Refusal):
    """The body is not of the kind this endpoint reads."""

    status = 415
    code = "unsupported_media_type"
    sentence = "unsupported_media_type"


class Unprocessable(Refusal):
    """Understood, but the values cannot be accepted."""

    status = 422
    code = "unprocessable"
    sentence = "Unprocessable"


class TooManyRequests(Refusal):
    """Slow down; `Retry-After` says by how many seconds."""

    status = 429
    code = "rate_limited"
    sentence = "Too many requests"


class Unavailable(Refusal):
    """We or a provider cannot answer now; repeating is safe."""

    status = 503
    code = "unavailable"
    sentence = "Temporarily unavailable; please try again"

    def __init__(self, message: str | None = None, *, retry_after_s: int = 2, **extra: Any) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after_s)}, **extra)
