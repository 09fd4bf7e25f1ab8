"""A shop's day by several clients at once: people browse, some order, a few pay; and the books afterwards.

Everybody buys what everybody else buys: some products of the demo company, the first ones more than the others.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import quote

from infra.bench import times
from infra.bench.calls import DELIVERY, STOCKED, Ground
from infra.bench.platform import BenchFailed, Connection
from infra.bench.times import Times
from infra.local.demo.company import company

CLIENTS = (1, 4, 8)
SECONDS = 8.0
PRODUCTS = 40
LINES_MOST = 6
MIX = {"browse": 80, "order": 15, "pay": 5}
"""Of a hundred visits."""
SEARCHES = (
    "olive oil",
    "rise",
    "basmati 40 lb",
    "saffron",
    "tomatos",
    "flour",
    "vinegar",
    "coffee",
    "napkins",
    "pepper",
)
SETTLE_PATIENCE_S = 60.0
_numbers = count(1)


@dataclass(frozen=True)
class Shelf:
    """What is sold: products with plenty of stock."""

    port: int
    products: list[dict[str, Any]]
    categories: list[int]


@dataclass
class Visitor:
    """One client: a guest with a connection, and what they have ordered and not paid."""

    shelf: Shelf
    connection: Connection
    chance: random.Random
    taken: Times
    unpaid: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """One call that is timed under its name. Raises BenchFailed unless it is answered with success."""
        with self.taken.taking(name):
            status, _, data = self.connection.call(method, path, body)
        if status >= 300:
            raise BenchFailed(f"{name}: {status} {data}")
        return data


def open_shelf(ground: Ground) -> Shelf:
    """Stocks some products up."""
    erp, guest = Connection(ground.port, ground.erp), Connection(ground.port)
    products = []
    for product in company().products[:PRODUCTS]:
        found = {"sku": product.sku, "location_id": ground.warehouse_id, "quantity": STOCKED, "reason": "found"}
        _ok(erp.call("POST", "/api/v1/inventory_adjustments", found))
        products.append(_ok(guest.call("GET", f"/api/products/sku/{quote(product.sku)}")))
    return Shelf(ground.port, products, sorted({product["category_id"] for product in products}))


def measure(shelf: Shelf, clients: int, seconds: float = SECONDS) -> Times:
    """Visits by several clients for a while. The same clients make the same choices in every run."""
    taken, stop = Times(), time.perf_counter() + seconds

    def work(number: int) -> None:
        visitor = Visitor(shelf, Connection(shelf.port), random.Random(number), taken)
        try:
            while time.perf_counter() < stop:
                (what,) = visitor.chance.choices(list(MIX), weights=list(MIX.values()))
                VISITS[what](visitor)
        except BenchFailed as error:
            taken.failures.append(str(error))

    threads = [threading.Thread(target=work, args=(next(_numbers),)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def print_times(shelf: Shelf) -> list[str]:
    """Prints p50 and p95 of every call at each number of clients; what failed."""
    return times.print_table("shop mix", {clients: measure(shelf, clients) for clients in CLIENTS}, SECONDS)


def settled_books(ground: Ground) -> dict[str, Any]:
    """The books once everything that was announced is worked off. Raises BenchFailed when it never is."""
    admin, deadline = Connection(ground.port, ground.admin), time.monotonic() + SETTLE_PATIENCE_S
    while True:
        books: dict[str, Any] = _ok(admin.call("GET", "/api/books"))
        if not books["outbox"]["open"]:
            return books
        if time.monotonic() > deadline:
            raise BenchFailed(f"{books['outbox']['open']} outbox rows stay open")
        time.sleep(0.5)


def _browse(visitor: Visitor) -> None:
    chance, shelf = visitor.chance, visitor.shelf
    product = _any_product(visitor)
    page, search, category = chance.randint(1, 5), chance.choice(SEARCHES), chance.choice(shelf.categories)
    look: list[Callable[[], Any]] = [
        partial(visitor.ask, "GET  /api/products", "GET", f"/api/products?per_page=20&page={page}"),
        partial(visitor.ask, "GET  /api/products?search=", "GET", f"/api/products?per_page=20&search={quote(search)}"),
        partial(
            visitor.ask, "GET  /api/products?category_id=", "GET", f"/api/products?per_page=20&category_id={category}"
        ),
        partial(visitor.ask, "GET  /api/products/{product_id}", "GET", f"/api/products/{product['id']}"),
        partial(visitor.ask, "GET  /api/products/sku/{sku}", "GET", f"/api/products/sku/{quote(product['sku'])}"),
        partial(visitor.ask, "GET  /api/categories", "GET", "/api/categories"),
    ]
    chance.choices(look, weights=(25, 30, 15, 15, 10, 5))[0]()


def _order(visitor: Visitor) -> None:
    lines = {
        _any_product(visitor)["id"]: visitor.chance.randint(1, 12) for _ in range(visitor.chance.randint(1, LINES_MOST))
    }
    items = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines.items()]
    body = {"items": items, "payment_method": "credit_card", **DELIVERY}
    visitor.unpaid.append(visitor.ask("POST /api/orders", "POST", "/api/orders", body)["order"])


def _pay(visitor: Visitor) -> None:
    """The latest order; whoever has none orders first."""
    if not visitor.unpaid:
        _order(visitor)
    order = visitor.unpaid.pop()
    asked = {"amount": order["total_amount"], "order_number": order["order_number"]}
    name = "POST /api/payments/create-intent"
    intent = visitor.ask(name, "POST", "/api/payments/create-intent", asked)
    paid = {"payment_intent": intent["payment_intent_id"], "client_secret": intent["client_secret"], "card": "success"}
    _ok(visitor.connection.call("POST", "/sandbox/doubles/control/stripe/pay", paid))
    told = {"order_number": order["order_number"], "payment_intent_id": intent["payment_intent_id"]}
    visitor.ask("POST /api/payments/confirm", "POST", "/api/payments/confirm", told)


VISITS: dict[str, Callable[[Visitor], None]] = {"browse": _browse, "order": _order, "pay": _pay}


def _any_product(visitor: Visitor) -> dict[str, Any]:
    """Few sell much: half of all choices fall on the first quarter."""
    products = visitor.shelf.products
    return products[int(len(products) * visitor.chance.random() ** 2)]


def _ok(answer: tuple[int, dict[str, str], Any]) -> Any:
    status, _, data = answer
    if status >= 300:
        raise BenchFailed(f"{status}: {data}")
    return data
