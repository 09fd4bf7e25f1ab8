"""Connectors: exchange of items, orders, stock and shipments with other systems. The front door."""

from chalicelib.connectors.service import queue_due_syncs

__all__ = ["queue_due_syncs"]
