"""What the audit log's endpoints read and say."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.kernel.ids import PathId
from chalicelib.kernel.paging import Paged, PageQuery
from chalicelib.kernel.shapes import Instant, JsonObject, NoQuery, Shape

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def moment(text: str, *, is_end: bool) -> datetime:
    """A day or a time in ISO 8601, in UTC unless it says otherwise; a day that ends a span is meant whole."""
    try:
        if _DAY.fullmatch(text):
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
            return day + timedelta(days=1) if is_end else day
        if _DAY.match(text):
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("datetime_parsing", "Input should be a date or a time in ISO 8601")


def _checked(text: str) -> str:
    moment(text, is_end=True)
    return text


Moment = Annotated[str, StringConstraints(max_length=40), AfterValidator(_checked)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class AuditQuery(PageQuery):
    """Which entries. A day as `end_date` counts whole; times without an offset are UTC."""

    action_type: Word | None = None
    user_id: PathId | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None


class VerifyQuery(NoQuery):
    """Where to go on."""

    cursor: Annotated[str, StringConstraints(max_length=300)] | None = None


class AuditEntryView(Shape):
    """Who did what to which record. `before` and `after` are what changed, as far as it may be kept."""

    log_id: int
    action_type: str
    entity_type: str
    entity_id: str
    user_id: int | None
    """Of a member of staff; null for customers, API keys and machines."""
    username: str
    before: JsonObject | None
    after: JsonObject | None
    request_id: str
    created_at: Instant

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "AuditEntryView":
        """From the row."""
        kind, _, number = row["actor"].partition(":")
        return cls(
            log_id=row["id"],
            action_type=row["action"],
            entity_type=row["entity"],
            entity_id=row["entity_id"],
            user_id=int(number) if kind == "staff" else None,
            username=row["username"] or row["actor"],
            before=row["before"],
            after=row["after"],
            request_id=row["request_id"],
            created_at=row["at"],
        )


class AuditPage(Paged):
    """A page of the log, newest first."""

    audit_log: list[AuditEntryView]


class AuditVerified(Shape):
    """How far the chain is whole."""

    is_whole: bool
    """False as soon as an entry was edited, removed or slipped in. True with a `next_cursor`: so far."""
    verified: int
    """Links from the beginning of the chain that were found whole, in this and earlier calls."""
    broken_at: int | None
    """The first link that does not fit."""
    reason: str | None
    unchained: int
    """Entries that were never on their way into the chain, or were taken out of it; known at the end."""
    next_cursor: str | None
    """Ask again with it: a long chain is walked in several calls. null: this was the end."""
