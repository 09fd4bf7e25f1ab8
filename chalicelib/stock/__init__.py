"""Stock: the append-only ledger, levels, availability, holds and allocations. The front door for other contexts."""

from chalicelib.stock.errors import Allocated, Inconsistent, OutOfStock, ShortLine
from chalicelib.stock.holds.service import Standing, rehold, standing
from chalicelib.stock.rules import AllocationChange, Claim, FreeStock, HoldChange, Move, Want
from chalicelib.stock.service import (
    BooksCheck,
    Held,
    check_books,
    choose,
    free_stock,
    held_for,
    hold,
    hold_chosen,
    post,
    release,
)

__all__ = [
    "Allocated",
    "AllocationChange",
    "BooksCheck",
    "Claim",
    "FreeStock",
    "Held",
    "HoldChange",
    "Inconsistent",
    "Move",
    "OutOfStock",
    "ShortLine",
    "Standing",
    "Want",
    "check_books",
    "choose",
    "free_stock",
    "held_for",
    "hold",
    "hold_chosen",
    "post",
    "rehold",
    "release",
    "standing",
]
