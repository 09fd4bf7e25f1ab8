"""What integrators upload, and how images are shown: the use cases behind the endpoints."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from chalicelib.catalogue import facts
from chalicelib.catalogue import service as catalogue
from chalicelib.catalogue import store as products
from chalicelib.catalogue.images import rules, service, store
from chalicelib.catalogue.images.events import ImageRemoved
from chalicelib.catalogue.images.service import Stored
from chalicelib.catalogue.images.shapes import ImageSaved
from chalicelib.kernel import etags, ids, images
from chalicelib.kernel.endpoint import Binary, Fetched, Outside
from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.images import BadImage
from chalicelib.kernel.uow import UnitOfWork

THUMBNAIL_LASTS_S = 300
"""Its address stays when the image changes: so long an old one may be seen."""
IMAGE_LASTS_S = 365 * 24 * 3600
"""Under one address there is never another image."""


class NothingUploaded(Conflict):
    """The file is not there yet."""

    code = "nothing_uploaded"
    sentence = "Nothing was uploaded under this link yet"


def replace(uow: UnitOfWork, identifier: str, content: bytes) -> Outside[list[Stored | BadImage], ImageSaved]:
    """Makes a file the image of a product, by id or SKU; the product as it is then. Raises NotFound, BadImage."""
    product_id = catalogue.identify_product(uow, identifier).id

    def then(uow: UnitOfWork, made: list[Stored | BadImage]) -> ImageSaved:
        return _attached(uow, product_id, made[0])

    return service.stored(uow, [lambda: content], then)


def begin(uow: UnitOfWork, identifier: str, *, size_bytes: int, media_type: str) -> tuple[int, str, datetime]:
    """An upload's id, the link by which exactly this file may be put into the object store, and when that ends.

    Raises NotFound. Each call begins an upload of its own; one that is never finished is forgotten.
    """
    from chalicelib.adapters import objects

    catalogue.identify_product(uow, identifier)
    [image] = store.reserve(uow, [ids.token()], uow.now + rules.RESERVED_FOR)
    key, lasts_s = rules.upload_key_of(image.name), int(rules.UPLOAD_LASTS.total_seconds())
    url = objects.signed_upload_url(key, size_bytes=size_bytes, media_type=media_type, expires_s=lasts_s)
    return image.id, url, uow.now + rules.UPLOAD_LASTS


def finish(uow: UnitOfWork, identifier: str, upload_id: int) -> ImageSaved | Outside[Stored | BadImage, ImageSaved]:
    """Makes what was uploaded the image of a product; the product as it is then. May be repeated.

    Raises NotFound for an unknown upload, or one that was begun too long ago, NothingUploaded, BadImage.
    """
    card = catalogue.identify_product(uow, identifier)
    upload = store.find_upload(uow, upload_id)
    if upload is not None and upload.is_stored and rules.name_in(card.image_url) == upload.name:
        return ImageSaved.of(card)
    if upload is None or upload.is_stored:
        raise NotFound("Upload not found")

    def then(uow: UnitOfWork, image: Stored | BadImage) -> ImageSaved:
        uow.publish(ImageRemoved(image=upload.name, is_upload_only=True).message())
        return _attached(uow, card.id, image)

    source = partial(_uploaded, upload.name)
    return Outside(partial(service.store_picture, upload, source, bytes_max=rules.UPLOAD_BYTES_MAX), then)


def _uploaded(name: str) -> bytes:
    from chalicelib.adapters import objects

    try:
        return objects.get(rules.upload_key_of(name), bytes_max=rules.UPLOAD_BYTES_MAX)
    except objects.NoSuchObject:
        raise NothingUploaded from None
    except objects.ObjectTooLarge:
        raise BadImage(f"The image has more than {rules.UPLOAD_BYTES_MAX // 1_000_000} MB") from None


def _attached(uow: UnitOfWork, product_id: int, image: Stored | BadImage) -> ImageSaved:
    if isinstance(image, BadImage):
        raise image
    changes = service.attach(uow, {product_id: image})
    card = products.find_card(uow, product_id=product_id)
    if card is None:
        raise NotFound("Product not found")
    for change in changes:
        before, after = {"image_url": change.before}, {"image_url": change.after}
        uow.audit("update", "product", product_id, before=before, after=after)
        uow.tell(facts.Changed(variant_id=card.variant_id, is_active=card.is_active))
    return ImageSaved.of(card)


def show_thumbnail(uow: UnitOfWork, product_id: int, if_none_match: str) -> Binary | Fetched[Binary]:
    """The thumbnail of a product that is sold, or that the caller has it already. Raises NotFound."""
    name = rules.name_in(store.find_address(uow, product_id))
    if name is None:
        raise NotFound("This product has no image")
    etag, caching = f'"{name}-{rules.THUMBNAIL_SIDE_MAX}"', f"public, max-age={THUMBNAIL_LASTS_S}"
    return _shown(rules.thumbnail_key_of(name), etag, caching, if_none_match)


def show_image(file: str, if_none_match: str) -> Binary | Fetched[Binary]:
    """The image at an address of ours; whoever has the address may see it. Raises NotFound."""
    name = file.removesuffix(".jpg")
    return _shown(rules.key_of(name), f'"{name}"', f"public, max-age={IMAGE_LASTS_S}, immutable", if_none_match)


def _shown(key: str, etag: str, caching: str, if_none_match: str) -> Binary | Fetched[Binary]:
    """Shops may show it on their own pages: it is not for pages of our site alone."""
    headers = {"ETag": etag, "Cache-Control": caching, "Cross-Origin-Resource-Policy": "cross-origin"}
    if etags.is_known(etag, if_none_match):
        return Binary(b"", "", headers, status=304)
    return Fetched(partial(_fetch, key, headers))


def _fetch(key: str, headers: Mapping[str, str]) -> Binary:
    from chalicelib.adapters import objects

    try:
        return Binary(objects.get(key), images.MEDIA_TYPE, headers)
    except objects.NoSuchObject:
        raise NotFound("There is no such image") from None
