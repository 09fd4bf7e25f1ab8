"""Where stock lies: warehouses, zones, bins and the accounts behind them. This is its front door."""

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
    warehouse_ids,
)
from chalicelib.places.store import Bin, Warehouse

__all__ = [
    "Bin",
    "BinKind",
    "CodeTaken",
    "NewBin",
    "Warehouse",
    "ZoneKind",
    "create_bin",
    "create_bins",
    "create_warehouse",
    "create_zone",
    "ensure_outside_accounts",
    "warehouse_ids",
]
