"""Stock: the append-only ledger, levels, availability, holds and allocations. The front door for other contexts."""

from chalicelib.stock.errors import Allocated, Inconsistent, OutOfStock, ShortLine
from chalicelib.stock.lots.store import Lot
from chalicelib.stock.rules import AllocationChange, FreeStock, HoldChange, Move, Want
from chalicelib.stock.service import (
    BooksCheck,
    Held,
    check_books,
    choose,
    ensure_lots,
    free_stock,
    held_for,
    hold,
    hold_chosen,
    post,
    release,
    top_up,
)

__all__ = [
    "Allocated",
    "AllocationChange",
    "BooksCheck",
    "FreeStock",
    "Held",
    "HoldChange",
    "Inconsistent",
    "Lot",
    "Move",
    "OutOfStock",
    "ShortLine",
    "Want",
    "check_books",
    "choose",
    "ensure_lots",
    "free_stock",
    "held_for",
    "hold",
    "hold_chosen",
    "post",
    "release",
    "top_up",
]
