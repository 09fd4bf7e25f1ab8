"""Zones and bins for the admin panel (wms contract)."""
