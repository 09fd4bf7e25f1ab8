"""`make reset`: a running platform goes back to its first state, in place and in less than two seconds."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import urllib3

from infra.local import database, environment, keys, place, ports
from infra.local.database import Database
from infra.local.errors import StageError
from infra.local.gate import Gate
from infra.local.options import Options


def reset(options: Options) -> None:
    """Resets database, emulator, doubles, robots and clock. Raises StageError when no platform runs there."""
    started = time.monotonic()
    if place.running_pid(options.data_dir) is None:
        raise StageError(f"No platform runs on {options.data_dir}: start one with `make run`.")
    chosen = ports.load(options.data_dir)
    made = _database(options, chosen)
    if not made.has_first_state():
        raise StageError("There is no first state to return to: this database had data before its first start.")
    with Gate(options.data_dir).reset(), ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(_reset_emulator, options, chosen, made), pool.submit(_reset_services, chosen)]
        environment.clock_file(options.data_dir).unlink(missing_ok=True)
        made.return_to_first_state()
        for task in tasks:
            task.result()
    print(f"Quartermaster is back in its first state ({time.monotonic() - started:.1f} s).")


def _database(options: Options, chosen: dict[str, int]) -> Database:
    if options.database_url:
        return database.on_given_server(options.database_url)
    return database.on_own_server(options.data_dir, chosen["postgres"])


def _reset_emulator(options: Options, chosen: dict[str, int], made: Database) -> None:
    """Empties queues, table and bucket by making them anew."""
    _post(f"http://{ports.HOST}:{chosen['aws']}/_ministack/reset")
    secrets = keys.load_or_make(options.data_dir)
    os.environ.update(
        environment.for_children(options, chosen, secrets, app_url=made.app_url, owner_url=made.owner_url)
    )
    from infra.local import resources

    resources.create()


def _reset_services(chosen: dict[str, int]) -> None:
    for name in ("doubles", "iot"):
        _post(f"http://{ports.HOST}:{chosen[name]}/reset")


def _post(url: str) -> None:
    try:
        status = urllib3.request("POST", url, retries=False, timeout=5).status
    except urllib3.exceptions.HTTPError as error:
        raise StageError(f"A part of the platform does not answer ({url}): {type(error).__name__}.") from None
    if status != 200:
        raise StageError(f"A part of the platform refuses to be reset ({url}): {status}.")
