"""Where stock lies: warehouses, zones, bins and the accounts behind them. This is its front door."""

from chalicelib.places.rules import FloorSettings, floor_settings
from chalicelib.places.service import (
    BinKind,
    CodeTaken,
    NewBin,
    ZoneKind,
    create_bin,
    create_bins,
    create_warehouse,
    create_zone,
    ensure_outside_accounts,
    find_bins,
    warehouse_ids,
)
from chalicelib.places.store import Bin, BinPlace, Warehouse

__all__ = [
    "Bin",
    "BinKind",
    "BinPlace",
    "CodeTaken",
    "FloorSettings",
    "NewBin",
    "Warehouse",
    "ZoneKind",
    "create_bin",
    "create_bins",
    "create_warehouse",
    "create_zone",
    "ensure_outside_accounts",
    "find_bins",
    "floor_settings",
    "warehouse_ids",
]
