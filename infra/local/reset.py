"""`make reset`: a running platform goes back to its first state, in place and in less than two seconds."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import urllib3

from infra.local import database, environment, place, ports
from infra.local.errors import StageError
from infra.local.gate import Gate
from infra.local.options import Options
from infra.local.supervisor import end_part


def reset(options: Options) -> None:
    """Resets database, emulator, doubles, robots and clock. Raises StageError when no platform runs there."""
    started = time.monotonic()
    place.check_ready(options.data_dir)
    chosen = ports.load(options.data_dir)
    made = database.of(options, chosen)
    if not made.has_first_state():
        raise StageError("There is no first state to return to: this database had data before its first start.")
    with Gate(options.data_dir).reset(), ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(_reset_services, chosen), pool.submit(_forget_robots, options)]
        environment.clock_file(options.data_dir).unlink(missing_ok=True)
        made.return_to_first_state()
        for task in tasks:
            task.result()
    print(f"Quartermaster is back in its first state ({time.monotonic() - started:.1f} s).")


def _reset_services(chosen: dict[str, int]) -> None:
    """The doubles, and the emulator by way of the IoT bridge."""
    for name in ("doubles", "iot"):
        _post(f"http://{ports.HOST}:{chosen[name]}/reset")


def _forget_robots(options: Options) -> None:
    """Ends the robots and what they remember; the supervisor starts them anew."""
    end_part(options.data_dir, "robots")
    shutil.rmtree(options.data_dir / "robots", ignore_errors=True)


def _post(url: str) -> None:
    try:
        status = urllib3.request("POST", url, retries=False, timeout=5).status
    except urllib3.exceptions.HTTPError as error:
        raise StageError(f"A part of the platform does not answer ({url}): {type(error).__name__}.") from None
    if status != 200:
        raise StageError(f"A part of the platform refuses to be reset ({url}): {status}.")
