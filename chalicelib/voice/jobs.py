"""What happens after a call: its transcript is stored, its order and customer are found."""

from functools import partial

from chalicelib.kernel import webhooks
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.voice import service, store
from chalicelib.voice.events import CallCompleted
from chalicelib.voice.store import VoiceCall


@consumer(CallCompleted)
def file_call(job: Job[CallCompleted]) -> Outside[None, None] | None:
    """Stores what was said under the key that the row already has, so that a repeat overwrites and leaves no second copy."""
    call_id = webhooks.delivery(job.uow, job.event.delivery_id)["external_id"]
    call = store.lock_call(job.uow, call_id)
    if call is None or call.stored_at is not None:
        return None
    if call.pending is None:
        service.link_call(job.uow, call)
        return None
    return Outside(partial(_store, call), partial(_link, call))


def _store(call: VoiceCall) -> None:
    from chalicelib.adapters import objects

    assert call.transcript_key is not None
    objects.put(call.transcript_key, service.transcript_document(call), media_type="application/json")


def _link(call: VoiceCall, uow: UnitOfWork, _stored: None) -> None:
    service.link_call(uow, call)
