"""The demo company: a made-up wholesale distributor, the same on every machine."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.local.demo.loader import DemoCredentials


def load(env: Mapping[str, str]) -> "DemoCredentials":
    """Loads it into an empty database: see loader.py, which only this call imports."""
    from infra.local.demo import loader

    return loader.load(env)
