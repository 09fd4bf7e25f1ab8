"""Pure decisions of the catalogue: barcodes, weights, and what a unit costs."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

GTIN_LENGTHS = (8, 12, 13, 14)


def is_gtin(code: str) -> bool:
    """Whether a code has the form of a GTIN: 8, 12, 13 or 14 digits (GS1 General Specifications, 3.2)."""
    return len(code) in GTIN_LENGTHS and code.isascii() and code.isdecimal()


def check_digit(digits: str) -> int:
    """The check digit for a GTIN without one: weights 3 and 1 from the right (GS1 Gen. Specs, 7.9)."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -weighted % 10


def barcode_warnings(codes: Sequence[str]) -> list[str]:
    """A sentence for each code that looks like a GTIN and has a wrong check digit. A warning never blocks."""
    return [
        f"Barcode {code}: the check digit should be {check_digit(code[:-1])}, not {code[-1]}"
        for code in codes
        if is_gtin(code) and int(code[-1]) != check_digit(code[:-1])
    ]


def lookup_forms(code: str) -> list[str]:
    """A scanned code and the other ways to write the same GTIN, the code itself first.

    A GTIN-12 is a GTIN-13 with a leading zero, and so on up to 14: scanners and labels disagree on how many
    they show.
    """
    if not is_gtin(code):
        return [code]
    shortest = code.lstrip("0")
    same = [shortest.zfill(length) for length in GTIN_LENGTHS if len(shortest) <= length]
    return list(dict.fromkeys([code, *same]))


GRAMS_PER_POUND = 453.59237
"""International avoirdupois pound (NIST Handbook 44, appendix C)."""


def pounds(grams: int) -> float:
    """Weight as the warehouse shows it, rounded to hundredths, half to even."""
    return round(grams / GRAMS_PER_POUND, 2)


def coded(upc: str | None, codes: Iterable[str]) -> list[tuple[str, str]]:
    """(code, kind) of each barcode once. A UPC comes first and is the only ``gtin``, whatever its form.

    Without one, every code in the form of a GTIN is a ``gtin``, and the first of them is what scanners show as UPC.
    """
    if upc is not None:
        return [(upc, "gtin"), *((code, "alias") for code in dict.fromkeys(codes) if code != upc)]
    return [(code, "gtin" if is_gtin(code) else "alias") for code in dict.fromkeys(codes)]


class Code(NamedTuple):
    """A SKU or a barcode that line `line` of a list brings along."""

    line: int
    kind: Literal["sku", "barcode"]
    value: str

    @property
    def key(self) -> str:
        """The same for all ways to write it."""
        return self.value.upper() if self.kind == "sku" else max(lookup_forms(self.value), key=len)


def repeated(codes: Iterable[Code]) -> list[Code]:
    """Those that an earlier line brings along already."""
    first: dict[tuple[str, str], int] = {}
    return [code for code in codes if first.setdefault((code.kind, code.key), code.line) != code.line]


class Place(NamedTuple):
    """Where a page of products ended: after how many, and with which one."""

    position: int
    id: int
    name: str

    @property
    def token(self) -> str:
        """What a caller gets to go on with."""
        return urlsafe_b64encode(json.dumps(self, ensure_ascii=False).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, token: str) -> "Place | None":
        """The place of a token; None for what is none."""
        try:
            match json.loads(urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))):
                case [int(position), int(product_id), str(name)]:
                    made = cls(position, product_id, name)
                case _:
                    return None
            name.encode()  # a lone surrogate is no text
        except ValueError:
            return None
        is_storable = 0 <= made.position < 2**31 and 0 <= made.id < 2**31 and "\0" not in name
        return made if is_storable else None


RESERVED_SKUS = ("search", "bulk-update", "image", "sku", "sales-catalog")
"""They would hide behind paths of the API that are called so (collisions.md 3)."""


def is_bulk(quantity: int, bulk_quantity: int | None) -> bool:
    """Whether a line of `quantity` units gets the bulk price."""
    return bulk_quantity is not None and quantity >= bulk_quantity


def bulk_price_flaw(unit_price_minor: int, bulk_price_minor: int | None) -> str | None:
    """Why a bulk price cannot stand beside a unit price: who buys more never pays more for one. None: it can.

    A product without a price is not sold, and its bulk price waits for it.
    """
    if bulk_price_minor is None or unit_price_minor == 0 or bulk_price_minor <= unit_price_minor:
        return None
    bulk, unit = (Decimal(minor).scaleb(-2) for minor in (bulk_price_minor, unit_price_minor))
    return f"The bulk price {bulk:.2f} is above the unit price {unit:.2f}"


def in_stock_after(in_stock: bool, *, was_minor: int, is_minor: int) -> bool:
    """What a price makes of the seller's switch: the first one opens the sale, taking it away ends it (decision 0029)."""
    return is_minor > 0 and (in_stock or was_minor == 0)


WORDS_MAX = 6
WORD_LENGTH_MAX = 40
_LIKE_SIGNS = str.maketrans("%_\\", "   ")


def search_words(text: str) -> tuple[str, ...]:
    """The words of a search text that can be looked for: at most `WORDS_MAX`, each with a letter or digit.

    LIKE's own signs are taken for spaces, so that nobody searches with patterns.
    """
    words = (word[:WORD_LENGTH_MAX] for word in text.translate(_LIKE_SIGNS).split())
    return tuple(dict.fromkeys(word for word in words if any(map(str.isalnum, word))))[:WORDS_MAX]
