"""Requests and replies about product images."""

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.catalogue.images import rules
from chalicelib.catalogue.shapes import ProductView
from chalicelib.catalogue.store import Card
from chalicelib.kernel.bodies import Upload
from chalicelib.kernel.shapes import Instant, Shape


class ImageForm(Shape):
    """A form with a picture."""

    image: Upload = Field(description="JPEG, PNG, GIF or WebP; its name and media type do not count")


class ImageSaved(Shape):
    """A product with its new image."""

    success: bool
    image_url: str
    product: ProductView
    error: str | None = Field(None, description="Always null: what is refused is answered with another status")

    @classmethod
    def of(cls, card: Card) -> "ImageSaved":
        """From the row."""
        product = ProductView.of(card)
        return cls(success=True, image_url=product.image_url or "", product=product)


class UploadRequest(Shape):
    """What is going to be uploaded."""

    size_bytes: Annotated[int, Field(strict=True, ge=1, le=rules.UPLOAD_BYTES_MAX)]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]


class UploadLink(Shape):
    """Where the file goes: one PUT with these headers, and then the upload is finished with its id."""

    upload_id: int
    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str] = Field(description="What the PUT must carry, exactly so: it is signed")
    expires_at: Instant
