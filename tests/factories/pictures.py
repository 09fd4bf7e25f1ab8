"""Picture files, good and hostile."""

import base64
import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

RED, GREEN, BLUE, WHITE = (200, 30, 40), (20, 160, 60), (30, 60, 200), (255, 255, 255)


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Red and green above, blue and white below: which way is up can be seen."""
    image = Image.new("RGB", (width, height), WHITE)
    middle = (width // 2, height // 2)
    image.paste(RED, (0, 0, *middle))
    image.paste(GREEN, (middle[0], 0, width, middle[1]))
    image.paste(BLUE, (0, middle[1], middle[0], height))
    return image


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """The image as a file."""
    file = BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def picture(width: int = 64, height: int = 48, *, file_format: str = "PNG", **options: Any) -> bytes:
    """A file of the four quarters."""
    return encoded(quarters(width, height), file_format, **options)


def data_url(content: bytes, media_type: str = "image/png") -> str:
    """A file as browsers put it into a form."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def opened(content: bytes) -> Image.Image:
    """A file's image, loaded."""
    image = Image.open(BytesIO(content))
    image.load()
    return image


def corners(content: bytes) -> list[str]:
    """The colours in the corners, as the nearest of the four: upper left, upper right, lower left, lower right."""
    image = opened(content).convert("RGB")
    width, height = image.size
    x, y = max(1, width // 8), max(1, height // 8)
    places = [(x, y), (width - 1 - x, y), (x, height - 1 - y), (width - 1 - x, height - 1 - y)]
    return [_nearest(image.getpixel(place)) for place in places]


def _nearest(pixel: Any) -> str:
    known = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    return min(known, key=lambda name: sum((a - b) ** 2 for a, b in zip(known[name], pixel, strict=True)))


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of one colour: some bytes, that many pixels."""
    rows = zlib.compress(b"\0" * min(height * (width // 8 + 2), 4_000_000))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
        + _chunk(b"IDAT", rows)
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def jpeg_claiming(width: int, height: int) -> bytes:
    """A small JPEG whose header says that it is a large one."""
    content = picture(file_format="JPEG")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def gif_claiming(width: int, height: int) -> bytes:
    """A small GIF on a large screen."""
    content = picture(file_format="GIF")
    return content[:6] + struct.pack("<HH", width, height) + content[10:]


def webp_claiming(width: int, height: int) -> bytes:
    """A WebP whose canvas is said to be large."""
    content = encoded(quarters().convert("RGBA"), "WEBP", lossless=True, xmp=b"<x/>")
    assert content[12:16] == b"VP8X"
    return content[:24] + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + content[30:]
