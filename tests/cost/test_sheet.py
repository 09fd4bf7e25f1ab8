"""The sheet's arithmetic, on made-up samples."""

import json
from decimal import Decimal
from typing import Any

import pytest

from infra.cost import cloud, sheet, text
from infra.cost.prices import CostError
from infra.cost.samples import Measured
from tests.cost.samples import day, idle, measured, sample


@pytest.fixture(scope="module")
def templates() -> dict[str, Any]:
    return cloud.templates()


def test_a_day_is_the_sum_of_its_lines_and_an_order_its_share(templates: dict[str, Any]) -> None:
    made = sheet.make(measured(), templates)
    assert (made.placed, made.shipped) == (Decimal(1), Decimal(1))
    by_name = {line.price.name: line for line in made.day if "waits" not in line.what}
    assert by_name["api_requests"].usd == 2 * Decimal("0.0000035")
    assert by_name["sqs_requests"].usd == 9 * Decimal("0.0000004")
    assert by_name["aurora_io"].quantity == 10
    assert made.day_usd == sum(line.usd for line in made.day)
    assert made.order_usd == made.day_usd
    pieces = sum(usd for _, usd in made.pieces)
    assert pieces + by_name["aurora_io"].usd == made.day_usd


def test_twice_the_orders_are_half_the_price(templates: dict[str, Any]) -> None:
    two = day()
    two.parts["api", "POST /api/shipping/fulfill"]["answers 2xx"] = 2
    made = sheet.make(measured(two), templates)
    assert made.order_usd * 2 == made.day_usd


def test_a_month_is_so_many_days_and_what_the_database_takes(templates: dict[str, Any]) -> None:
    made = sheet.make(measured(), templates)
    lines = {line.what: line for line in made.months[1_000]}
    requests = next(line for line in made.day if line.price.name == "api_requests")
    assert lines["api requests"].quantity == requests.quantity * 1_000 * Decimal("30.4")
    assert lines["aurora storage that a month adds"].quantity == Decimal(9000) * 1_000 * Decimal("30.4") / 10**9
    # 990 ms of processor an order: 1,000 in ten hours are 0.0275 processors or 0.11 ACU, which the idle one has.
    assert lines["aurora capacity beyond the idle one"].quantity == 0
    at_ten = {line.what: line for line in made.months[10_000]}
    beyond = Decimal("9900") / 36_000 / Decimal("0.25") - 1
    assert at_ten["aurora capacity beyond the idle one"].quantity == beyond * 10 * Decimal("30.4")


def test_kinds_of_requests(templates: dict[str, Any]) -> None:
    kinds = sheet.make(measured(), templates).kinds
    assert {kind: number for kind, (number, _) in kinds.items()} == {"writes": 2, "work from queues": 3}


def test_the_median_day_is_told_and_how_far_the_others_lie_apart(templates: dict[str, Any]) -> None:
    days = [day(wall_us=us, cpu_us=us // 2) for us in (40_000, 20_000, 30_000)]
    made = sheet.make(measured(*days), templates)
    spread = made.spreads["milliseconds"]
    assert spread == sheet.Spread(Decimal(53), Decimal(63), Decimal(73))
    assert made.day == sheet.make(measured(days[2]), templates).day
    assert made.spreads["SQL statements"].percent == 0


def test_a_database_that_is_not_ours_stops_the_sheet(templates: dict[str, Any]) -> None:
    blind = sample({}, seconds=1.0)
    del blind.database["cpu_ms"]
    with pytest.raises(CostError, match="processor time cannot be seen"):
        sheet.make(Measured(blind, [day()]), {"prod": templates["prod"]})


def test_a_day_without_orders_stops_the_sheet(templates: dict[str, Any]) -> None:
    with pytest.raises(CostError, match="no order was shipped"):
        sheet.make(Measured(idle(), [sample({})]), templates)


def test_the_text_says_it_and_the_file_is_exact(templates: dict[str, Any]) -> None:
    made = sheet.make(measured(day(), day()), templates)
    told = text.told(made)
    for words in ("idle month, dev", "idle month, prod", "10,000 orders a day", "Between the days played", "RDS Proxy"):
        assert words in told
    found = json.loads(json.dumps(text.as_json(made)), parse_float=lambda number: pytest.fail(f"a float: {number}"))
    assert Decimal(found["usd_per_order"]) == made.order_usd
    assert sum(Decimal(line["usd"]) for line in found["day"]) == made.day_usd
    assert Decimal(found["idle_month"]["prod"]["usd"]) == sheet.sum_of(made.idle["prod"])


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("1234.567", "1,234.57"),
        ("0.5", "0.500"),
        ("0.000012345", "0.0000123"),
        ("0.0000000034", "0.00000000340"),
        ("0", "0"),
    ],
)
def test_amounts_say_something_whatever_their_size(amount: str, told: str) -> None:
    assert text.dollars(Decimal(amount)) == told
