"""Picking: batches of orders, their tasks, confirmed and short picks. The front door for other contexts."""

from chalicelib.picking.leaving import Picks, drop, lock_picks, move_shares
from chalicelib.picking.rules import batch_number
from chalicelib.picking.store import PickedUnits, picked_units
from chalicelib.picking.tasks import hand_over, leave_to_hands

__all__ = [
    "PickedUnits",
    "Picks",
    "batch_number",
    "drop",
    "hand_over",
    "leave_to_hands",
    "lock_picks",
    "move_shares",
    "picked_units",
]
