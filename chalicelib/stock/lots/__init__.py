"""Lots of a variant: made when their first units come."""
