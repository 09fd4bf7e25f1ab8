"""The ports of one platform: chosen at its first start, remembered, and chosen anew when a stranger has taken one."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.local.errors import StageError

NAMES = ("postgres", "aws", "mqtt", "iot", "doubles", "smtp")
HOST = "127.0.0.1"


def choose(data_dir: Path) -> dict[str, int]:
    """The ports by name, all free at this moment; those remembered in ``ports.json`` where that is possible."""
    file = data_dir / "ports.json"
    remembered = _read(file)
    chosen: dict[str, int] = {}
    with ExitStack() as held:  # all at once, so that none is given twice
        for name in NAMES:
            chosen[name] = held.enter_context(_bound(remembered.get(name, 0)))
    if chosen != remembered:
        draft = file.with_suffix(".tmp")
        draft.write_text(json.dumps(chosen, indent=1), encoding="utf-8")
        draft.replace(file)
    return chosen


def load(data_dir: Path) -> dict[str, int]:
    """The ports of the platform that runs on `data_dir`. Raises StageError when there never was one."""
    ports = _read(data_dir / "ports.json")
    if set(ports) != set(NAMES):
        raise StageError(f"No platform has run in {data_dir} yet: start one with `make run`.")
    return ports


def check_free(port: int) -> None:
    """Raises StageError when somebody listens on a port that was asked for, or when we may not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except PermissionError:
            raise StageError(f"Port {port} needs more rights: choose one above 1023, PORT=8080.") from None
        except OSError:
            raise StageError(
                f"Port {port} is in use by another program: choose another one, PORT={_next(port)} make run."
            ) from None


def answers(port: int) -> bool:
    """Whether somebody accepts connections on a port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 8080


def _read(file: Path) -> dict[str, int]:
    """What was remembered; nothing when the file is missing or broken."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: port for name, port in found.items() if name in NAMES and isinstance(port, int)}


@contextmanager
def _bound(wanted: int) -> Iterator[int]:
    """Holds `wanted`, or a free port when it is taken or 0. Yields which."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((HOST, wanted if 0 < wanted < 65536 else 0))
        except OSError:
            held.bind((HOST, 0))
        held.listen()  # with SO_REUSEADDR two may bind, but only one may listen
        yield int(held.getsockname()[1])
