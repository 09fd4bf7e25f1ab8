"""Stock for integrators: levels, ledger, adjustments (inventory contract)."""

from chalicelib.kernel.access import KEY
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.shapes import NoBody
from chalicelib.stock import adjustments
from chalicelib.stock.errors import Allocated, OutOfStock
from chalicelib.stock.lists import store
from chalicelib.stock.shapes import (
    Adjust,
    AdjustmentView,
    LevelPage,
    LevelQuery,
    LevelView,
    MovePage,
    MoveQuery,
    MoveView,
)


@endpoint("GET", "/api/v1/inventory_levels", allow=KEY("inventory:read"))
def list_inventory_levels(call: Call[NoBody], query: LevelQuery) -> LevelPage:
    """Current stock of every variant at every location, or what it was at an instant (`as_of`)."""
    levels = [LevelView(**row) for row in store.list_levels(call.uow, query.model_dump())]
    return LevelPage(inventory_levels=levels, page=query.page, per_page=query.per_page)


@endpoint("GET", "/api/v1/inventory_ledger", allow=KEY("inventory:read"))
def list_inventory_ledger(call: Call[NoBody], query: MoveQuery) -> MovePage:
    """Every stock move, newest first: what, how much, from where to where, why and by whom."""
    moves = [MoveView(**row) for row in store.list_moves(call.uow, query.model_dump())]
    return MovePage(inventory_ledger=moves, page=query.page, per_page=query.per_page)


@endpoint(
    "POST",
    "/api/v1/inventory_adjustments",
    allow=KEY("inventory:write"),
    status=201,
    errors=(NotFound, OutOfStock, Allocated),
)
def adjust_inventory(call: Call[Adjust]) -> AdjustmentView:
    """Corrects the stock of one variant at one location by hand, for example for shrinkage or found stock.

    Units that are set aside for picks are never taken away. When less is left than orders hold, the youngest orders lose
    their hold and are flagged short.
    """
    return adjustments.adjust(call.uow, call.body)
