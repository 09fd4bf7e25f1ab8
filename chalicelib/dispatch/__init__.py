"""Dispatch: parcels leave the building, and their stock with them."""
