"""Names, addresses and bounds of product images; what the text in an `image_url` means."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticKnownError

from chalicelib.kernel import images
from chalicelib.kernel.images import BadImage

SIDE_MAX, THUMBNAIL_SIDE_MAX = 2000, 320
"""Longer sides, in pixels, of what is kept."""
FORM_BYTES_MAX = 4_500_000
"""Of a form with a file: Lambda takes 6 MB, and the gateway hands binary bodies on in base64 (API Gateway, Lambda quotas)."""
FIELD_BYTES_MAX = 5_500_000
"""Of a JSON body in which data URLs may stand."""
UPLOAD_BYTES_MAX = 20_000_000
"""Of a file that goes straight into the object store."""
DATA_URLS_MAX = 20
"""In one request: each is up to a second of work."""
UPLOAD_LASTS = timedelta(hours=1)
RESERVED_FOR = timedelta(hours=2)
"""Longer than any link or request that writes under a reserved name."""

ADDRESS_LENGTH_MAX = 2048


def _check_length(text: str) -> str:
    if len(text) > ADDRESS_LENGTH_MAX and not images.is_data_url(text):
        raise PydanticKnownError("string_too_long", {"max_length": ADDRESS_LENGTH_MAX})
    return text


ImageUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=FIELD_BYTES_MAX),
    AfterValidator(_check_length),
    Field(description="An image as a data URL (JPEG, PNG, GIF, WebP; base64), or the address of an image of ours"),
]
"""An `image_url` in a request. `from_field` decides what it is."""
ImageFile = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}\.jpg$")]
"""The last part of an image's address."""
_PATH = "/api/images/"
_OURS = re.compile(r"/api/images/(?P<name>[A-Za-z0-9_-]{43})\.jpg", re.ASCII)


@dataclass(frozen=True)
class Known:
    """An image that should be one of ours, by its name."""

    name: str


@dataclass(frozen=True)
class File:
    """A file in a data URL, not decoded yet."""

    data_url: str


def read(text: str, public_url: str) -> Known | File | BadImage:
    """What an `image_url` in a request is. Addresses of others are refused: we neither fetch nor show what is not ours."""
    if images.is_data_url(text):
        return File(text)
    ours = _OURS.fullmatch(text.removeprefix(public_url.rstrip("/")))
    if ours is None:
        return BadImage("An image is sent as a data URL, or named by the address of an image of ours")
    return Known(ours["name"])


def name_in(address: str | None) -> str | None:
    """The name of the image at an address as we store it; None for any other."""
    ours = _OURS.fullmatch(address or "")
    return ours["name"] if ours else None


def path_of(name: str) -> str:
    """Where an image is shown, without the host."""
    return f"{_PATH}{name}.jpg"


def key_of(name: str) -> str:
    """Where the picture lies in the object store."""
    return f"product-images/{name}.jpg"


def thumbnail_key_of(name: str) -> str:
    """Where its thumbnail lies."""
    return f"product-images/{name}-{THUMBNAIL_SIDE_MAX}.jpg"


def upload_key_of(name: str) -> str:
    """Where a large file is put by whoever sends it, until it is looked at."""
    return f"uploads/{name}"
