"""``python -m infra.local run|day|reset|stop|dead|replay|drop``; see the Makefile."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # said here in a sentence, before newer syntax is met
    sys.exit(f"Quartermaster needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

import os
import signal
from functools import partial
from importlib import import_module

from infra.local import options as choices
from infra.local import place
from infra.local.errors import StageError
from infra.local.options import Options

STOP_PATIENCE_S = 40.0


def main(arguments: list[str]) -> int:
    """The command line. One clear sentence and 1 when something cannot be done."""
    name = arguments[0] if len(arguments) == 1 else ""
    commands = {"run": _run, "day": _day, "reset": _reset, "stop": _stop}
    commands |= {name: partial(_dead, name) for name in ("dead", "replay", "drop")}
    if name not in commands:
        print(f"usage: python -m infra.local {'|'.join(commands)}", file=sys.stderr)
        return 2
    try:
        return commands[name](choices.from_environment())
    except StageError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: Options) -> int:
    from infra.local import stage

    stage.run(options)
    return 0


def _day(options: Options) -> int:
    """Plays the day against a running platform, through its public HTTP only."""
    day = import_module("infra.local.demo.day")
    return int(day.play(options.base_url) or 0)


def _reset(options: Options) -> int:
    from infra.local.reset import reset

    reset(options)
    return 0


def _dead(name: str, options: Options) -> int:
    """What could not be done: shown, tried again, or dropped."""
    dead = import_module("infra.local.dead")
    getattr(dead, "show" if name == "dead" else name)(options)
    return 0


def _stop(options: Options) -> int:
    """Ends the platform that runs on DATA_DIR and waits until it has."""
    pid = place.running_pid(options.data_dir)
    if pid is None:
        print(f"No platform runs on {options.data_dir}.")
        return 0
    os.kill(pid, signal.SIGTERM)
    if not place.wait_until_left(options.data_dir, STOP_PATIENCE_S):
        raise StageError(f"The platform on {options.data_dir} (process {pid}) does not stop.")
    print("Quartermaster has stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
