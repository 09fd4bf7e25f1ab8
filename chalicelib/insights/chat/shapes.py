"""What people ask and are answered."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.kernel.money import Amount
from chalicelib.kernel.shapes import Instant, Shape

MESSAGE_MAX = 1000
QUERY_MAX = 300
TURNS_MAX = 50
TURN_MAX = 4000

AnsweredBy = Literal["assistant", "search"]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", max_length=35)]
"""A language tag such as ``en`` or ``es-MX`` (RFC 5646, without its rarer parts)."""


def _has_words(value: str) -> str:
    """Raises where nothing but blanks and signs was written."""
    if not any(map(str.isalnum, value)):
        raise PydanticCustomError("no_words", "Input should contain words")
    return value


class HistoryTurn(Shape):
    """What was said before, as the page remembers it. Pages keep more with it (times, ids), which is passed over."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["user", "assistant"]
    content: Annotated[str, StringConstraints(max_length=TURN_MAX)]


class ChatQuestion(Shape):
    """A message. With `session_id` the conversation is what we kept of it, and `history` is not looked at."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=MESSAGE_MAX), AfterValidator(_has_words)]
    language: Language | None = None
    history: list[HistoryTurn] = Field(default_factory=list, max_length=TURNS_MAX)
    session_id: Annotated[str, StringConstraints(min_length=20, max_length=100)] | None = None


class ChatAnswer(Shape):
    """Text without markup or foreign links; `answered_by` says whether a model wrote it or our search."""

    success: bool
    message: str
    timestamp: Instant
    answered_by: AnsweredBy

    @classmethod
    def of(cls, message: str, answered_by: AnsweredBy, now: datetime) -> "ChatAnswer":
        """A good answer."""
        return cls(success=True, message=message, timestamp=now, answered_by=answered_by)


class ChatSession(Shape):
    """A conversation that we remember for a while."""

    success: bool
    session_id: str
    expires_in_s: int


class AiQuery(Shape):
    """What somebody looks for, in his own words."""

    query: Annotated[str, StringConstraints(min_length=1, max_length=QUERY_MAX), AfterValidator(_has_words)]
    language: Language | None = None


class FoundProduct(Shape):
    """A product as the shop lists it."""

    id: int
    name: str
    sku: str
    brand: str
    unit_price: Amount
    bulk_price: Amount | None
    bulk_quantity: int | None
    unit_size: str
    image_url: str | None
    in_stock: bool


class AiFound(Shape):
    """The best matches, what was understood, and how many matched."""

    success: bool
    products: list[FoundProduct]
    suggestion: str
    total: int
    answered_by: AnsweredBy
