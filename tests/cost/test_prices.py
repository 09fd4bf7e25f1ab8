"""The tables: complete, exact, and used."""

import ast
from datetime import date
from decimal import Decimal

import pytest

from infra.cost import prices as tables
from infra.cost.prices import CostError, Price, assumptions, prices, reasons
from infra.local.options import ROOT
from tests.house.source import sources

SOURCES = sources(ROOT / "infra" / "cost")


def test_the_table_says_when_and_where_it_was_read() -> None:
    assert prices().region == "us-east-1"
    assert date(2026, 11, 1) <= prices().read_on


@pytest.mark.parametrize("price", prices().by_name.values(), ids=lambda price: price.name)
def test_every_price_has_its_source(price: Price) -> None:
    assert all(isinstance(number, Decimal) for number in (price.usd, price.per))
    assert price.usd > 0
    assert "pricing" in price.source
    assert len(price.unit) > 2


def test_a_price_is_exact() -> None:
    assert prices()["lambda_requests"].of(Decimal(3)) == Decimal("0.0000006")
    assert prices()["dynamodb_write_units"].of(Decimal(1_000_000)) == Decimal("0.625")


def test_what_nobody_has_looked_up_stops_the_sheet() -> None:
    with pytest.raises(CostError, match="moon_dust has no price"):
        prices()["moon_dust"]


@pytest.mark.parametrize(
    ("_case", "entry"),
    [
        ("no source", {"usd": Decimal(1), "per": 1, "unit": "u", "checked": "quoted"}),
        ("free of charge", {"usd": Decimal(0), "per": 1, "unit": "u", "source": "s pricing", "checked": "quoted"}),
        ("checked by whom?", {"usd": Decimal(1), "per": 1, "unit": "u", "source": "s pricing", "checked": "maybe"}),
    ],
)
def test_an_incomplete_price_is_refused(_case: str, entry: dict[str, object]) -> None:
    with pytest.raises(CostError, match=r"prices\.toml: p "):
        tables._price("p", entry)


def test_every_assumption_says_why_and_is_used() -> None:
    text = "".join(source.text for source in SOURCES)
    assert all(isinstance(value, Decimal) and value > 0 for value in assumptions().values())
    assert all(len(why) > 15 for why in reasons().values())
    assert [name for name in assumptions() if f'"{name}"' not in text] == []


def test_every_price_is_used() -> None:
    text = "".join(source.text for source in SOURCES)
    assert [name for name in prices().by_name if f'"{name}"' not in text and f"'{name}'" not in text] == []


def test_the_sheet_knows_no_float() -> None:
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in SOURCES
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float) and source.path.name != "samples.py")
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in ("float", "round"))
    ]
    assert wrong == []
