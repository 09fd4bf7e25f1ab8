"""Packing: an order's picked units are verified, then the order is packed."""
