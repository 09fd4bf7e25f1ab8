"""Pictures that others send are looked at before they are decoded, and drawn anew: nothing of the file outlives that."""

import base64
import tracemalloc
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from chalicelib.kernel import images
from chalicelib.kernel.images import BadImage
from tests.factories import pictures
from tests.factories.pictures import BLUE, GREEN, RED, WHITE, encoded, picture, quarters

UPRIGHT = ["red", "green", "blue", "white"]
ORIENTATION = 0x0112


def redrawn(content: bytes, side_max: int = 2000) -> Image.Image:
    """What is kept of a file, after a look at what every one must be."""
    made = images.redraw(content, side_max=side_max)
    image = pictures.opened(made.content)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (made.width, made.height))
    return image


def refusal(content: bytes, **limits: int) -> str:
    with pytest.raises(BadImage) as refused:
        images.redraw(content, **limits)
    return refused.value.message


def near(pixel: object, wanted: tuple[int, int, int], by: int = 12) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= by for a, b in zip(pixel, wanted, strict=True))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_every_kind_is_taken_whatever_it_is_called(file_format: str) -> None:
    content = picture(80, 60, file_format=file_format)
    assert images.kind_of(content) == file_format.lower()
    image = redrawn(content)
    assert image.size == (80, 60)
    assert pictures.corners(encoded(image)) == UPRIGHT


@pytest.mark.parametrize(
    ("_case", "size", "side_max", "becomes"),
    [
        ("smaller than the bound stays", (640, 480), 2000, (640, 480)),
        ("wide", (640, 320), 160, (160, 80)),
        ("high", (320, 640), 160, (80, 160)),
        ("a strip keeps one pixel", (4000, 2), 100, (100, 1)),
        ("one pixel", (1, 1), 2000, (1, 1)),
    ],
)
def test_sides_are_bounded(_case: str, size: tuple[int, int], side_max: int, becomes: tuple[int, int]) -> None:
    for file_format in ("PNG", "JPEG"):
        assert redrawn(picture(*size, file_format=file_format), side_max).size == becomes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_telephone_held_in_any_way_gives_an_upright_picture(orientation: int) -> None:
    turned = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = quarters() if turned is None else quarters().transpose(turned)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for file_format in ("JPEG", "PNG", "WEBP"):
        image = redrawn(encoded(stored, file_format, exif=exif))
        assert image.size == (64, 48)
        assert pictures.corners(encoded(image)) == UPRIGHT


def test_what_a_picture_says_besides_is_dropped() -> None:
    exif = Image.Exif()
    exif[0x010E] = "the owner's kitchen"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    secret = b"<script>alert('the owner')</script>"
    content = picture(file_format="JPEG", exif=exif, comment=secret, icc_profile=profile, xmp=secret) + secret
    assert content.count(secret) == 3
    kept = images.redraw(content).content
    assert secret not in kept
    assert b"the owner" not in kept
    image = pictures.opened(kept)
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}


def test_a_file_that_is_also_something_else_is_only_its_picture() -> None:
    archive = b"PK\x03\x04 an archive behind the picture"
    html = b"<html><script>steal()</script></html>"
    for content in (picture(file_format="GIF") + archive, picture(file_format="JPEG") + html, picture() + html):
        kept = images.redraw(content).content
        assert kept.startswith(b"\xff\xd8\xff")
        assert kept.endswith(b"\xff\xd9")
        assert b"PK\x03\x04" not in kept
        assert b"steal" not in kept


def _palette(mode: str) -> Image.Image:
    image = quarters().convert("RGBA")
    image.putalpha(0)
    image.paste((*RED, 255), (0, 0, 32, 48))
    return image.quantize(8) if mode == "P" else image.convert(mode)


def _sixteen_bits() -> Image.Image:
    image = Image.new("I;16", (64, 48), 32768)
    image.paste(65535, (32, 0, 64, 48))
    return image


def _grey_with_key() -> bytes:
    image = Image.new("L", (64, 48), 0)
    image.paste(90, (0, 0, 32, 48))
    return encoded(image, transparency=0)


@pytest.mark.parametrize(
    ("_case", "content", "left", "right"),
    [
        ("a palette with transparency", encoded(_palette("P")), RED, WHITE),
        ("half transparent", encoded(_palette("RGBA")), RED, WHITE),
        ("grey with alpha", encoded(_palette("LA")), (82, 82, 82), WHITE),
        ("grey with a transparent grey", _grey_with_key(), (90, 90, 90), WHITE),
        ("a GIF with transparency", encoded(_palette("RGBA"), "GIF"), RED, WHITE),
        ("a WebP with transparency", encoded(_palette("RGBA"), "WEBP", lossless=True), RED, WHITE),
        ("16 bits of grey", encoded(_sixteen_bits()), (128, 128, 128), WHITE),
        ("one bit", encoded(Image.new("1", (64, 48), 1)), WHITE, WHITE),
        ("CMYK", encoded(Image.new("CMYK", (64, 48), (0, 255, 255, 0)), "JPEG"), (254, 0, 0), (254, 0, 0)),
        ("grey JPEG", encoded(Image.new("L", (64, 48), 77), "JPEG"), (77, 77, 77), (77, 77, 77)),
    ],
)
def test_every_way_to_write_colours(
    _case: str, content: bytes, left: tuple[int, int, int], right: tuple[int, int, int]
) -> None:
    for side_max in (2000, 32):
        image = redrawn(content, side_max)
        middle = image.height // 2
        assert near(image.getpixel((image.width // 8, middle)), left)
        assert near(image.getpixel((image.width * 7 // 8, middle)), right)


def test_colours_of_a_profile_are_seen_as_they_were_meant() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # fits no RGB picture
    assert near(redrawn(encoded(Image.new("RGB", (9, 9), GREEN), icc_profile=profile)).getpixel((4, 4)), GREEN)
    assert near(redrawn(encoded(Image.new("RGB", (9, 9), BLUE), icc_profile=b"broken")).getpixel((4, 4)), BLUE)
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = srgb.index(b"rXYZ", 128), srgb.index(b"gXYZ", 128)
    srgb[red : red + 4], srgb[green : green + 4] = b"gXYZ", b"rXYZ"
    swapped = encoded(Image.new("RGB", (9, 9), (250, 10, 10)), icc_profile=bytes(srgb))
    assert near(redrawn(swapped).getpixel((4, 4)), (10, 250, 10))


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (40, 40), RED), Image.new("RGB", (40, 40), GREEN), Image.new("RGB", (40, 40), BLUE)]
    for file_format in ("GIF", "WEBP", "PNG"):
        content = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], duration=20)
        assert getattr(pictures.opened(content), "n_frames", 1) == 3
        assert near(redrawn(content).getpixel((20, 20)), RED)


@pytest.mark.parametrize(
    ("_case", "content", "says"),
    [
        ("a PNG of a billion pixels", pictures.png_bomb(19_999, 19_999), "million pixels"),
        ("one row too many", pictures.png_bomb(5_000, 4_001), "million pixels"),
        ("a long side", pictures.png_bomb(2_000_000_000, 1), "side of more than 20,000"),
        ("a strip", pictures.png_bomb(1, 20_001), "side of more than 20,000"),
        ("a JPEG", pictures.jpeg_claiming(19_000, 19_000), "50 million pixels"),
        ("a GIF's screen", pictures.gif_claiming(16_000, 16_000), "20 million pixels"),
        ("a WebP's canvas", pictures.webp_claiming(16_383, 16_383), "20 million pixels"),
        ("a WebP of gigabytes", pictures.webp_claiming(2**24, 2**24), "side of more than 20,000"),
        ("a JPEG of endless scans", picture(file_format="JPEG", progressive=True) + b"\xff\xda" * 64, "64 scans"),
    ],
)
def test_a_bomb_is_refused_before_it_is_decoded(_case: str, content: bytes, says: str) -> None:
    Image.new("RGB", (1, 1))  # what Pillow loads the first time does not count
    tracemalloc.start()
    assert says in refusal(content)
    assert tracemalloc.get_traced_memory()[1] < len(content) * 3 + 2_000_000
    tracemalloc.stop()


def test_the_largest_that_is_taken_is_taken() -> None:
    assert redrawn(pictures.png_bomb(5_000, 4_000), 100).size == (100, 80)


JPEG, PNG = picture(200, 200, file_format="JPEG"), picture(200, 200)


@pytest.mark.parametrize(
    ("_case", "content"),
    [
        ("half a JPEG", JPEG[: len(JPEG) // 2]),
        ("half a PNG", PNG[: len(PNG) // 2]),
        ("half a GIF", picture(file_format="GIF")[:60]),
        ("half a WebP", picture(file_format="WEBP")[:60]),
        ("the beginning of a JPEG", JPEG[:3]),
        ("the beginning of a PNG", PNG[:8]),
        ("the beginning of a GIF", b"GIF89a"),
        ("the beginning of a WebP", b"RIFF\0\0\0\0WEBP"),
        ("a WebP without pixels", b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + b"\0" * 10),
        ("a PNG of no size", pictures.png_bomb(0, 0)),
        ("a PNG with a wrong checksum", PNG[:40] + bytes([PNG[40] ^ 1]) + PNG[41:]),
        ("noise behind a JPEG's mark", b"\xff\xd8\xff" + b"\x07" * 400),
    ],
)
def test_what_is_broken_is_refused(_case: str, content: bytes) -> None:
    assert "damaged or incomplete" in refusal(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='steal()'/>",
        b"%PDF-1.7 not a picture",
        b"II*\0 a TIFF",
        b"BM a bitmap",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"\0\0\0\x1cftypavif",
        b"  " + PNG,
    ],
)
def test_what_is_no_picture_of_ours_is_refused(content: bytes) -> None:
    assert refusal(content) == BadImage.sentence


def test_bytes_are_counted() -> None:
    assert redrawn(PNG).size == (200, 200)
    assert refusal(PNG, bytes_max=len(PNG) - 1).startswith("The image has more than 0.")
    assert refusal(PNG + bytes(10_000_000)) == "The image has more than 10 MB"


def test_broken_exif_does_not_spoil_a_picture() -> None:
    for exif in (b"MM\0*\xff\xff\xff\xff broken", b"rubbish", b"II*\0\x08\0\0\0\xff\xff" + b"\1" * 40):
        content = picture(file_format="JPEG", exif=b"Exif\0\0" + exif)
        assert pictures.corners(encoded(redrawn(content))) == UPRIGHT


def test_the_same_file_gives_the_same_picture() -> None:
    once, twice = images.redraw(PNG, side_max=100), images.redraw(PNG, side_max=100)
    assert once == twice
    assert (len(once.sha256), once.sha256) == (64, twice.sha256)
    assert images.redraw(PNG, side_max=99).sha256 != once.sha256


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP"]), st.data())
def test_no_file_makes_anything_but_a_picture_or_a_refusal(file_format: str, data: st.DataObject) -> None:
    content = bytearray(picture(24, 16, file_format=file_format))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        made = images.redraw(bytes(content))
    except BadImage:
        return
    assert Image.open(BytesIO(made.content)).size == (made.width, made.height)


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/jpg", "IMAGE/PNG", "image/webp", "image/gif"])
def test_data_urls(media_type: str) -> None:
    url = pictures.data_url(PNG, media_type)
    assert images.is_data_url(url)
    assert images.from_data_url(url) == PNG


BASE64 = base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    "url",
    [
        "data:",
        "data:,hello",
        f"data:;base64,{BASE64}",
        f"data:image/svg+xml;base64,{BASE64}",
        f"data:text/html;base64,{BASE64}",
        f"data:image/png,{BASE64}",
        f"data:image/png;charset=utf-8;base64,{BASE64}",
        f"data:image/png;base64,{BASE64[:-1]}",
        f"data:image/png;base64,{BASE64}=",
        f"data:image/png;base64,{BASE64[:8]} {BASE64[8:]}",
        f"data:image/png;base64,{BASE64[:8]}\n{BASE64[8:]}",
        f"data:image/png;base64,{BASE64[:8]}\ud800{BASE64[9:]}",
        f"data:image/png;base64,{BASE64[:8]}-_{BASE64[10:]}",
        f"data:image/png;base64,{BASE64[:8]}=={BASE64[8:]}",
        f" data:image/png;base64,{BASE64}",
        f"data:image/png;base64,{BASE64}#fragment",
        "https://example.org/x.png",
    ],
)
def test_data_urls_are_read_strictly(url: str) -> None:
    with pytest.raises(BadImage):
        images.from_data_url(url)


def test_a_data_url_is_measured_before_it_is_decoded() -> None:
    with pytest.raises(BadImage, match="more than 10 MB"):
        images.from_data_url("data:image/png;base64," + "!" * 14_000_000)
    assert images.from_data_url(pictures.data_url(bytes(100)), bytes_max=100) == bytes(100)
    with pytest.raises(BadImage, match="MB"):
        images.from_data_url(pictures.data_url(bytes(103)), bytes_max=100)
