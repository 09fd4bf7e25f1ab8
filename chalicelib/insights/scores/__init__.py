"""Scores of customers: who is likely to order again, and how often."""
