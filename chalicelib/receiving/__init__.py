"""Receiving: what vendors deliver goes into bins, or back where it came from. The orders' side of it is purchasing's."""
