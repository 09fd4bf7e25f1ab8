"""The MQTT broker of the local stage: mosquitto where it is installed, else amqtt. ``python -m infra.local.broker``."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

LISTEN = "127.0.0.1"
MOSQUITTO_SETTINGS = """\
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 5
# The defaults drop qos 1 messages of a client that is slow or away; 0 would mean "no limit" but is treated as the default
# by some versions, so the limits are large numbers.
max_queued_messages 100000
max_inflight_messages 1000
log_dest stdout
"""


def main() -> None:
    """Runs a broker on QM_MQTT_PORT until SIGTERM."""
    port, folder = int(os.environ["QM_MQTT_PORT"]), Path(os.environ["QM_DATA_DIR"]) / "mqtt"
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is not None:
        _become_mosquitto(program, port, folder)
    asyncio.run(_run_amqtt(port))


def _become_mosquitto(program: str, port: int, folder: Path) -> None:
    """Replaces this process; as root mosquitto becomes `nobody`, who must own the folder."""
    settings = MOSQUITTO_SETTINGS.format(port=port, host=LISTEN, folder=folder)
    if os.geteuid() == 0:
        settings += "user root\n"
    file = folder / "mosquitto.conf"
    file.write_text(settings, encoding="utf-8")
    sys.stdout.flush()
    os.execv(program, [program, "-c", str(file)])


async def _run_amqtt(port: int) -> None:
    """amqtt queues without limit, and keeps a session only for clients with a user name.

    Its anonymous clients have no sessions that outlive the connection (amqtt 0.12, broker.py, `is_anonymous`): so
    names are asked for, and any name is taken.
    """
    from amqtt.broker import Broker

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{LISTEN}:{port}", "max_connections": 200}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": False}},
        }
    )
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await broker.start()
    print(f"amqtt on {LISTEN}:{port}", flush=True)
    await stopping.wait()
    await broker.shutdown()


if __name__ == "__main__":
    main()
