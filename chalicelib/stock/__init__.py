"""Stock: the append-only ledger, levels, availability, holds and allocations. The front door for other contexts."""

from chalicelib.stock.barring.rules import PlaceUse
from chalicelib.stock.barring.service import lock_places, set_availability
from chalicelib.stock.errors import Allocated, BinClosed, Inconsistent, OutOfStock, SetAside, ShortLine
from chalicelib.stock.holds.service import Standing, rehold, standing
from chalicelib.stock.lots.store import Lot
from chalicelib.stock.rules import AllocationChange, BinStock, Claim, FreeStock, HoldChange, Level, Move, Want
from chalicelib.stock.service import (
    BooksCheck,
    Held,
    Moved,
    check_books,
    choose,
    ensure_lots,
    free_stock,
    held_for,
    hold,
    hold_chosen,
    lock_levels,
    move_breaking,
    post,
    post_breaking,
    release,
    top_up,
)

__all__ = [
    "Allocated",
    "AllocationChange",
    "BinClosed",
    "BinStock",
    "BooksCheck",
    "Claim",
    "FreeStock",
    "Held",
    "HoldChange",
    "Inconsistent",
    "Level",
    "Lot",
    "Move",
    "Moved",
    "OutOfStock",
    "PlaceUse",
    "SetAside",
    "ShortLine",
    "Standing",
    "Want",
    "check_books",
    "choose",
    "ensure_lots",
    "free_stock",
    "held_for",
    "hold",
    "hold_chosen",
    "lock_levels",
    "lock_places",
    "move_breaking",
    "post",
    "post_breaking",
    "rehold",
    "release",
    "set_availability",
    "standing",
    "top_up",
]
