"""Vendors and what they offer."""
