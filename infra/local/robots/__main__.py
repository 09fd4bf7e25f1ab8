"""``python -m infra.local.robots``: run the fleet until SIGINT or SIGTERM."""

import signal
import threading

from infra.local.robots import fleet
from infra.local.robots.config import RobotsSettings


def main() -> None:
    """Start, say so, wait for a signal."""
    settings, stopping = RobotsSettings(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with fleet.running(settings) as links:
        print(f"robots: {len(links)} on MQTT port {settings.mqtt_port}", flush=True)
        stopping.wait()


if __name__ == "__main__":
    main()
