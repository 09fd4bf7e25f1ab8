"""One intake for pictures that others send: looked at before they are decoded, then drawn anew as a JPEG of ours.

What is kept is never the file that came. Its kind is told by its first bytes, not by its name or media type; its size in
bytes and pixels is checked before a pixel is decoded; what a picture carries besides (EXIF with places and owners, colour
profiles, comments, a second file behind the end) does not outlive the drawing. Pure functions; nobody else imports Pillow.
"""

import binascii
import hashlib
import re
import struct
import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, ClassVar, Literal

from chalicelib.kernel.errors import BadRequest

if TYPE_CHECKING:
    from PIL.Image import Image

Kind = Literal["jpeg", "png", "gif", "webp"]

MEDIA_TYPE = "image/jpeg"
"""Of what is drawn."""
BYTES_MAX = 10_000_000
PIXELS_MAX: dict[Kind, int] = {"jpeg": 50_000_000, "png": 20_000_000, "gif": 20_000_000, "webp": 20_000_000}
"""Every telephone's photographs. Drawing one takes some 350 MB at most: a JPEG is decoded at half its size or less, the
others whole."""
SIDE_MAX = 20_000
"""Panoramas are long; a strip of a million pixels is no picture."""
SCANS_MAX = 64
"""Of a progressive JPEG: encoders write about ten, each is as much work as a whole picture (libjpeg-turbo, djpeg -maxscans)."""
QUALITY = 85
_PLUGINS: dict[Kind, tuple[str, str]] = {
    "jpeg": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "png": ("PIL.PngImagePlugin", "PngImageFile"),
    "gif": ("PIL.GifImagePlugin", "GifImageFile"),
    "webp": ("PIL.WebPImagePlugin", "WebPImageFile"),
}
_DATA_URL = re.compile(r"data:image/(?:jpeg|jpg|png|gif|webp);base64,", re.ASCII | re.IGNORECASE)
_WHITE = (255, 255, 255)


class BadImage(BadRequest):
    """What was sent is no picture that we take; the sentence says why, for the person who chose it."""

    code: ClassVar[str] = "bad_image"
    sentence: ClassVar[str] = "This is no image that can be read: JPEG, PNG, GIF and WebP are taken"


@dataclass(frozen=True)
class Picture:
    """A JPEG that we drew. `content` is the file; width and height in pixels."""

    content: bytes
    width: int
    height: int

    @cached_property
    def sha256(self) -> str:
        """Of the content, in hexadecimal: the same picture drawn twice has the same."""
        return hashlib.sha256(self.content).hexdigest()


def kind_of(content: bytes) -> Kind | None:
    """What the first bytes say it is; None for anything that we do not take (SVG, TIFF, PDF, HTML among them)."""
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def is_data_url(text: str) -> bool:
    """Whether this is, or wants to be, a ``data:`` URL."""
    return text[:5].lower() == "data:"


def from_data_url(text: str, *, bytes_max: int = BYTES_MAX) -> bytes:
    """The file in a ``data:image/png;base64,...`` URL, not looked at yet: `redraw` does that. Raises BadImage.

    Strict: an image type that we take, no further parameters, base64 without blanks and line breaks, padded (RFC 2397,
    RFC 4648). The type is not compared with the content: browsers tell it from the ending of a file's name.
    """
    start = _DATA_URL.match(text)
    if start is None:
        raise BadImage("An image in a data URL starts with data:image/jpeg;base64, (or png, gif, webp)")
    quads, rest = divmod(len(text) - start.end(), 4)
    if quads * 3 > bytes_max + 2:
        raise _too_many_bytes(bytes_max)
    try:
        if rest == 0:  # binascii takes an "=" too many
            return binascii.a2b_base64(text[start.end() :].encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        pass
    raise BadImage("The data URL's base64 is broken")


def redraw(content: bytes, *, side_max: int = 2000, bytes_max: int = BYTES_MAX) -> Picture:
    """The picture, upright, on white, in sRGB, its longer side `side_max` pixels at most; never enlarged. Raises BadImage.

    Of an animation the first frame is taken. The same content gives the same picture, as long as Pillow stays the same.
    """
    if len(content) > bytes_max:
        raise _too_many_bytes(bytes_max)
    kind = kind_of(content)
    if kind is None:
        raise BadImage
    _check_cheap(kind, content)
    try:
        return _draw(_open(kind, content), side_max)
    except (BadImage, MemoryError):
        raise
    except Exception:  # what a broken file makes Pillow stumble over has every type there is
        raise BadImage("The image cannot be read: it is damaged or incomplete") from None


def _too_many_bytes(bytes_max: int) -> BadImage:
    return BadImage(f"The image has more than {bytes_max / 1_000_000:g} MB")


def _check_cheap(kind: Kind, content: bytes) -> None:
    """What Pillow would only find out by work: a WebP canvas, which its decoder makes at once, and a JPEG's scans."""
    if kind == "webp":
        _check_size(kind, *_webp_size(content))
    if kind == "jpeg" and content.count(b"\xff\xda") > SCANS_MAX:  # in a scan's own data \xff is followed by zero
        raise BadImage(f"The JPEG has more than {SCANS_MAX} scans")


def _check_size(kind: Kind, width: int, height: int) -> None:
    if max(width, height) > SIDE_MAX:
        raise BadImage(f"The image has a side of more than {SIDE_MAX:,} pixels")
    if width * height > PIXELS_MAX[kind]:
        raise BadImage(f"The image has more than {PIXELS_MAX[kind] // 1_000_000} million pixels")


def _webp_size(content: bytes) -> tuple[int, int]:
    """Width and height as the header says (RFC 9649, 2.5 to 2.7)."""
    head = content[:30].ljust(30, b"\0")
    match head[12:16]:
        case b"VP8X":
            return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack("<HH", head[26:30])
            return width & 0x3FFF, height & 0x3FFF
        case _:
            raise BadImage("The image cannot be read: it is damaged or incomplete")


def _open(kind: Kind, content: bytes) -> "Image":
    """The image by its one plugin: `Image.open` would try others, and load all of them for a WebP."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # where Pillow would only warn, `_check_size` refuses
    warnings.filterwarnings("ignore", module=r"PIL\.")  # remarks on broken metadata, which nobody needs
    module, name = _PLUGINS[kind]
    image: Image.Image = getattr(import_module(module), name)(BytesIO(content))
    _check_size(kind, *image.size)
    return image


def _draw(image: "Image", side_max: int) -> Picture:
    from PIL import Image, ImageOps

    if image.mode in ("1", "P") or "transparency" in image.info:  # such colours cannot be mixed to make it smaller
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode.startswith("I"):
        image = image.point(lambda value: value * (1 / 256)).convert("L")  # 16 bits a pixel: a plain conversion clips
    image.thumbnail((side_max, side_max), reducing_gap=1.5)
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # EXIF is often broken; the picture is not
        image.load()
    canvas = Image.new("RGB", image.size, _WHITE)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        canvas.paste(image, mask=image.getchannel("A"))
    else:
        canvas.paste(_in_srgb(image))
    file = BytesIO()
    canvas.save(file, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return Picture(file.getvalue(), *canvas.size)


def _in_srgb(image: "Image") -> "Image":
    """Colours as they were meant, where the image says so by a profile; as they stand otherwise."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        from PIL import ImageCms

        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            return image.convert("RGB")
        if converted is not None:
            return converted
    return image.convert("RGB")
