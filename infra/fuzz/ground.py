"""Something to fuzz: orders in several states, a wave, a robot request; and dictionaries of what there is."""

import json
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from typing import Any

from infra.bench.calls import order_body
from infra.fuzz.credentials import OWN_ADDRESS, Credentials
from infra.local.demo.company import company

SHOP_ORDERS = 8
INTEGRATOR_ORDERS = 4
Values = Mapping[str, Sequence[int | str]]


class GroundFailed(Exception):
    """The platform refused what makes the ground."""


class Caller:
    """Calls in somebody's name, from the address that the fuzzer does not use."""

    def __init__(self, port: int, credentials: Credentials) -> None:
        self._port, self._credentials = port, credentials

    def ask(self, scheme: str | None, method: str, path: str, body: Any = None, *, access: str = "") -> Any:
        """The data of an answer. Raises GroundFailed for a refusal."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if scheme is not None:
            headers |= self._credentials.headers(scheme, access, 0)
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30, source_address=(OWN_ADDRESS, 0))
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            raw = reply.read()
        finally:
            connection.close()
        if reply.status >= 300:
            raise GroundFailed(f"{method} {path} answers {reply.status}: {raw[:500]!r}")
        return json.loads(raw)


def prepare(caller: Caller) -> Values:
    """Makes orders, a wave and a robot request; dictionaries for schemathesis.toml."""
    erp = "api key: inventory:write"
    products = caller.ask(None, "GET", "/api/products?per_page=20")["products"]
    placed = [_place(caller, products[n]["id"], n) for n in range(SHOP_ORDERS)]
    for number in range(INTEGRATOR_ORDERS):
        lines = [{"sku": products[number]["sku"], "quantity": 2}]
        caller.ask("apiKey", "POST", "/api/v1/orders", {"line_items": lines}, access=erp)
    warehouse = caller.ask("apiKey", "GET", "/api/v1/locations", access=erp)["locations"][0]["id"]
    wave = {"so_ids": [order["id"] for order in placed[:6:2]], "warehouse_id": warehouse}
    batch = caller.ask("wmsBearer", "POST", "/api/picking/wave-create", wave)["batch_id"]
    return _values(caller, products, placed, warehouse, batch)


def _place(caller: Caller, product_id: int, number: int) -> Any:
    """An order of a customer who pays later, which may be picked, and of a guest who has not paid yet, in turns."""
    if number % 2:
        return caller.ask(None, "POST", "/api/orders", order_body(product_id, number))["order"]
    body = {**order_body(product_id, number + 1), "payment_method": "net30"}
    return caller.ask("customerSession", "POST", "/api/orders", body)["order"]


def _values(caller: Caller, products: Any, placed: Any, warehouse: int, batch: int) -> Values:
    robot_skus = sorted(company().robot_skus)[:5]
    request = {"type": "FULFILLMENT", "id": "fuzz", "entities": [{"sku_id": robot_skus[0], "quantity": 1}]}
    caller.ask("storageBearer", "POST", "/api/v2/requests", request)
    jobs = caller.ask("storageBearer", "GET", "/api/v2/jobs?size=20")["items"]
    orders = caller.ask("apiKey", "GET", "/api/v1/orders?per_page=30", access="api key: inventory:read")["orders"]
    tasks = caller.ask("wmsBearer", "GET", f"/api/picking/batch/{batch}")["tasks"]
    lying = caller.ask("wmsBearer", "GET", "/api/admin/inventory?per_page=40")["inventory"]
    return {
        "product_ids": [product["id"] for product in products],
        "skus": [product["sku"] for product in products],
        "robot_skus": robot_skus,
        "warehouse_ids": [warehouse],
        "order_ids": sorted({*(order["id"] for order in placed), *(order["id"] for order in orders)}),
        "order_numbers": sorted({*(o["order_number"] for o in placed), *(order["number"] for order in orders)}),
        "batch_ids": list(range(1, batch + 3)),
        "task_ids": [task["pick_task_id"] for task in tasks],
        "job_ids": [job["id"] for job in jobs],
        "assets": ["swagger-ui.css", "swagger-ui-bundle.js"],
        "quantities": [1, 2, 3, 7],
        "item_ids": sorted({each["item_id"] for each in lying}),
        "bin_ids": sorted({each["bin_id"] for each in lying}),
    }
