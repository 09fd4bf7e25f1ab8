"""Stock: the append-only ledger, levels, availability, holds and allocations. The front door for other contexts."""

from chalicelib.stock.errors import Allocated, Inconsistent, OutOfStock, ShortLine
from chalicelib.stock.rules import AllocationChange, BinStock, FreeStock, HoldChange, Level, Move, Want
from chalicelib.stock.service import (
    BooksCheck,
    Held,
    Moved,
    check_books,
    choose,
    free_stock,
    held_for,
    hold,
    hold_chosen,
    lock_levels,
    move_breaking,
    post,
    post_breaking,
    release,
)

__all__ = [
    "Allocated",
    "AllocationChange",
    "BinStock",
    "BooksCheck",
    "FreeStock",
    "Held",
    "HoldChange",
    "Inconsistent",
    "Level",
    "Move",
    "Moved",
    "OutOfStock",
    "ShortLine",
    "Want",
    "check_books",
    "choose",
    "free_stock",
    "held_for",
    "hold",
    "hold_chosen",
    "lock_levels",
    "move_breaking",
    "post",
    "post_breaking",
    "release",
]
