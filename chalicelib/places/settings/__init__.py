"""Settings of the floor for the admin panel (wms contract)."""
