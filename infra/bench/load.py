"""Requests per second at several numbers of clients, and the rush for the last units."""

import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass

from infra.bench.calls import Ground, MainCall, order_body
from infra.bench.platform import Connection

CLIENTS = (1, 4, 8)
SECONDS = 2.0
RUSH_CLIENTS, RUSH_UNITS = 200, 50


@dataclass(frozen=True)
class Rate:
    """What a number of clients got through. Times in milliseconds."""

    per_second: float
    p50_ms: float
    p95_ms: float
    failures: int


def measure(port: int, call: MainCall, clients: int, seconds: float = SECONDS) -> Rate:
    """Runs a call from several keep-alive connections for a while."""
    times: list[float] = []
    failures = 0
    stop = time.perf_counter() + seconds

    def work() -> None:
        nonlocal failures
        connection = Connection(port, call.headers)
        while (started := time.perf_counter()) < stop:
            status, _, _ = call.run(connection)
            times.append((time.perf_counter() - started) * 1000)
            failures += status >= 400
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slices = statistics.quantiles(times, n=20) if len(times) > 1 else [times[0]] * 19
    return Rate(len(times) / seconds, slices[9], slices[18], failures)


def rush(ground: Ground) -> dict[str, int]:
    """Many clients after the last units, through the shop and through reserve at once: statuses, and units left."""
    erp = Connection(ground.port, ground.erp)
    path = f"/api/v1/inventory_levels?sku={ground.sku}&location_id={ground.warehouse_id}"
    available = sum(
        level["available"]
        for level in erp.call("GET", f"/api/v1/inventory_levels?sku={ground.sku}")[2]["inventory_levels"]
    )
    for level in erp.call("GET", f"/api/v1/inventory_levels?sku={ground.sku}")[2]["inventory_levels"]:
        keep = RUSH_UNITS if level["location_id"] == ground.warehouse_id else 0
        change = keep - level["available"]
        if change:
            body = {"sku": ground.sku, "location_id": level["location_id"], "quantity": change}
            erp.call("POST", "/api/v1/inventory_adjustments", body)
    line = {"line_items": [{"sku": ground.sku, "quantity": 1}], "location_id": ground.warehouse_id}
    reserved = [erp.call("POST", "/api/v1/orders", line)[2]["id"] for _ in range(RUSH_CLIENTS // 2)]
    statuses: Counter[str] = Counter()
    barrier = threading.Barrier(RUSH_CLIENTS)

    def work(number: int) -> None:
        connection = Connection(ground.port, ground.erp if number % 2 else None)
        barrier.wait()
        if number % 2:
            status, _, _ = connection.call("POST", f"/api/v1/orders/{reserved[number // 2]}/reserve")
        else:
            status, _, _ = connection.call("POST", "/api/orders", order_body(ground.product_id))
        statuses[str(status)] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(RUSH_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = erp.call("GET", path)[2]["inventory_levels"][0]["available"]
    sold = statuses["200"] + statuses["201"]
    errors = sum(n for status, n in statuses.items() if status >= "500")
    return {"had": available and RUSH_UNITS, "sold": sold, "left": left, "errors": errors}
