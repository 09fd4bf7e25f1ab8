"""The day: a business day of the demo company, played through public HTTP only. ``play(base_url)``."""

from infra.local.demo.day.play import play

__all__ = ["play"]
