"""Use cases of product images.

A picture reaches the object store between two transactions: the first reserves a name, the second makes the picture a
product's. Whoever writes products hands on what is to happen then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from chalicelib.catalogue.images import rules, store
from chalicelib.catalogue.images.events import ImageRemoved
from chalicelib.catalogue.images.store import Change, Named
from chalicelib.kernel import deadline, ids, images
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Conflict, Invalid, Unavailable
from chalicelib.kernel.images import BadImage, Picture
from chalicelib.kernel.settings import settings
from chalicelib.kernel.uow import UnitOfWork

SWEEP = 500
"""How many reservations one run of the schedule ends."""


class ImageGone(Conflict):
    """Somebody else took it away between two transactions of this request."""

    code = "image_gone"
    sentence = "The image was removed in the meantime"


@dataclass(frozen=True)
class Stored:
    """An image that lies in the object store and may become a product's. `picture`: of one that is new."""

    id: int
    name: str
    picture: Picture | None = None


Given = Stored | BadImage | None
"""What came of one `image_url`: an image, why there is none, or None where None was given."""
Source = Callable[[], bytes]
"""Makes the bytes of a file. May raise BadImage."""
Reply = TypeVar("Reply")


def shown_url(address: str | None) -> str | None:
    """An image's address as callers see it: absolute, on our public host."""
    if rules.name_in(address) is None:
        return address
    return f"{settings().public_url.rstrip('/')}{address}"


def from_field(
    uow: UnitOfWork,
    text: str | None,
    then: Callable[[UnitOfWork, Stored | None], Reply],
    *,
    loc: tuple[str | int, ...] = ("image_url",),
) -> Reply | Outside[Any, Reply]:
    """As `from_fields`, of one `image_url`: what is no image of ours and cannot become one is Invalid, at `loc`."""

    def checked(uow: UnitOfWork, given: list[Given]) -> Reply:
        [image] = given
        if isinstance(image, BadImage):
            raise Invalid.field(*loc, message=image.message, type=image.code)
        return then(uow, image)

    return from_fields(uow, [text], checked)


def from_fields(
    uow: UnitOfWork, texts: Sequence[str | None], then: Callable[[UnitOfWork, list[Given]], Reply]
) -> Reply | Outside[Any, Reply]:
    """Makes images of `image_url` fields and goes on with `then`, in this transaction or the next.

    A field is a data URL, the address of an image of ours, or None. Files are drawn anew and stored between two transactions,
    twenty at most; without one, `then` runs at once. It gets, in the order of the texts, what `attach` takes, or why there is
    no image. One statement more if an address is among them, one if a file is.
    """
    read = [None if text is None else rules.read(text, settings().public_url) for text in texts]
    files = [place for place, each in enumerate(read) if isinstance(each, rules.File)]
    known = store.list_stored(uow, names) if (names := [r.name for r in read if isinstance(r, rules.Known)]) else {}
    given = [_at_once(each, known) for each in read]
    for place in files[rules.DATA_URLS_MAX :]:
        given[place] = BadImage(f"At most {rules.DATA_URLS_MAX} images may be sent in one request")
    del files[rules.DATA_URLS_MAX :]
    if not files:
        return then(uow, given)
    sources = [partial(images.from_data_url, str(texts[place])) for place in files]

    def following(uow: UnitOfWork, made: list[Stored | BadImage]) -> Reply:
        settled = list(given)
        for place, image in zip(files, made, strict=True):
            settled[place] = image
        return then(uow, settled)

    return stored(uow, sources, following)


def _at_once(read: rules.Known | rules.File | BadImage | None, known: Mapping[str, Named]) -> Given:
    if not isinstance(read, rules.Known):
        return read if isinstance(read, BadImage) else None
    found = known.get(read.name)
    return BadImage("There is no such image") if found is None else Stored(found.id, found.name)


def stored(
    uow: UnitOfWork, sources: Sequence[Source], then: Callable[[UnitOfWork, list[Stored | BadImage]], Reply]
) -> Outside[list[Stored | BadImage], Reply]:
    """Draws files anew and puts them into the object store, under names that are reserved in this transaction."""
    names = [ids.token() for _ in sources]
    reserved = store.reserve(uow, names, uow.now + rules.RESERVED_FOR)
    return Outside(partial(_store_all, list(zip(reserved, sources, strict=True))), then)


def _store_all(work: Sequence[tuple[Named, Source]]) -> list[Stored | BadImage]:
    """Each image, or why there is none: for lack of time too, but for the first, which is worth another try."""
    made: list[Stored | BadImage] = []
    for image, source in work:
        try:
            made.append(store_picture(image, source))
        except Unavailable:
            if not made:
                raise
            made.append(BadImage("There was no time for this image: send it in another request"))
    return made


def store_picture(image: Named, source: Source, *, bytes_max: int = images.BYTES_MAX) -> Stored | BadImage:
    """Draws a file anew and writes picture and thumbnail under the image's name; a repeat overwrites them.

    Outside of transactions. Raises ProviderUnavailable, Unavailable when the time of this request is too short, and what
    `source` raises besides BadImage.
    """
    from chalicelib.adapters import objects

    deadline.check(objects.TAKES_S)
    try:
        picture = images.redraw(source(), side_max=rules.SIDE_MAX, bytes_max=bytes_max)
    except BadImage as refused:
        return refused
    thumbnail = images.redraw(picture.content, side_max=rules.THUMBNAIL_SIDE_MAX)
    objects.put(rules.thumbnail_key_of(image.name), thumbnail.content, media_type=images.MEDIA_TYPE)
    objects.put(rules.key_of(image.name), picture.content, media_type=images.MEDIA_TYPE)
    return Stored(image.id, image.name, picture)


def attach(uow: UnitOfWork, wanted: Mapping[int, Stored | None]) -> list[Change]:
    """Product id -> the image that it shows from now on, None for none; three statements for any number of them.

    Locks the products, then the images, in key order. The picture that a product shows already stays, address and all; the
    products that show another one are returned. What nobody shows any more is removed from the object store after the commit.
    Audit and facts are the caller's. Raises ImageGone.
    """
    store.lock_products(uow, list(wanted))
    image_ids = {image.id for image in wanted.values() if image is not None}
    if image_ids and image_ids - store.lock_images(uow, sorted(image_ids)):
        raise ImageGone
    changes, removed = store.attach(uow, [_row(product_id, image) for product_id, image in wanted.items()])
    _publish_removed(uow, removed)
    return changes


def _row(product_id: int, image: Stored | None) -> dict[str, Any]:
    if image is None:
        return {"product_id": product_id}
    row = {"product_id": product_id, "image_id": image.id, "path": rules.path_of(image.name)}
    if image.picture is None:
        return row
    drawn = image.picture
    facts = {"sha256": drawn.sha256, "width": drawn.width, "height": drawn.height, "size_bytes": len(drawn.content)}
    return {**row, **facts}


def drop_of_item(uow: UnitOfWork, item_id: int) -> None:
    """Takes away the images of a product whose only item is about to be deleted; one statement."""
    _publish_removed(uow, store.drop_of_item(uow, item_id))


def drop_unfinished(uow: UnitOfWork) -> None:
    """Ends reservations of which nothing came, with what may lie under their names; for the hourly schedule."""
    _publish_removed(uow, store.drop_unfinished(uow, SWEEP))


def _publish_removed(uow: UnitOfWork, names: Sequence[str]) -> None:
    for name in names:
        uow.publish(ImageRemoved(image=name).message())
