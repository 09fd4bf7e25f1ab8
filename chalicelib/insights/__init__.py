"""Insights: what the records say when they are looked at together, and answers to questions about them."""
