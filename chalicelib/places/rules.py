"""Pure facts about places."""

OUTSIDE = ("supplier", "customer", "adjustment", "production", "waste", "in_transit")
"""Accounts that an organization has once, in no warehouse."""

UNAVAILABLE_ZONES = ("QUALITY", "DAMAGE")
"""Kinds of zones whose stock is ours but is not sold."""
