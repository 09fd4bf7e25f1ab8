"""The sheet: quantities times prices, for the day, an order, kinds of requests, an idle month and a busy one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from infra.cost import usage
from infra.cost.functions import DeployedFunctions, functions_of
from infra.cost.idle import Standing, month_of
from infra.cost.prices import CostError, Price, assumptions, prices
from infra.cost.samples import Measured, Sample
from infra.cost.template import Template
from infra.cost.usage import ASSUMED, MEASURED, Piece, Quantities

ORDERS_A_DAY = (1_000, 10_000)
SHIPPED, PLACED = ("POST /api/shipping/fulfill",), ("POST /api/orders", "POST /api/v1/orders")
WEBHOOKS = ("/api/webhooks/", "/api/sms/", "/api/voice/webhook/")
SIGN_INS = ("login", "register", "verify-email", "refresh")


@dataclass(frozen=True)
class Line:
    """One row: so much of this, at this price."""

    what: str
    quantity: Decimal
    price: Price

    @property
    def usd(self) -> Decimal:
        """What it costs."""
        return self.price.of(self.quantity)


@dataclass(frozen=True)
class Spread:
    """A figure over the days played: the least, the median, the most."""

    least: Decimal
    median: Decimal
    most: Decimal

    @property
    def percent(self) -> Decimal:
        """How far the days lie apart, in percent of the median."""
        return (self.most - self.least) / self.median * 100 if self.median else Decimal(0)


@dataclass(frozen=True)
class Sheet:
    """Everything that `make cost` says."""

    stage: str
    day: list[Line]
    placed: Decimal
    shipped: Decimal
    kinds: Mapping[str, tuple[Decimal, Decimal]]
    """Kind of request -> (requests a day, dollars of 1,000 of them)."""
    pieces: list[tuple[Piece, Decimal]]
    """Pieces of work with their dollars a day, the dearest first."""
    spreads: Mapping[str, Spread]
    sizes: Mapping[str, Decimal]
    """What of the database an order takes: cpu_ms, bytes, wal_bytes; messages handed over: sms, mails. A day's."""
    idle: Mapping[str, list[Line]]
    """Stage -> what it costs a month although nobody calls."""
    robot: list[Line]
    months: Mapping[int, list[Line]]
    """Orders a day -> what the month costs besides the idle one."""

    @property
    def day_usd(self) -> Decimal:
        """What callers cause in a day."""
        return sum_of(self.day)

    @property
    def order_usd(self) -> Decimal:
        """The marginal cost of an order that is shipped, everything around it included."""
        return self.day_usd / self.shipped


def sum_of(lines: Iterable[Line]) -> Decimal:
    """The dollars of several lines."""
    return sum((line.usd for line in lines), Decimal(0))


def make(measured: Measured, templates: Mapping[str, Template], stage: str = "prod") -> Sheet:
    """The sheet of what was measured, were it deployed as `stage`. Raises CostError for anything without a price."""
    functions = functions_of(templates[stage])
    days = [usage.pieces_of(day, functions) for day in measured.days]
    middle = _median_day(measured.days)
    day, pieces = measured.days[middle], days[middle]
    lines = lines_of(usage.total(pieces), functions)
    shipped = Decimal(_answered(day, SHIPPED))
    if not shipped:
        raise CostError("no order was shipped: there is nothing to share the cost among")
    return Sheet(
        stage=stage,
        day=[*lines, _io_line(measured)],
        placed=Decimal(_answered(day, PLACED)),
        shipped=shipped,
        kinds=_kinds(pieces, functions),
        pieces=sorted(((p, usd_of(p.quantities, functions)) for p in pieces), key=lambda pair: -pair[1]),
        spreads=_spreads(measured.days, days, functions),
        sizes={**_database_of_a_day(measured), **{kind: Decimal(number) for kind, number in day.messages.items()}},
        idle={name: standing_lines(month_of(t, measured.idle), functions_of(t)) for name, t in templates.items()},
        robot=_robot(measured.days, functions),
        months={n: _month(n / shipped, [*lines, _io_line(measured)], measured, templates[stage]) for n in ORDERS_A_DAY},
    )


def lines_of(quantities: Quantities, functions: DeployedFunctions) -> list[Line]:
    """Quantities with their prices, the dearest first."""
    found = [
        Line(_told(name), quantity, _price_of(name, functions)) for name, quantity in quantities.items() if quantity
    ]
    return sorted(found, key=lambda line: -line.usd)


def usd_of(quantities: Quantities, functions: DeployedFunctions) -> Decimal:
    """What quantities cost."""
    return sum_of(lines_of(quantities, functions))


def standing_lines(standing: Iterable[Standing], functions: DeployedFunctions) -> list[Line]:
    """One line for everything of a name and price, the dearest first."""
    added: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in standing:
        for name, quantity in one.quantities.items():
            added[one.what, name] += quantity
    found = [Line(what, quantity, _price_of(name, functions)) for (what, name), quantity in added.items() if quantity]
    return sorted(found, key=lambda line: -line.usd)


def _price_of(name: str, functions: DeployedFunctions) -> Price:
    return prices()[functions.time_price() if name in (MEASURED, ASSUMED) else name]


def _told(name: str) -> str:
    return name.replace("_", " ")


def _median_day(days: list[Sample]) -> int:
    """The day that took the median of Lambda's time, so that all figures of the sheet are of one and the same day."""
    by_time = sorted(range(len(days)), key=lambda n: _of_callers(days[n], "wall_us"))
    return by_time[(len(by_time) - 1) // 2]


def _answered(day: Sample, routes: Iterable[str]) -> int:
    return sum(day.parts.get(("api", route), Counter())["answers 2xx"] for route in routes)


def _database_of_a_day(measured: Measured) -> dict[str, Decimal]:
    """What a day takes of the database, on average: tables grow by pages, and a log page is written whole once a while.

    Of the processor's time, what the database needs although nobody calls is left out. Raises CostError when the
    database is not ours to look into.
    """
    if "cpu_ms" not in measured.idle.database:
        raise CostError("the database's processor time cannot be seen: use the stage's own PostgreSQL, on Linux")
    days = Decimal(len(measured.days))
    mean = {name: sum(day.database[name] for day in measured.days) / days for name in measured.idle.database}
    seconds = sum((Decimal(str(day.seconds)) for day in measured.days), Decimal(0)) / days
    at_rest = Decimal(measured.idle.database["cpu_ms"]) / Decimal(str(measured.idle.seconds))
    return {**mean, "cpu_ms": max(Decimal(0), mean["cpu_ms"] - at_rest * seconds)}


def _io_line(measured: Measured) -> Line:
    """What a day writes and reads of storage; the capacity for it is the month's business."""
    taken = _database_of_a_day(measured)
    ios = taken["wal_bytes"] / assumptions()["aurora_write_bytes"] + taken["blocks_read"]
    return Line("aurora I/O", ios, prices()["aurora_io"])


def _kinds(pieces: Iterable[Piece], functions: DeployedFunctions) -> dict[str, tuple[Decimal, Decimal]]:
    """What 1,000 requests cost by themselves; the work that they leave to queues stands in a row of its own."""
    requests: Counter[str] = Counter()
    usd: defaultdict[str, Decimal] = defaultdict(Decimal)
    for piece in pieces:
        kind = kind_of(piece)
        if kind is not None:
            requests[kind] += piece.invocations
            usd[kind] += usd_of(piece.quantities, functions)
    return {kind: (Decimal(n), usd[kind] / n * 1000) for kind, n in requests.items() if n}


def kind_of(piece: Piece) -> str | None:
    """What a piece of work is for those who pay for it; None for the relay and the robots' rule, which only carry."""
    if piece.function != "api":
        return "work from queues" if piece.function.endswith("_queue") else None
    method, _, path = piece.part.partition(" ")
    if path.startswith(WEBHOOKS):
        return "webhooks in"
    if any(word in path for word in SIGN_INS):
        return "sign-ins"
    return "reads" if method == "GET" or path.startswith("/api/voice/check") else "writes"


def _spreads(days: list[Sample], pieces: list[list[Piece]], functions: DeployedFunctions) -> dict[str, Spread]:
    usd = [usd_of(usage.total(of_day), functions) for of_day in pieces]
    requests = [Decimal(sum(p.invocations for p in of_day if p.function == "api")) for of_day in pieces]
    statements = [Decimal(_of_callers(day, "sql_statements")) for day in days]
    wall = [Decimal(_of_callers(day, "wall_us")) / 1000 for day in days]
    figures = {
        "dollars, the database's I/O apart": usd,
        "requests": requests,
        "SQL statements": statements,
        "milliseconds": wall,
    }
    return {name: _spread(numbers) for name, numbers in figures.items()}


def _of_callers(day: Sample, measure: str) -> int:
    """One measure over what callers caused, the day's own questions left out."""
    return sum(
        counts[measure]
        for (function, part), counts in day.parts.items()
        if (function == "api" or function.endswith("_queue")) and part not in usage.OWN_QUESTIONS
    )


def _spread(numbers: list[Decimal]) -> Spread:
    ordered = sorted(numbers)
    return Spread(ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1])


def _robot(days: list[Sample], functions: DeployedFunctions) -> list[Line]:
    """A month of one robot that is there and has nothing to do: its connection, its states, and the work of hearing them."""
    said = assumptions()
    states = said["hours_per_month"] * 3600 / said["robot_state_s"]
    heard: Counter[str] = sum((day.parts.get(("telemetry_queue", ""), Counter()) for day in days), Counter())
    of_run = usage.invoked(heard, functions.memory_mb("telemetry_queue", ""))
    each: Quantities = {name: quantity / heard["invocations"] for name, quantity in of_run.items()}
    each |= {"iot_messages": Decimal(1), "iot_rules": Decimal(1), "iot_actions": Decimal(1), "sqs_requests": Decimal(3)}
    month = {name: quantity * states for name, quantity in each.items()}
    return lines_of({**month, "iot_connection_minutes": said["hours_per_month"] * 60}, functions)


def _month(days_a_day: Decimal, lines: list[Line], measured: Measured, template: Template) -> list[Line]:
    """What our day, so many times every day, adds to the idle month: its lines, and what of the database it needs."""
    times = days_a_day * assumptions()["days_per_month"]
    taken = _database_of_a_day(measured)
    grown = [Line(line.what, line.quantity * times, line.price) for line in lines]
    extra = _extra_acu_h(taken["cpu_ms"] * days_a_day, template)
    gb = taken["bytes"] * times / usage.GB
    return sorted(
        [
            *grown,
            Line("aurora capacity beyond the idle one", extra, prices()["aurora_acu_h"]),
            Line("aurora storage that a month adds", gb, prices()["aurora_gb_months"]),
        ],
        key=lambda line: -line.usd,
    )


def _extra_acu_h(cpu_ms_a_day: Decimal, template: Template) -> Decimal:
    """ACU-hours a month beyond what an idle database has, if the orders come evenly in the busy hours."""
    said = assumptions()
    needed = cpu_ms_a_day / 1000 / (said["busy_hours"] * 3600) / said["acu_vcpu"]
    (cluster,) = template.resources("AWS::RDS::DBCluster")
    least = Decimal(str(cluster.properties["ServerlessV2ScalingConfiguration"]["MinCapacity"]))
    return max(Decimal(0), needed - least) * said["busy_hours"] * said["days_per_month"]
