"""Use cases of reading the audit log."""

from datetime import UTC, datetime

from chalicelib.audit import store
from chalicelib.audit.shapes import AuditEntryView, AuditPage, AuditQuery, AuditVerified, moment
from chalicelib.kernel import audit
from chalicelib.kernel.errors import BadRequest
from chalicelib.kernel.paging import paged, window
from chalicelib.kernel.uow import UnitOfWork

VERIFY_S = 12.0
"""One call walks the chain for about so long: the gateway waits 29 s."""
BEGINNING, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def list_entries(uow: UnitOfWork, query: AuditQuery) -> AuditPage:
    """A page of the log, newest first, in one statement."""
    rows, total = store.list_entries(
        uow,
        window(query),
        action=query.action_type,
        user_id=query.user_id,
        start=BEGINNING if query.start_date is None else moment(query.start_date, is_end=False),
        end=END if query.end_date is None else moment(query.end_date, is_end=True),
    )
    return AuditPage(audit_log=[AuditEntryView.of(row) for row in rows], **paged(query, total))


def verify(uow: UnitOfWork, cursor: str | None) -> AuditVerified:
    """Walks the chain for a while, from its beginning or from where an earlier call stopped. Raises BadRequest.

    Every ten thousand links are a statement.
    """
    since = audit.START if cursor is None else audit.Checkpoint.read(cursor, uow.organization.id)
    if since is None:
        raise BadRequest("This cursor was not given out here")
    found = audit.verify(uow, since, for_s=VERIFY_S)
    return AuditVerified(
        is_whole=found.is_whole,
        verified=found.sealed,
        broken_at=found.broken_at,
        reason=found.reason,
        unchained=found.unchained,
        next_cursor=None if found.rest is None else found.rest.token(uow.organization.id),
    )
