"""The check of the books: ours, in no contract."""

from chalicelib.books import service
from chalicelib.books.shapes import Books, Differences
from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit


@endpoint("GET", "/api/books", allow=WMS_ADMIN, limit=Limit("books", calls=60))
def check_books(call: Call[NoBody]) -> Books:
    """Check the books of the organization: stock ledger against levels and availability, holds against open order lines,
    the outbox, the chain of the audit log."""
    return service.check(call.uow)


@endpoint("GET", "/api/books/differences", allow=WMS_ADMIN, limit=Limit("books", calls=60))
def list_differences(call: Call[NoBody]) -> Differences:
    """What differed when orders, the money ledger, store credit and Stripe were last compared."""
    return service.differences(call.uow)
