"""Counts: cycle counts of bins, and the adjustments that correct what the books say of them."""
