"""Endpoints of the import: records of other systems, in pieces of up to 5,000."""

from chalicelib.imports import service
from chalicelib.imports.shapes import ImportId, ImportProgress, ImportReport, ImportRequest
from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.shapes import NoBody

PIECE_BYTES_MAX = 5_000_000
"""Lambda takes events of 6 MB (AWS Lambda quotas)."""


@endpoint(
    "POST",
    "/api/admin/import/{entity_type}",
    allow=WMS_ADMIN,
    errors=(BadRequest, service.Overtaken),
    max_bytes=PIECE_BYTES_MAX,
)
def import_records(call: Call[ImportRequest], entity_type: str) -> ImportReport:
    """Imports items, bins, purchase-orders or sales-orders: what is right is made, what is wrong is reported by row.

    Names, notes and addresses that begin like a formula of a spreadsheet get an apostrophe before it; codes that do are
    refused. A file of more than 5,000 records comes in pieces that share an `import_id`.
    """
    return service.import_records(call.uow, entity_type, call.body)


@endpoint("GET", "/api/admin/imports/{import_id}", allow=WMS_ADMIN, errors=(NotFound,))
def show_import_progress(call: Call[NoBody], import_id: ImportId) -> list[ImportProgress]:
    """How far an import in pieces has come."""
    return service.show_progress(call.uow, import_id)
