"""The fleet: as many robots as the settings say."""

from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.robots.config import RobotsSettings
from infra.local.robots.link import Link


@contextmanager
def running(settings: RobotsSettings) -> Iterator[list[Link]]:
    """Robots ``bot-1`` and so on, alive while the block runs."""
    links = [Link(f"bot-{number}", settings) for number in range(1, settings.robots + 1)]
    for link in links:
        link.start()
    try:
        yield links
    finally:
        for link in links:
            link.stop()
