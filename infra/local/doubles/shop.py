"""A small shop for the connectors: products, orders, inventory levels and fulfilments, in JSON and CSV, page by page.

Below ``/shop``, for whoever has a bearer token that begins with ``shop-``. It keeps what it is told: a fulfilment that is
repeated with its Idempotency-Key, or for an order that has one, changes nothing, an inventory level is what was set last.
`Fill` fills its shelves; faults of the provider ``shop`` make it fail, come late, lie or ask for patience.
"""

import csv
import io
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from infra.local.doubles import faults
from infra.local.doubles.faults import Faults
from infra.local.doubles.store import Doc, Store

PAGE, PAGE_MAX = 20, 100
TOKEN = "shop-"  # no secret: what tokens of this double begin with


class ShopProduct(BaseModel):
    """Something the shop sells."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    sku: str
    title: str
    price: str = "9.99"
    barcode: str = ""


class ShopLine(BaseModel):
    """A line of an order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sku: str
    quantity: int | str


class ShopOrder(BaseModel):
    """An order somebody placed in the shop."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    number: str
    lines: list[ShopLine]
    name: str = "Corner Shop 7"
    address: str = "12 Harbor Street"
    city: str = "Chicago"


class Fill(BaseModel):
    """What is put onto the shelves and into the order book: so many of each, or exactly these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    products: Annotated[int, Field(ge=0, le=10_000)] | list[ShopProduct] = 0
    orders: Annotated[int, Field(ge=0, le=10_000)] | list[ShopOrder] = 0


class ShopApi:
    """The double's shop, under the prefix ``/shop``."""

    def __init__(self, store: Store, rules: Faults) -> None:
        self._store, self._faults = store, rules

    def routes(self) -> list[web.RouteDef]:
        """What aiohttp needs to know."""
        return [
            web.get("/shop/products", self._list("products", "shop.product")),
            web.get("/shop/orders", self._list("orders", "shop.order")),
            web.get("/shop/orders.csv", self._orders_csv),
            web.get("/shop/moved", self._moved),
            web.put("/shop/inventory/{id}", self._set_level),
            web.post("/shop/orders/{id}/fulfillments", self._fulfil),
        ]

    def fill(self, asked: Fill) -> None:
        """Adds products and orders; those of the same id are replaced."""
        products = asked.products if isinstance(asked.products, list) else _made_products(asked.products)
        orders = asked.orders if isinstance(asked.orders, list) else _made_orders(asked.orders)
        with self._store.batch():
            for product in products:
                self._store.put("shop.product", product.id, product.model_dump())
            for order in orders:
                self._store.put("shop.order", order.id, order.model_dump())

    def _list(self, name: str, kind: str) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            async def work() -> web.StreamResponse:
                page, records = self._page(request, kind)
                following = f"p{page + 1}" if len(records) == _size(request) else None
                return web.json_response({"data": {name: records}, "meta": {"page": page, "next_cursor": following}})

            return await self._answer(request, f"{name}.list", work)

        return handle

    async def _orders_csv(self, request: web.Request) -> web.StreamResponse:
        async def work() -> web.StreamResponse:
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerow(["order", "number", "name", "city", "sku", "quantity"])
            for order in self._store.all("shop.order"):
                for line in order["lines"]:
                    head = [order["id"], order["number"], order["name"], order["city"]]
                    writer.writerow([*head, line["sku"], line["quantity"]])
            return web.Response(text=text.getvalue(), content_type="text/csv")

        return await self._answer(request, "orders.list", work)

    async def _moved(self, request: web.Request) -> web.StreamResponse:
        """Redirects to wherever the query says: what a shop must not be able to make us follow."""
        return web.Response(status=302, headers={"Location": request.query.get("to", "/shop/products")})

    async def _set_level(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)

        async def work() -> web.StreamResponse:
            key = request.match_info["id"]
            if self._store.get("shop.product", key) is None:
                return _error(404, "There is no such product")
            if not isinstance(body.get("available"), int):
                return _error(422, "available should be a number")
            known = self._store.get("shop.level", key) or {"times": 0}
            level = {"id": key, "available": body["available"], "times": known["times"] + 1}
            return web.json_response(self._store.put("shop.level", key, level))

        return await self._answer(request, "inventory.set", work)

    async def _fulfil(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)

        async def work() -> web.StreamResponse:
            key = request.match_info["id"]
            if self._store.get("shop.order", key) is None:
                return _error(404, "There is no such order")
            known = self._store.get("shop.fulfillment", key)
            if known is not None and known["key"] != request.headers.get("Idempotency-Key"):
                return _error(409, "The order is fulfilled")
            made = known or {"order": key, "key": request.headers.get("Idempotency-Key"), **body}
            return web.json_response(self._store.put("shop.fulfillment", key, made), status=201)

        return await self._answer(request, "fulfillments.create", work)

    def _page(self, request: web.Request, kind: str) -> tuple[int, list[Doc]]:
        """The page that ``page`` or ``cursor`` asks for, the first by default."""
        asked = request.query.get("cursor", "").removeprefix("p") or request.query.get("page", "1")
        page, size = max(1, int(asked)), _size(request)
        return page, self._store.all(kind)[(page - 1) * size : page * size]

    async def _answer(self, request: web.Request, operation: str, work: Any) -> web.StreamResponse:
        if not request.headers.get("Authorization", "").startswith(f"Bearer {TOKEN}"):
            return _error(401, "A token is required")
        fault = self._faults.take("shop", operation)
        return await faults.answer(request, fault, work, lambda status: _error(status, "Asked for"))


def _size(request: web.Request) -> int:
    return min(PAGE_MAX, int(request.query.get("per_page", PAGE)))


def _made_products(count: int) -> list[ShopProduct]:
    return [
        ShopProduct(id=f"p{n}", sku=f"SHOP-{n:05d}", title=f"Shop product {n}", price=f"{n % 90 + 1}.50")
        for n in range(1, count + 1)
    ]


def _made_orders(count: int) -> list[ShopOrder]:
    lines = [ShopLine(sku="SHOP-00001", quantity=2), ShopLine(sku="SHOP-00002", quantity=1)]
    return [ShopOrder(id=f"o{n}", number=f"WEB-{n:05d}", lines=lines) for n in range(1, count + 1)]


async def _body(request: web.Request) -> Doc:
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
