"""SQL of the call log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import UnitOfWork

INSERT_CALL = """
    INSERT INTO voice_call (call_id, status, duration_s, started_at, ended_at, phone, order_placed, order_number, pending,
                            transcript_key, received_at)
    VALUES (%(call_id)s, %(status)s, %(duration_s)s, %(started_at)s, %(ended_at)s, %(phone)s, %(order_placed)s,
            %(order_number)s, %(pending)s, %(transcript_key)s, %(now)s)
        ON CONFLICT (organization_id, call_id) DO NOTHING
"""
_CALL = """
    SELECT id, call_id, status, duration_s, started_at, ended_at, phone, order_placed, order_number, order_id, customer_id,
           pending, transcript_key, stored_at
      FROM voice_call WHERE call_id = %(call_id)s
"""
FIND_CALL = _CALL
LOCK_CALL = _CALL + " FOR UPDATE"
FINISH_CALL = """
    UPDATE voice_call
       SET pending = NULL, stored_at = %(now)s, order_id = %(order_id)s, customer_id = %(customer_id)s
     WHERE call_id = %(call_id)s
"""


@dataclass(frozen=True, slots=True)
class VoiceCall:
    """One call. `pending` is what was said, until it lies in the object store under `transcript_key`."""

    id: int
    call_id: str
    status: str
    duration_s: int
    started_at: datetime
    ended_at: datetime
    phone: str = field(repr=False)
    order_placed: bool
    order_number: str | None
    order_id: int | None
    customer_id: int | None
    pending: dict[str, Any] | None = field(repr=False)
    transcript_key: str | None
    stored_at: datetime | None


def insert_call(uow: UnitOfWork, columns: Mapping[str, Any], pending: Jsonb | None) -> None:
    """Logs a call, once."""
    uow.execute(INSERT_CALL, {**columns, "pending": pending, "now": uow.now})


def find_call(uow: UnitOfWork, call_id: str) -> VoiceCall | None:
    """A call by the provider's id, or None."""
    return uow.fetch(VoiceCall, FIND_CALL, {"call_id": call_id})


def lock_call(uow: UnitOfWork, call_id: str) -> VoiceCall | None:
    """The same, locked."""
    return uow.fetch(VoiceCall, LOCK_CALL, {"call_id": call_id})


def finish_call(uow: UnitOfWork, call_id: str, *, order_id: int | None, customer_id: int | None) -> None:
    """Notes that the transcript is stored, and whose call it was."""
    uow.execute(FINISH_CALL, {"call_id": call_id, "order_id": order_id, "customer_id": customer_id, "now": uow.now})
