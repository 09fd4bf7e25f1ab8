"""Callers of three kinds who work at once and repeat what was not answered, noting every answer that they got."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from uuid import uuid4

from infra.local.demo.day.caller import Caller, Reply
from infra.local.demo.day.cast import api_key
from infra.local.demo.day.shop import DELIVERY
from tests.faults.rig import Rig, RigFailure, wait_until

PATIENCE_S = 60.0
PAUSE_S = 0.1
SKUS = ("DRY-1001", "DRY-1004", "DRY-1007")


@dataclass
class Load:
    """What the callers saw."""

    base_url: str
    is_over: threading.Event = field(default_factory=threading.Event)
    answers: Counter[str] = field(default_factory=Counter)
    """Kind and status -> how often."""
    broken: list[str] = field(default_factory=list)
    """What no caller should ever see."""
    done: dict[str, list[str]] = field(default_factory=lambda: {"order": [], "erp": []})
    """Marks of what was answered with success in the end; each must be there once."""
    slowest_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self) -> None:
        """A guest orders one case."""
        mark = f"storm {uuid4()}"
        body = {"items": [{"product_sku": SKUS[0], "quantity": 1}], "payment_method": "credit_card", **DELIVERY}
        body["delivery_name"] = mark
        if self._post("order", Caller(self.base_url), "/api/orders", body).status == 201:
            self.done["order"].append(mark)

    def reserve(self) -> None:
        """An integrator makes an order and reserves it."""
        erp = Caller(self.base_url, {"Authorization": f"Bearer {api_key('inventory')}"})
        mark = f"storm {uuid4()}"
        body = {"line_items": [{"sku": SKUS[1], "quantity": 1}, {"sku": SKUS[2], "quantity": 1}], "reference": mark}
        made = self._post("erp", erp, "/api/v1/orders", body)
        if made.status == 201:
            self.done["erp"].append(mark)
            self._post("reserve", erp, f"/api/v1/orders/{made.data['id']}/reserve", None)

    def read(self) -> None:
        """Somebody looks at goods, and an integrator at stock."""
        self._answered("read", lambda: Caller(self.base_url).quiet("GET", "/api/products?per_page=5"))
        erp = Caller(self.base_url, {"Authorization": f"Bearer {api_key('inventory')}"})
        self._answered("read", lambda: erp.quiet("GET", "/api/v1/inventory_levels?per_page=20"))

    def _post(self, kind: str, caller: Caller, path: str, body: Any) -> Reply:
        headers = {**caller.headers, "Idempotency-Key": str(uuid4())}
        return self._answered(kind, lambda: caller.send("POST", path, body, headers))

    def _answered(self, kind: str, ask: Callable[[], Reply]) -> Reply:
        """Asks until there is a final answer."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            reply = self._noted(kind, ask)
            if reply is not None and not _is_passing(reply):
                return reply
            if time.monotonic() > deadline:
                raise RigFailure(f"no final answer to {kind} within {PATIENCE_S:.0f} s: {reply}")
            time.sleep(PAUSE_S)

    def _noted(self, kind: str, ask: Callable[[], Reply]) -> Reply | None:
        started = time.monotonic()
        try:
            reply = ask()
        except (OSError, HTTPException) as error:
            with self._lock:
                self.broken.append(f"{kind}: {type(error).__name__}: {error}")
            return None
        with self._lock:
            self.slowest_s = max(self.slowest_s, time.monotonic() - started)
            self.answers[f"{kind} {reply.status}"] += 1
            if reply.status >= 500 and not (reply.status == 503 and "retry-after" in reply.headers):
                self.broken.append(f"{kind}: {reply.status} {reply.data}")
        return reply

    def count(self, *statuses: int) -> int:
        """How many answers had one of these statuses."""
        return sum(n for what, n in self.answers.items() if int(what.split()[-1]) in statuses)

    def wait_for_answers(self, more: int = 20) -> None:
        """Waits until so many more calls were served well."""
        wanted = self.count(200, 201) + more
        wait_until("callers are served", lambda: self.count(200, 201) >= wanted, patience_s=PATIENCE_S)

    def wait_for_refusal(self, *, after: int) -> None:
        """Waits until somebody was told to come back later, once more than `after` times."""
        wait_until("callers hear of it", lambda: self.count(503) > after, patience_s=PATIENCE_S)


def _is_passing(reply: Reply) -> bool:
    return reply.status == 503 or (reply.status == 409 and "still running" in str(reply.data))


@contextmanager
def running(rig: Rig, callers: int = 8) -> Iterator[Load]:
    """Callers at work while the block runs; after it they end what they have begun. Raises what one of them raised."""
    load, errors = Load(rig.url), []
    tasks = (load.order, load.reserve, load.read)

    def work(task: Callable[[], None]) -> None:
        try:
            while not load.is_over.is_set():
                task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(tasks[number % 3],)) for number in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.is_over.set()
        for thread in threads:
            thread.join(2 * PATIENCE_S)
    if errors:
        raise errors[0]


COUNTS: Mapping[str, str] = {
    "order": "SELECT delivery_name AS mark, count(*) AS times FROM sales_order WHERE delivery_name LIKE 'storm %%' GROUP BY 1",
    "erp": "SELECT barcode AS mark, count(*) AS times FROM sales_order WHERE barcode LIKE 'storm %%' GROUP BY 1",
}


def stock_up(rig: Rig) -> None:
    """Enough of everything that the callers want."""
    (home,) = rig.rows("SELECT id FROM warehouse ORDER BY id LIMIT 1")
    for sku in SKUS:
        body = {"sku": sku, "location_id": home["id"], "quantity": 5000, "reason": "found"}
        status, said = rig.ask(
            "POST", "/api/v1/inventory_adjustments", body, authorization=f"Bearer {api_key('inventory')}"
        )
        if status != 201:
            raise RigFailure(f"no goods: {status} {said}")


def check_effects(rig: Rig, load: Load) -> None:
    """Each success is there, once. Raises RigFailure."""
    for kind, query in COUNTS.items():
        times = {row["mark"]: row["times"] for row in rig.rows(query, {})}
        wrong = {mark: times.get(mark, 0) for mark in load.done[kind] if times.get(mark, 0) != 1}
        if wrong or not load.done[kind]:
            raise RigFailure(
                f"{kind}: {len(wrong)} of {len(load.done[kind])} are not there once: {list(wrong.items())[:3]}"
            )
