"""Holds that follow what orders want."""
