"""The warehouse's cycle, receive to ship, by several clients at once: how long each call takes, and the books afterwards.

Every client works on purchase orders, bins and sales orders of its own and on items of everybody's, as people on one floor do.
"""

import threading
import time
from dataclasses import dataclass
from itertools import count
from typing import Any

from infra.bench import times
from infra.bench.calls import Ground
from infra.bench.platform import BenchFailed, Connection
from infra.bench.times import WHOLE, Times

CLIENTS = (1, 4, 8)
SECONDS = 8.0
ITEMS = 24
LINES = 2
UNITS = 5
_numbers = count(1)


@dataclass(frozen=True)
class Floor:
    """What everybody shares: the warehouse, its bins for what arrives, its items."""

    ground: Ground
    zone_id: int
    items: list[dict[str, Any]]


@dataclass(frozen=True)
class Station:
    """One client with a staging bin and a shelf of its own."""

    floor: Floor
    connection: Connection
    staging_id: int
    shelf_id: int
    times: Times

    def ask(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """One call that is timed under its name. Raises BenchFailed unless it is answered with success."""
        with self.times.taking(name):
            status, _, data = self.connection.call(method, path, body)
        if status >= 300:
            raise BenchFailed(f"{name}: {status} {data}")
        return data


def open_floor(ground: Ground) -> Floor:
    """A zone and items for the bench."""
    admin, run = Connection(ground.port, ground.admin), time.time_ns()
    zone = {"warehouse_id": ground.warehouse_id, "zone_code": f"B{run}", "zone_name": "Bench", "zone_type": "STORAGE"}
    zone_id = _found(admin.call("POST", "/api/admin/zones", zone), "zone_id")
    items: list[dict[str, Any]] = [
        {"sku": f"BENCH-{run}-{n}", "item_name": f"Bench item {n}", "upc": f"BENCH{run}{n:03d}"} for n in range(ITEMS)
    ]
    for item in items:
        item["item_id"] = _found(admin.call("POST", "/api/admin/items", item), "item_id")
    return Floor(ground, zone_id, items)


def measure(floor: Floor, clients: int, seconds: float = SECONDS) -> Times:
    """Cycles by several clients for a while; whoever has begun one ends it."""
    taken, stop = Times(), time.perf_counter() + seconds
    stations = [_station(floor, taken) for _ in range(clients)]

    def work(station: Station) -> None:
        try:
            while time.perf_counter() < stop:
                with taken.taking(WHOLE):
                    _cycle(station)
        except BenchFailed as error:
            taken.failures.append(str(error))

    threads = [threading.Thread(target=work, args=(station,)) for station in stations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def print_times(floor: Floor) -> list[str]:
    """Prints p50 and p95 of every call at each number of clients; what failed."""
    return times.print_table("warehouse cycle", {clients: measure(floor, clients) for clients in CLIENTS}, SECONDS)


def _station(floor: Floor, times: Times) -> Station:
    admin, number = Connection(floor.ground.port, floor.ground.admin), next(_numbers)
    bins = []
    for kind in ("Staging", "Pickable"):
        code = f"{kind}-{floor.zone_id}-{number}"
        new = {
            "zone_id": floor.zone_id,
            "warehouse_id": floor.ground.warehouse_id,
            "bin_code": code,
            "bin_barcode": code,
        }
        bins.append(_found(admin.call("POST", "/api/admin/bins", {**new, "bin_type": kind}), "bin_id"))
    return Station(floor, Connection(floor.ground.port, floor.ground.admin), bins[0], bins[1], times)


def _cycle(at: Station) -> None:
    number = next(_numbers)
    items = [at.floor.items[(number * LINES + n) % ITEMS] for n in range(LINES)]
    _bring_in(at, number, items)
    _send_out(at, number, items)


def _bring_in(at: Station, number: int, items: list[dict[str, Any]]) -> None:
    run = f"{at.floor.zone_id}-{number}"
    lines = [{"item_id": item["item_id"], "quantity_ordered": UNITS} for item in items]
    order = {"po_number": f"PO-B{run}", "warehouse_id": at.floor.ground.warehouse_id, "lines": lines}
    po_id = _within(at.ask("POST /api/admin/purchase-orders", "POST", "/api/admin/purchase-orders", order), "po_id")
    at.ask("GET  /api/receiving/po/{barcode}", "GET", f"/api/receiving/po/PO-B{run}")
    arrived = [{"item_id": i["item_id"], "quantity": UNITS, "bin_id": at.staging_id} for i in items]
    at.ask("POST /api/receiving/receive", "POST", "/api/receiving/receive", {"po_id": po_id, "items": arrived})
    for item in items:
        at.ask("GET  /api/putaway/suggest/{item_id}", "GET", f"/api/putaway/suggest/{item['item_id']}")
        move = {"item_id": item["item_id"], "from_bin_id": at.staging_id, "to_bin_id": at.shelf_id, "quantity": UNITS}
        at.ask("POST /api/putaway/confirm", "POST", "/api/putaway/confirm", move)


def _send_out(at: Station, number: int, items: list[dict[str, Any]]) -> None:
    warehouse_id = at.floor.ground.warehouse_id
    lines = [{"item_id": item["item_id"], "quantity_ordered": UNITS} for item in items]
    order = {"so_number": f"SO-B{at.floor.zone_id}-{number}", "warehouse_id": warehouse_id, "lines": lines}
    so_id = _within(at.ask("POST /api/admin/sales-orders", "POST", "/api/admin/sales-orders", order), "so_id")
    wave = {"so_ids": [so_id], "warehouse_id": warehouse_id}
    batch_id = at.ask("POST /api/picking/wave-create", "POST", "/api/picking/wave-create", wave)["batch_id"]
    _pick(at, batch_id)
    at.ask("POST /api/picking/complete-batch", "POST", "/api/picking/complete-batch", {"batch_id": batch_id})
    for item in items:
        seen = {"so_id": so_id, "scanned_barcode": item["upc"], "quantity": UNITS}
        at.ask("POST /api/packing/verify", "POST", "/api/packing/verify", seen)
    at.ask("POST /api/packing/complete", "POST", "/api/packing/complete", {"so_id": so_id})
    parcel = {"so_id": so_id, "tracking_number": f"1Z{number}", "carrier": "UPS"}
    at.ask("POST /api/shipping/fulfill", "POST", "/api/shipping/fulfill", parcel)


def _pick(at: Station, batch_id: int) -> None:
    name, path = "GET  /api/picking/batch/{batch_id}/next", f"/api/picking/batch/{batch_id}/next"
    while "pick_task_id" in (task := at.ask(name, "GET", path)):
        taken = {
            "pick_task_id": task["pick_task_id"],
            "scanned_barcode": task["sku"],
            "quantity_picked": task["quantity_to_pick"],
        }
        at.ask("POST /api/picking/confirm", "POST", "/api/picking/confirm", taken)


def _found(answer: tuple[int, dict[str, str], Any], name: str) -> int:
    status, _, data = answer
    if status >= 300:
        raise BenchFailed(f"{status}: {data}")
    return _within(data, name)


def _within(data: dict[str, Any], name: str) -> int:
    """An id at the top of an answer or one level down."""
    levels = [data, *(value for value in data.values() if isinstance(value, dict))]
    return int(next(level[name] for level in levels if name in level))
