"""The audit log, for administrators."""

from chalicelib.audit import service
from chalicelib.audit.shapes import AuditPage, AuditQuery, AuditVerified, VerifyQuery
from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest
from chalicelib.kernel.shapes import NoBody


@endpoint("GET", "/api/admin/audit-log", allow=WMS_ADMIN)
def list_audit_log(call: Call[NoBody], query: AuditQuery) -> AuditPage:
    """Who did what to which record, with what was there before and after, newest first."""
    return service.list_entries(call.uow, query)


@endpoint("GET", "/api/admin/audit-log/verify", allow=WMS_ADMIN, errors=(BadRequest,))
def verify_audit_log(call: Call[NoBody], query: VerifyQuery) -> AuditVerified:
    """Whether the chain of entries is whole; a long one in several calls, each with the cursor of the one before."""
    return service.verify(call.uow, query.cursor)
