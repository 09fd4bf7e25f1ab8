"""Images of products: uploaded by integrators, shown to everybody."""

from typing import Any

from chalicelib.catalogue.images import rules, uploads
from chalicelib.catalogue.images.rules import ImageFile
from chalicelib.catalogue.images.service import ImageGone
from chalicelib.catalogue.images.shapes import ImageForm, ImageSaved, UploadLink, UploadRequest
from chalicelib.catalogue.images.uploads import NothingUploaded
from chalicelib.catalogue.shapes import Identifier
from chalicelib.kernel.access import KEY, PUBLIC
from chalicelib.kernel.endpoint import Binary, Call, Fetched, Outside, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.images import MEDIA_TYPE, BadImage
from chalicelib.kernel.shapes import NoBody


@endpoint(
    "POST",
    "/api/v1/products/{product_id}/image",
    allow=KEY("catalogue:write"),
    content="multipart",
    max_bytes=rules.FORM_BYTES_MAX,
    errors=(NotFound, BadImage, ImageGone),
)
def upload_product_image(call: Call[ImageForm], product_id: Identifier) -> ImageSaved | Outside[Any, ImageSaved]:
    """Makes a picture the product's image, in place of the one it has. Larger ones than 4 MB go by an upload link."""
    return uploads.replace(call.uow, product_id, call.body.image.content)


@endpoint(
    "POST",
    "/api/v1/products/{product_id}/image/uploads",
    allow=KEY("catalogue:write"),
    status=201,
    errors=(NotFound,),
    keeps_replies=False,
)
def begin_image_upload(call: Call[UploadRequest], product_id: Identifier) -> UploadLink:
    """A link to upload one picture of exactly this size and type, up to 20 MB, within the hour."""
    wanted = call.body
    upload_id, url, expires_at = uploads.begin(
        call.uow, product_id, size_bytes=wanted.size_bytes, media_type=wanted.media_type
    )
    headers = {"Content-Type": wanted.media_type, "Content-Length": str(wanted.size_bytes)}
    return UploadLink(upload_id=upload_id, url=url, headers=headers, expires_at=expires_at)


@endpoint(
    "POST",
    "/api/v1/products/{product_id}/image/uploads/{upload_id}",
    allow=KEY("catalogue:write"),
    errors=(NotFound, NothingUploaded, BadImage, ImageGone),
)
def finish_image_upload(
    call: Call[NoBody], product_id: Identifier, upload_id: PathId
) -> ImageSaved | Outside[Any, ImageSaved]:
    """Makes the picture that was uploaded the product's image. May be repeated."""
    return uploads.finish(call.uow, product_id, upload_id)


@endpoint("GET", "/api/products/{product_id}/thumbnail", allow=PUBLIC, errors=(NotFound,), media_type=MEDIA_TYPE)
def show_product_thumbnail(call: Call[NoBody], product_id: PathId) -> Binary | Fetched[Binary]:
    """The product's image as a small JPEG. It has an ETag, so that asking again costs little."""
    return uploads.show_thumbnail(call.uow, product_id, call.request.headers.get("if-none-match", ""))


@endpoint("GET", "/api/images/{image_file}", allow=PUBLIC, errors=(NotFound,), media_type=MEDIA_TYPE)
def show_image(call: Call[NoBody], image_file: ImageFile) -> Binary | Fetched[Binary]:
    """An image where `image_url` says it is. What is at an address never changes."""
    return uploads.show_image(image_file, call.request.headers.get("if-none-match", ""))
