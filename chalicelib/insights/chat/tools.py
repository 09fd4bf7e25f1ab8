"""What a language model may ask of us: to look at products, prices and availability, and at its caller's own orders.

A model is taken for an attacker who has talked it into anything. So tools only read; their arguments are checked like a
stranger's; whose shop and whose orders they look at comes from the request's session and can be said in no argument; what
they return is cut to what the caller may see on the shop's pages, without names and addresses.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from chalicelib import catalogue, orders
from chalicelib.adapters.llm import Tool, ToolCall
from chalicelib.kernel.errors import NotFound, Refusal
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.shapes import Shape
from chalicelib.kernel.uow import UnitOfWork

PRODUCTS_MAX = 8
ORDERS_MAX = 5
LINES_MAX = 30
LINES_READ_MAX = 1_000
"""Of all orders of a list together; the latest order is read whole."""
UNITS_SHOWN_MAX = 100
"""Beyond, only that there are more: what lies in the warehouse to the unit is nobody's business."""
RESULT_MAX = 6000
"""Characters that one result may have."""
Json = dict[str, Any]
Arguments = TypeVar("Arguments", bound=Shape)


def _storable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("text has control characters")
    return value


Words = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_storable)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_storable)]


class FindProducts(Shape):
    """Words of a product's name or brand, or a SKU."""

    words: Words
    in_stock_only: bool = False


class OneProduct(Shape):
    """A product by its SKU."""

    sku: Code


class PriceOf(Shape):
    """What so many units of a product cost."""

    sku: Code
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class NoArguments(Shape):
    """Nothing to say."""


class OneOrder(Shape):
    """An order of the customer by its number."""

    order_number: Code


def _find_products(uow: UnitOfWork, asked: FindProducts) -> Json:
    wanted = catalogue.Selection(limit=PRODUCTS_MAX, offset=0, in_stock=True if asked.in_stock_only else None)
    cards, total = catalogue.list_products(uow, wanted, asked.words)
    return {"products": [_product(uow, card) for card in cards], "total": total}


def _get_product(uow: UnitOfWork, asked: OneProduct) -> Json:
    card = catalogue.get_product_by_sku(uow, asked.sku)
    return {**_product(uow, card), "description": card.description[:1000]}


def _get_price(uow: UnitOfWork, asked: PriceOf) -> Json:
    quote = catalogue.quoted(uow, [catalogue.Item(asked.quantity, sku=asked.sku)])[0]
    if quote is None or not quote.is_active:
        raise NotFound("Product not found")
    item = quote.item
    return {
        "sku": item.sku,
        "name": item.name[:200],
        "quantity": item.quantity,
        "unit_price": _money(uow, item.unit_price_minor),
        "total": _money(uow, item.line_total_minor),
        "is_bulk_price": item.is_bulk_price,
    }


def _check_availability(uow: UnitOfWork, asked: OneProduct) -> Json:
    card = catalogue.get_product_by_sku(uow, asked.sku)
    units = card.available if card.in_stock else 0
    shown = max(0, min(units, UNITS_SHOWN_MAX))
    return {"sku": card.sku, "is_available": units > 0, "units": shown, "there_are_more": units > UNITS_SHOWN_MAX}


def _list_own_orders(uow: UnitOfWork, _asked: NoArguments) -> Json:
    found = orders.list_own(uow, uow.actor.id, before=None, limit=ORDERS_MAX, lines_max=LINES_READ_MAX)
    return {"orders": [_order(uow, order) for order in found]}


def _get_own_order(uow: UnitOfWork, asked: OneOrder) -> Json:
    order = orders.find_by_number(uow, asked.order_number)
    if order is None or order.customer_id != uow.actor.id:
        raise NotFound("Order not found")
    lines = [{"sku": line.sku, "name": line.name[:200], "quantity": line.quantity} for line in order.lines[:LINES_MAX]]
    return {**_order(uow, order), "lines": lines, "further_lines": max(0, len(order.lines) - LINES_MAX)}


@dataclass(frozen=True)
class ReadOnlyTool(Generic[Arguments]):
    """A tool with what it takes and what it does. `is_for_customers`: it is there only for who is signed in."""

    description: str
    arguments: type[Arguments]
    run: Callable[[UnitOfWork, Arguments], Json]
    is_for_customers: bool = False


TOOLS: Mapping[str, ReadOnlyTool[Any]] = {
    "find_products": ReadOnlyTool("Finds products by words, best match first.", FindProducts, _find_products),
    "get_product": ReadOnlyTool("Describes one product.", OneProduct, _get_product),
    "get_price": ReadOnlyTool("Says what a quantity of a product costs today.", PriceOf, _get_price),
    "check_availability": ReadOnlyTool("Says whether a product can be had now.", OneProduct, _check_availability),
    "list_own_orders": ReadOnlyTool(
        "Lists the latest orders of the customer who asks.", NoArguments, _list_own_orders, is_for_customers=True
    ),
    "get_own_order": ReadOnlyTool(
        "Shows one order of the customer who asks.", OneOrder, _get_own_order, is_for_customers=True
    ),
}


def offered_to(actor: Actor) -> list[Tool]:
    """The tools that a model gets for this caller."""
    return [
        Tool(name, tool.description, tool.arguments.model_json_schema())
        for name, tool in TOOLS.items()
        if _may(actor, tool)
    ]


def answer(uow: UnitOfWork, call: ToolCall) -> str:
    """The result of a call as JSON text; what is wrong with it is a result as well. Raises nothing on the model's account."""
    tool = TOOLS.get(call.name)
    if tool is None or not _may(uow.actor, tool):
        return json.dumps({"error": "There is no such tool"})
    try:
        arguments = tool.arguments.model_validate(call.arguments)
        result = tool.run(uow, arguments)
    except ValidationError:
        return json.dumps({"error": "The arguments are wrong"})
    except Refusal as refusal:
        return json.dumps({"error": refusal.message})
    text = json.dumps(result, ensure_ascii=False)
    return text if len(text) <= RESULT_MAX else json.dumps({"error": "Too much was found; ask for less"})


def _may(actor: Actor, tool: ReadOnlyTool[Any]) -> bool:
    return actor.kind == "customer" or not tool.is_for_customers


def _product(uow: UnitOfWork, card: catalogue.Card) -> Json:
    bulk = card.bulk_price_minor
    return {
        "sku": card.sku,
        "name": card.name[:200],
        "brand": card.brand[:100],
        "unit_size": card.unit_size[:100],
        "category": card.category and card.category[:100],
        "unit_price": _money(uow, card.unit_price_minor),
        "bulk_price": None if bulk is None else _money(uow, bulk),
        "bulk_quantity": card.bulk_quantity,
        "in_stock": card.in_stock,
    }


def _order(uow: UnitOfWork, order: orders.Order) -> Json:
    return {
        "order_number": order.number,
        "status": orders.commerce_status(order),
        "placed_on": order.placed_at.date().isoformat(),
        "total": _money(uow, order.total_minor),
        "items": len(order.lines),
        "carrier": order.carrier and order.carrier[:100],
        "tracking_number": order.tracking_number and order.tracking_number[:100],
    }


def _money(uow: UnitOfWork, minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d} {uow.organization.currency}"
