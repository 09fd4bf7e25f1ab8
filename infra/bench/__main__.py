"""``python -m infra.bench``. SCALE= items for the large tables (default 100,000, 0 leaves them out)."""

import os
import sys
import time

from infra.bench import budgets, cycle, load, scale, shop
from infra.bench.calls import MainCall, main_calls, prepare
from infra.bench.platform import Connection, running

SCALE_DEFAULT = 100_000


def main() -> int:
    """Prints the tables; 1 when a count that must be 0 is not."""
    started = time.monotonic()
    rows = _import_rows()
    with running() as port:
        ground = prepare(port)
        calls = main_calls(ground)
        rows += _statement_rows(port, calls)
        _print_rates(port, calls)
        failed = cycle.print_times(cycle.open_floor(ground))
        failed_visits = shop.print_times(shop.open_shelf(ground))
        rush = load.rush(ground)
        books = shop.settled_books(ground)
    wrong = abs(rush["sold"] - load.RUSH_UNITS) + rush["left"] + rush["errors"] + (not books["is_whole"])
    rows.append(("oversold, lost or failed among 200 clients after 50 units", "0", f"{wrong} ({rush})"))
    rows.append(("calls of the warehouse cycle that failed", "0", f"{len(failed)} {'; '.join(failed[:3])}"))
    rows.append(("calls of the shop mix that failed", "0", f"{len(failed_visits)} {'; '.join(failed_visits[:3])}"))
    rows.append(("books after it all", "whole", "whole" if books["is_whole"] else f"wrong: {books}"))
    variants = int(os.environ.get("SCALE", SCALE_DEFAULT))
    if variants:
        rows += scale.measure(variants)
    _print_budgets(rows)
    print(f"\n{time.monotonic() - started:.0f} seconds in all")
    return 1 if wrong or failed or failed_visits else 0


Row = tuple[str, str, str]


def _import_rows() -> list[Row]:
    _say("cold imports")
    whole, base, routes = budgets.cold_import()
    imported = f"{whole / base:.2f} x ({whole * 1000:.0f} ms, {base * 1000:.0f} ms alone, {routes} routes)"
    _say("memory and size of the package")
    return [
        ("cold import of the whole API", "<= 2 x its libraries", imported),
        ("memory after the first request", "< 200 MB", f"{budgets.memory_mb():.0f} MB"),
        ("package, unzipped", "< 250 MB, aim < 150", f"{budgets.package_mb():.0f} MB"),
    ]


def _statement_rows(port: int, calls: list[MainCall]) -> list[Row]:
    counted = {}
    for call in calls:
        _, headers, _ = call.run(Connection(port, call.headers))
        counted[call.name] = (call.is_read, int(headers["x-sql-statements"]))
    reads = max(count for is_read, count in counted.values() if is_read)
    writes = max(count for is_read, count in counted.values() if not is_read)
    return [
        ("SQL statements of a read, at most", "<= 4", str(reads)),
        ("SQL statements of a single-document write, at most", "<= 10", str(writes)),
    ]


def _print_rates(port: int, calls: list[MainCall]) -> None:
    heads = "".join(f"{f'{n} clients':>24}" for n in load.CLIENTS)
    print(f"\n{'requests per second (p50 / p95 ms)':<40}{heads}")
    for call in calls:
        rates = [load.measure(port, call, clients) for clients in load.CLIENTS]
        cells = "".join(f"{r.per_second:>9.0f} ({r.p50_ms:>5.1f}/{r.p95_ms:>6.1f})" for r in rates)
        failed = sum(r.failures for r in rates)
        print(f"{call.name:<40}{cells}{f'  {failed} failed' if failed else ''}", flush=True)


def _print_budgets(rows: list[Row]) -> None:
    widths = [max(len(row[n]) for row in rows) for n in range(3)]
    print(f"\n{'what':<{widths[0]}}  {'budget':<{widths[1]}}  measured")
    for row in rows:
        print(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}")


def _say(what: str) -> None:
    print(f"measuring {what} ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())
