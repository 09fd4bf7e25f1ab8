"""The list language of the storage surface, once for all of its lists.

A context declares a `Listing` in its ``store.py``; from it come the query parameters of the endpoint (a
pydantic model, which also documents them) and the one SQL statement that answers it. Times, ``search`` and
``sort_by`` are explained in `values`, `search` and `sorting`. Whatever a caller writes either compiles or is
refused as a whole, with every wrong parameter named; no text of a caller ever becomes SQL.
"""

from chalicelib.kernel.listing.fields import boolean, enumeration, integer, number, text, timestamp
from chalicelib.kernel.listing.listing import Clauses, Listing, ListingError
from chalicelib.kernel.listing.page import Found, ListQuery, Page

__all__ = [
    "Clauses",
    "Found",
    "ListQuery",
    "Listing",
    "ListingError",
    "Page",
    "boolean",
    "enumeration",
    "integer",
    "number",
    "text",
    "timestamp",
]
