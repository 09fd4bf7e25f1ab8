"""Warehouse users, as their administrators keep them."""
