"""Where stock lies: warehouses, zones, bins and the accounts behind them. This is its front door."""

from chalicelib.places.errors import CodeTaken, InUse, PlacesDiffer, ZoneClosed
from chalicelib.places.rules import BinKind, BinProblem, FloorSettings, ZoneKind, floor_settings
from chalicelib.places.service import (
    NewBin,
    check_bins,
    create_bin,
    create_bins,
    create_warehouse,
    create_zone,
    ensure_outside_accounts,
    find_bins,
    warehouse_ids,
)
from chalicelib.places.shapes import LabelPart
from chalicelib.places.store import Bin, BinPlace, Warehouse

__all__ = [
    "Bin",
    "BinKind",
    "BinPlace",
    "BinProblem",
    "CodeTaken",
    "FloorSettings",
    "InUse",
    "LabelPart",
    "NewBin",
    "PlacesDiffer",
    "Warehouse",
    "ZoneClosed",
    "ZoneKind",
    "check_bins",
    "create_bin",
    "create_bins",
    "create_warehouse",
    "create_zone",
    "ensure_outside_accounts",
    "find_bins",
    "floor_settings",
    "warehouse_ids",
]
