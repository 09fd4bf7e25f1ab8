"""Fixtures of this folder."""

from tests.providers import doubles, providers

__all__ = ["doubles", "providers"]
