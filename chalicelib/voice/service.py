"""Use cases of the voice agents."""

import json
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib import orders
from chalicelib.kernel import ids, webhooks
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.voice import rules, store
from chalicelib.voice.events import CallCompleted
from chalicelib.voice.shapes import CallComplete, OrderStatusAnswer, OrderStatusQuestion, OrderStatusView
from chalicelib.voice.store import VoiceCall

PREFIX = "transcripts/"


def order_status(uow: UnitOfWork, question: OrderStatusQuestion) -> OrderStatusAnswer:
    """The order of a number, else the most recent one of a telephone number. Raises NoSuchOrder, Invalid."""
    said = question.phone_number or question.phone
    if not question.order_number and not said:
        raise Invalid.field("order_number", message="An order number or a phone number is required", type="missing")
    number = question.order_number
    order = _by_number(uow, number) if number else _latest_by_phone(uow, said)
    if order is None:
        raise rules.NoSuchOrder
    return OrderStatusAnswer(order=OrderStatusView.of(order, shows_notes=bool(number)))


def log_call(uow: UnitOfWork, call: CallComplete) -> None:
    """Keeps the end of a call, once per call id, and queues the rest.

    What was said goes into the log's own row and not into the kept delivery: that one can never be erased.
    """
    is_new = webhooks.receive(
        uow,
        CallCompleted,
        source="elevenlabs",
        external_id=call.call_id,
        event_type="call-complete",
        payload={"call_id": call.call_id},
    )
    if not is_new:
        return
    said = {"transcript": call.transcript, "tool_outputs": call.tool_outputs}
    has_said = any(value is not None for value in said.values())
    columns = {
        "call_id": call.call_id,
        "status": call.status,
        "duration_s": call.duration,
        "started_at": rules.instant(call.start_time),
        "ended_at": rules.instant(call.end_time),
        "phone": rules.phone_of(call.phone_number) or call.phone_number,
        "order_placed": bool(call.order_placed),
        "order_number": call.order_number or None,
        "transcript_key": f"{PREFIX}{ids.token()}.json" if has_said else None,
    }
    store.insert_call(uow, columns, Jsonb(said, dumps=_dumps) if has_said else None)


def _dumps(value: Any) -> str:
    """JSON of what the body reader made, whose numbers may be Decimal."""
    return json.dumps(value, default=_number)


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"not JSON: {type(value).__name__}")


def transcript_document(call: VoiceCall) -> bytes:
    """What is kept of a call in the object store."""
    return json.dumps({"call_id": call.call_id, **(call.pending or {})}, ensure_ascii=False).encode()


def link_call(uow: UnitOfWork, call: VoiceCall) -> None:
    """Finds whose call it was and closes it: the order that was named, and its customer or the phone's latest one."""
    order = _by_number(uow, call.order_number) if call.order_number else None
    known = order or _latest_by_phone(uow, call.phone)
    store.finish_call(
        uow,
        call.call_id,
        order_id=order.id if order else None,
        customer_id=known.customer_id if known else None,
    )


def _by_number(uow: UnitOfWork, said: str) -> Order | None:
    """An order by its number (or barcode), which a transcription may have put into small letters."""
    return next(iter(orders.find(uow, sorted({said, said.upper()}))), None)


def _latest_by_phone(uow: UnitOfWork, said: str | None) -> Order | None:
    phone = rules.phone_of(said)
    return None if phone is None else orders.latest_by_phone(uow, phone)


def find_call(uow: UnitOfWork, call_id: str) -> VoiceCall | None:
    """A logged call by the provider's id, or None."""
    return store.find_call(uow, call_id)


def transcript_url(call: VoiceCall) -> str | None:
    """A link to a call's transcript that lives for a quarter of an hour; None while there is none."""
    from chalicelib.adapters import objects

    if call.transcript_key is None or call.stored_at is None:
        return None
    return objects.signed_url(call.transcript_key, expires_s=rules.TRANSCRIPT_LINK_S)
