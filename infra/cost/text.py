"""The sheet for people, and for programs."""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from infra.cost.prices import assumptions, prices, reasons
from infra.cost.sheet import Line, Sheet, Spread, sum_of

TOP = 5
SMALL_USD = Decimal("0.10")


def told(sheet: Sheet) -> str:
    """The whole sheet."""
    parts = [_head(sheet), _day(sheet), _top(sheet), _kinds(sheet), _idle(sheet), _months(sheet), _beside(sheet)]
    return "\n\n".join([*parts, _certainty(sheet)])


def _head(sheet: Sheet) -> str:
    table = prices()
    return (
        f"What Quartermaster costs on AWS: {table.region}, prices of {table.read_on}, without free tier, taxes, support.\n"
        f"One day as `make day` plays it, were it deployed as {sheet.stage}: {sheet.placed} orders placed,"
        f" {sheet.shipped} shipped."
    )


def _day(sheet: Sheet) -> str:
    rows = [
        [line.what, _number(line.quantity), _number(line.quantity / sheet.shipped), _unit_price(line),
         dollars(line.usd), dollars(line.usd / sheet.shipped)]
        for line in sheet.day
    ]  # fmt: skip
    rows.append(["in all", "", "", "", dollars(sheet.day_usd), dollars(sheet.order_usd)])
    head = ["the day", "a day", "a shipped order", "unit price", "$ a day", "$ a shipped order"]
    return _table(head, rows)


def _top(sheet: Sheet) -> str:
    rows = [
        [f"{piece.function} {piece.part}".strip(), str(piece.invocations), dollars(usd), _percent(usd / sheet.day_usd)]
        for piece, usd in sheet.pieces[: 2 * TOP]
    ]
    return _table(["where a day's money goes", "calls", "$ a day", "share"], rows)


def _kinds(sheet: Sheet) -> str:
    rows = [[kind, str(number), dollars(usd)] for kind, (number, usd) in sorted(sheet.kinds.items())]
    return _table(["kind", "a day", "$ for 1,000"], rows)


def _idle(sheet: Sheet) -> str:
    tables = []
    for stage, lines in sheet.idle.items():
        large, small = [x for x in lines if x.usd >= SMALL_USD], [x for x in lines if x.usd < SMALL_USD]
        rows = [[line.what, _number(line.quantity), _unit_price(line), dollars(line.usd)] for line in large]
        rows += [[f"{len(small)} smaller ones", "", "", dollars(sum_of(small))]] if small else []
        rows.append(["in all", "", "", dollars(sum_of(lines))])
        tables.append(_table([f"idle month, {stage}", "quantity", "unit price", "$"], rows))
    return "\n\n".join(tables)


def _months(sheet: Sheet) -> str:
    at_rest = sum_of(sheet.idle[sheet.stage])
    rows = []
    for orders, lines in sheet.months.items():
        added = sum_of(lines)
        dearest = "; ".join(f"{line.what} {dollars(line.usd)}" for line in lines[:TOP])
        each = (at_rest + added) / orders / assumptions()["days_per_month"]
        rows.append([f"{orders:,} orders a day", dollars(at_rest), dollars(added), dollars(at_rest + added),
                     dollars(each), dearest])  # fmt: skip
    head = [f"a month of {sheet.stage} with", "$ idle", "$ orders", "$ in all", "$ an order", "dearest of the orders"]
    return _table(head, rows)


def _beside(sheet: Sheet) -> str:
    robot = sum_of(sheet.robot)
    sms, mails = sheet.sizes["sms"], sheet.sizes["mail"]
    return "\n".join([
        f"A robot that is connected and has nothing to do: {dollars(robot)} a month"
        f" ({'; '.join(f'{line.what} {dollars(line.usd)}' for line in sheet.robot[:3])}).",
        f"Others bill besides: {sms} SMS of the day ({dollars(prices()['sms'].of(sms))}, carriers' fees not included),"
        f" {mails} mails ({dollars(prices()['mails'].of(mails))} by SES), and Stripe its share.",
        f"The database: {_number(sheet.sizes['cpu_ms'] / sheet.shipped)} ms of processor,"
        f" {_number(sheet.sizes['bytes'] / sheet.shipped / 1000)} kB of room and"
        f" {_number(sheet.sizes['wal_bytes'] / sheet.shipped / 1000)} kB of log for each shipped order.",
    ])  # fmt: skip


def _certainty(sheet: Sheet) -> str:
    spreads = "; ".join(f"{name} {_range(spread)}" for name, spread in sheet.spreads.items())
    unsure = [name for name, why in reasons().items() if "not confirmed" in why or "gives no figure" in why]
    guessed = ", ".join(f"{name} = {assumptions()[name]}" for name in unsure)
    return f"Between the days played: {spreads}.\nAssumed and not confirmed (infra/cost/assumptions.toml): {guessed}."


def _range(spread: Spread) -> str:
    return f"{_number(spread.least)} to {_number(spread.most)} ({spread.percent:.1f} %)"


def as_json(sheet: Sheet) -> dict[str, Any]:
    """The same for programs; amounts and quantities are decimal texts."""
    return {
        "region": prices().region,
        "prices_read_on": prices().read_on.isoformat(),
        "stage": sheet.stage,
        "orders": {"placed": str(sheet.placed), "shipped": str(sheet.shipped)},
        "usd_per_day": str(sheet.day_usd),
        "usd_per_order": str(sheet.order_usd),
        "day": _lines(sheet.day),
        "per_1000_requests": {kind: str(usd) for kind, (_, usd) in sheet.kinds.items()},
        "work": [
            {"function": piece.function, "part": piece.part, "invocations": piece.invocations, "usd": str(usd)}
            for piece, usd in sheet.pieces
        ],
        "idle_month": {stage: {"usd": str(sum_of(ls)), "lines": _lines(ls)} for stage, ls in sheet.idle.items()},
        "busy_month": {str(n): {"usd": str(sum_of(ls)), "lines": _lines(ls)} for n, ls in sheet.months.items()},
        "robot_month": _lines(sheet.robot),
        "database": {name: str(number) for name, number in sheet.sizes.items()},
        "spread": {name: [str(s.least), str(s.median), str(s.most)] for name, s in sheet.spreads.items()},
        "assumptions": {name: str(value) for name, value in assumptions().items()},
    }


def _lines(lines: Iterable[Line]) -> list[dict[str, str]]:
    return [
        {"what": line.what, "quantity": str(line.quantity), "price": line.price.name, "usd": str(line.usd)}
        for line in lines
    ]


def dollars(amount: Decimal) -> str:
    """Cents from a dollar on; below it three digits that say something."""
    if amount == 0:
        return "0"
    digits = max(2, 2 - amount.adjusted()) if abs(amount) < 1 else 2
    return f"{amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN):,f}"


def _number(quantity: Decimal) -> str:
    if quantity == quantity.to_integral_value():
        return f"{int(quantity):,}"
    return dollars(quantity) if abs(quantity) < 100 else f"{quantity:,.0f}"


def _percent(share: Decimal) -> str:
    return f"{share * 100:.1f} %"


def _unit_price(line: Line) -> str:
    price = line.price
    mark = "" if price.checked == "quoted" else " (not confirmed)"
    per = f"{int(price.per):,} x " if price.per != 1 else ""
    return f"{price.usd.normalize():f} per {per}{price.unit}{mark}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    left = {0, *(n for n, title in enumerate(head) if title in ("unit price", "dearest of the orders"))}

    def told_row(row: list[str]) -> str:
        cells = [c.ljust(w) if n in left else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))]
        return "  ".join(cells).rstrip()

    return "\n".join([told_row(head), "-" * (sum(widths) + 2 * (len(widths) - 1)), *map(told_row, rows)])
