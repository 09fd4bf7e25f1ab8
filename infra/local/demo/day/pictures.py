"""Pictures that the day's people send: the two sides of a check, a carton of a product."""

from io import BytesIO


def check_side(title: str, *lines: str) -> bytes:
    """A PNG of paper with a few lines on it."""
    return _drawn((900, 400), "#f4f1e4", title, lines)


def carton(name: str) -> bytes:
    """A PNG of a brown carton with a label."""
    return _drawn((1200, 900), "#b58a5a", name, ())


def _drawn(size: tuple[int, int], ground: str, title: str, lines: tuple[str, ...]) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, size[0] - 20, size[1] - 20), outline="#333333", width=3)
    for number, line in enumerate((title, *lines)):
        draw.text((60, 60 + 60 * number), line, fill="#222222", font_size=36)
    content = BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
