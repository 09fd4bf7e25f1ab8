"""``python -m infra.local.doubles``: run until SIGINT or SIGTERM."""

import asyncio
import signal
import sys

from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.server import Doubles


async def main() -> None:
    """Listen, say where, wait for a signal."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with Doubles(DoublesSettings()).run() as doubles:
        print(f"doubles: {doubles.url}, SMTP on port {doubles.smtp_port}", flush=True)
        await stopping.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except OSError as error:
        sys.exit(f"The provider doubles cannot listen: {error}")
