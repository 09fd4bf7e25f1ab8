"""Transfers: units carried from bin to bin, within a warehouse or to another one. The front door for other contexts."""

from chalicelib.transfers.rules import Bin
from chalicelib.transfers.service import Carried, Carrying, carry, find_ends
from chalicelib.transfers.shapes import BinMove, CarriedLot, Transferred

__all__ = ["Bin", "BinMove", "Carried", "CarriedLot", "Carrying", "Transferred", "carry", "find_ends"]
