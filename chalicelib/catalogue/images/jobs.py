"""What is not shown any more leaves the object store, after the commit that took it away."""

from functools import partial

from chalicelib.catalogue.images import rules
from chalicelib.catalogue.images.events import ImageRemoved
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.kernel.uow import UnitOfWork


@consumer(ImageRemoved)
def remove_image(job: Job[ImageRemoved]) -> Outside[None, None]:
    """Removes picture, thumbnail and upload; what is gone already is as well."""
    name = job.event.image
    keys = [rules.upload_key_of(name)]
    if not job.event.is_upload_only:
        keys += [rules.thumbnail_key_of(name), rules.key_of(name)]
    return Outside(partial(_remove, keys), _done)


def _remove(keys: list[str]) -> None:
    from chalicelib.adapters import objects

    for key in keys:
        objects.delete(key)


def _done(_uow: UnitOfWork, _removed: None) -> None:
    """Nothing is left to be written."""
