"""Prices and assumptions, read from their tables. All arithmetic is Decimal; nothing here is a float."""

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
CHECKED = ("quoted", "no")


class CostError(Exception):
    """The sheet cannot be made; the sentence says what is missing."""


@dataclass(frozen=True)
class Price:
    """What AWS asks for `per` units."""

    name: str
    usd: Decimal
    per: Decimal
    unit: str
    source: str
    checked: str

    def of(self, quantity: Decimal) -> Decimal:
        """The price of a quantity, in dollars, unrounded."""
        return self.usd * quantity / self.per


@dataclass(frozen=True)
class Prices:
    """The table of one region and day."""

    read_on: date
    region: str
    by_name: dict[str, Price]

    def __getitem__(self, name: str) -> Price:
        """A price. Raises CostError when nobody has looked it up."""
        if name not in self.by_name:
            raise CostError(f"{name} has no price: look it up and add it to infra/cost/prices.toml")
        return self.by_name[name]


@cache
def prices() -> Prices:
    """The price table. Raises CostError for an entry that is not complete."""
    table = _load("prices.toml")
    read_on, region = table.pop("read_on"), table.pop("region")
    return Prices(read_on, region, {name: _price(name, entry) for name, entry in table.items()})


def _price(name: str, entry: dict[str, Any]) -> Price:
    try:
        made = Price(
            name, Decimal(entry["usd"]), Decimal(entry["per"]), entry["unit"], entry["source"], entry["checked"]
        )
    except KeyError as missing:
        raise CostError(f"prices.toml: {name} has no {missing}") from None
    if made.checked not in CHECKED or made.usd <= 0 or made.per <= 0:
        raise CostError(f"prices.toml: {name} is not a price")
    return made


@cache
def assumptions() -> dict[str, Decimal]:
    """What cannot be measured here, by name; assumptions.toml says why each has its value."""
    return {name: Decimal(entry["value"]) for name, entry in _load("assumptions.toml").items()}


def reasons() -> dict[str, str]:
    """Why each assumption has its value."""
    return {name: str(entry["why"]) for name, entry in _load("assumptions.toml").items()}


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"), parse_float=Decimal)
