"""SQL of the forms."""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.kernel.uow import UnitOfWork

INSERT = """
    INSERT INTO savings_request (name, restaurant_name, street_address, city, state, phone, email, rd_customer_number, address,
                                 invoice_key, invoice_media_type, received_at)
    VALUES (%(name)s, %(restaurant_name)s, %(street_address)s, %(city)s, %(state)s, %(phone)s, %(email)s,
            %(rd_customer_number)s, %(address)s, %(invoice_key)s, %(invoice_media_type)s, %(now)s)
    RETURNING id
"""
SET_STORED = "UPDATE savings_request SET stored_at = %(now)s WHERE id = %(id)s"
FIND_INVOICE = """
    SELECT invoice_key FROM savings_request WHERE id = %(id)s AND stored_at IS NOT NULL
"""


@dataclass(frozen=True)
class File:
    """What came with a form, as it is kept."""

    key: str
    media_type: str
    content: bytes = field(repr=False)


def insert(uow: UnitOfWork, columns: dict[str, Any], file: File | None) -> int:
    """A form; its id. The place of its file is written down before the file is there."""
    place = {"invoice_key": file and file.key, "invoice_media_type": file and file.media_type}
    return int(uow.value(INSERT, {**columns, **place, "now": uow.now}))


def set_stored(uow: UnitOfWork, request_id: int) -> None:
    """The file lies where the form says."""
    uow.execute(SET_STORED, {"id": request_id, "now": uow.now})


def find_invoice(uow: UnitOfWork, request_id: int) -> str | None:
    """The key of a form's file; None where there is no such form, or no file with it."""
    key: str | None = uow.value(FIND_INVOICE, {"id": request_id})
    return key
