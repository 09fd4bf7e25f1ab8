"""Stock: the append-only ledger, levels, availability, holds and allocations. The front door for other contexts."""

from chalicelib.stock.barring.rules import PlaceUse
from chalicelib.stock.barring.service import lock_places, set_availability
from chalicelib.stock.errors import Allocated, BinClosed, Inconsistent, OutOfStock, SetAside, ShortLine
from chalicelib.stock.rules import AllocationChange, FreeStock, HoldChange, Move, Want
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
    "BinClosed",
    "BooksCheck",
    "FreeStock",
    "Held",
    "HoldChange",
    "Inconsistent",
    "Move",
    "OutOfStock",
    "PlaceUse",
    "SetAside",
    "ShortLine",
    "Want",
    "check_books",
    "choose",
    "free_stock",
    "held_for",
    "hold",
    "hold_chosen",
    "lock_places",
    "post",
    "release",
    "set_availability",
]
