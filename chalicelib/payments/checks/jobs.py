"""What checks do by themselves."""

from functools import partial

from chalicelib.adapters import objects
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.payments.events import PicturesDropped


@consumer(PicturesDropped)
def remove_pictures(job: Job[PicturesDropped]) -> Outside[None, None]:
    """Removes pictures whose upload never ended. May be repeated."""
    return Outside(partial(_remove, job.event.object_ids), lambda _uow, _removed: None)


def _remove(keys: list[str]) -> None:
    for key in keys:
        objects.delete(key)
