"""Reads the tab-separated files beside this module."""

import csv
from decimal import Decimal
from pathlib import Path

DATA = Path(__file__).parent / "data"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of ``data/<name>.tsv`` by column."""
    with (DATA / f"{name}.tsv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))


def cents(amount: str) -> int:
    """``"12.50"`` as 1250. Raises ValueError for parts of a cent."""
    scaled = Decimal(amount) * 100
    if scaled != int(scaled):
        raise ValueError(f"not a whole number of cents: {amount}")
    return int(scaled)
