"""Decisions about vendors."""

import re

PRODUCTS_SHOWN = 1000
"""How many products a vendor's page shows; the lists go on, page by page."""
_WEBSITE = re.compile(r"(?:https?://)?[\w-]+(?:\.[\w-]+)*(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE)
_NO = frozenset({"", "0", "false", "no", "off"})


def is_website(text: str) -> bool:
    """An address that may stand behind a link: of the web, and no script. It is shown, never fetched."""
    return _WEBSITE.fullmatch(text) is not None


def is_set(text: str) -> bool:
    """Whether a switch in a query is on: ``1``, ``true``, anything but a no."""
    return text.strip().lower() not in _NO


def is_range(least: int | None, most: int | None) -> bool:
    """Whether these bound a price; either end may be open."""
    return least is None or most is None or least <= most
