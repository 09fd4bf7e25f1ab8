"""The main calls of the day, each as one function of a connection."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from infra.bench.platform import BenchFailed, Connection
from infra.local.demo.company import PASSWORD, company

DELIVERY = {
    "delivery_name": "Bench",
    "delivery_address": "1 Bench St",
    "delivery_city": "Chicago",
    "delivery_state": "IL",
    "delivery_zip": "60601",
}
STOCKED = 1_000_000


@dataclass(frozen=True)
class MainCall:
    """One call to be measured."""

    name: str
    is_read: bool
    headers: dict[str, str]
    run: Callable[[Connection], tuple[int, dict[str, str], Any]]


@dataclass(frozen=True)
class Ground:
    """What the calls need: credentials, a product with plenty of stock, an order."""

    port: int
    erp: dict[str, str]
    voice: dict[str, str]
    storage: dict[str, str]
    admin: dict[str, str]
    product_id: int
    sku: str
    warehouse_id: int
    order_number: str


def prepare(port: int) -> Ground:
    """Signs in, finds a product of the demo company and stocks it up."""
    keys = {k.surface: {"Authorization": f"Bearer {k.value}"} for k in company().api_keys}
    storage = keys["storage"]
    erp = Connection(port, keys["inventory"])
    sku = company().products[0].sku
    product = _ok(Connection(port).call("GET", f"/api/products/sku/{quote(sku)}"))
    levels = _ok(erp.call("GET", f"/api/v1/inventory_levels?sku={quote(sku)}"))["inventory_levels"]
    place = levels[0]["location_id"]
    found = {"sku": sku, "location_id": place, "quantity": STOCKED, "reason": "found"}
    _ok(erp.call("POST", "/api/v1/inventory_adjustments", found))
    order = _ok(Connection(port).call("POST", "/api/orders", order_body(product["id"])))
    signed_in = {"username": "m.okafor", "password": PASSWORD}
    token = _ok(Connection(port).call("POST", "/api/auth/login", signed_in))["token"]
    return Ground(
        port,
        keys["inventory"],
        keys["voice"],
        storage,
        {"Authorization": f"Bearer {token}"},
        product["id"],
        sku,
        place,
        order["order"]["order_number"],
    )


def order_body(product_id: int, quantity: int = 1) -> dict[str, Any]:
    """A guest's order of one line."""
    line = {"product_id": product_id, "quantity": quantity}
    return {"items": [line], "payment_method": "credit_card", **DELIVERY}


def main_calls(ground: Ground) -> list[MainCall]:
    """The calls in the order in which they are measured."""
    g, sku = ground, quote(ground.sku)
    status = {"order_number": g.order_number}
    line = {"line_items": [{"sku": g.sku, "quantity": 1}]}
    count = {"sku": g.sku, "location_id": g.warehouse_id, "quantity": 1, "reason": "found"}
    levels, ledger = f"/api/v1/inventory_levels?sku={sku}", "/api/v1/inventory_ledger?per_page=20"
    view = "/api/v2/inventory_view?size=20&sort_by=carrier_id"
    search, ask = "/api/products?search=olive+oil&per_page=20", "/api/voice/check_order_status"
    adjust = "/api/v1/inventory_adjustments"
    return [
        MainCall("GET  /api/products?per_page=20", True, {}, lambda c: c.call("GET", "/api/products?per_page=20")),
        MainCall("GET  /api/products?search=...", True, {}, lambda c: c.call("GET", search)),
        MainCall("GET  /api/products/sku/{sku}", True, {}, lambda c: c.call("GET", f"/api/products/sku/{sku}")),
        MainCall("GET  /api/orders/{order_number}", True, {}, lambda c: c.call("GET", f"/api/orders/{g.order_number}")),
        MainCall("POST /api/orders", False, {}, lambda c: c.call("POST", "/api/orders", order_body(g.product_id))),
        MainCall("GET  /api/v1/inventory_levels", True, g.erp, lambda c: c.call("GET", levels)),
        MainCall("GET  /api/v1/inventory_ledger", True, g.erp, lambda c: c.call("GET", ledger)),
        MainCall("POST /api/v1/inventory_adjustments", False, g.erp, lambda c: c.call("POST", adjust, count)),
        MainCall("POST /api/v1/orders", False, g.erp, lambda c: c.call("POST", "/api/v1/orders", line)),
        MainCall("POST /api/v1/orders/{id}/reserve", False, g.erp, lambda c: _reserve(c, line)),
        MainCall("GET  /api/v2/inventory_view", True, g.storage, lambda c: c.call("GET", view)),
        MainCall("POST /api/voice/check_order_status", True, g.voice, lambda c: c.call("POST", ask, status)),
        MainCall("GET  /api/auth/me", True, g.admin, lambda c: c.call("GET", "/api/auth/me")),
    ]  # fmt: skip


def _reserve(connection: Connection, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
    """Creates an order and reserves it; the answer of the second call."""
    created = _ok(connection.call("POST", "/api/v1/orders", body))
    return connection.call("POST", f"/api/v1/orders/{created['id']}/reserve")


def _ok(answer: tuple[int, dict[str, str], Any]) -> Any:
    status, _, data = answer
    if status >= 300:
        raise BenchFailed(f"{status}: {data}")
    return data
