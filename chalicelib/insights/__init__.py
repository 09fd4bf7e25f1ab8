"""Insights: what the records say when they are looked at together, and answers to questions. The front door."""

from chalicelib.insights.scores.service import queue_nightly_scores

__all__ = ["queue_nightly_scores"]
