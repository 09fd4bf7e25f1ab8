"""Warehouses for the admin panel (wms contract)."""
