"""A platform of the bench's own: a fresh data directory, a free port, limits off."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from infra.local.postgres import free_port

ROOT = Path(__file__).parent.parent.parent
START_PATIENCE_S = 180.0


class BenchFailed(Exception):
    """The platform did not start or answered wrongly."""


@contextmanager
def running(**chosen: str) -> Iterator[int]:
    """Starts the local stage with the demo company and stops it; its port. `chosen`: other variables of `make run`.

    Nothing of it is kept.
    """
    port, folder = free_port(), Path(chosen.get("DATA_DIR") or tempfile.mkdtemp(prefix="quartermaster-bench-"))
    try:
        with stage(folder, port, **chosen):
            yield port
    finally:
        _remove(folder)


@contextmanager
def stage(folder: Path, port: int, **chosen: str) -> Iterator[None]:
    """Starts the local stage with the demo company in a folder, limits off, and stops it. Raises BenchFailed."""
    environment = {**os.environ, "PORT": str(port), "DATA_DIR": str(folder), "LIMITS": "off", "DEMO": "1"} | chosen
    with (folder / "stage.log").open("w+b") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "infra.local", "run"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            _wait(started, folder / "stage.log")
            yield
        finally:
            started.send_signal(signal.SIGINT)
            started.wait(30)


def _remove(folder: Path) -> None:
    """The data directory, and the database that root's platforms keep where another user can reach it."""
    note = folder / "postgres" / "postgres.location"
    if note.exists():
        shutil.rmtree(note.read_text(encoding="utf-8").strip(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _wait(stage: "subprocess.Popen[bytes]", log_file: Path) -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while "Quartermaster is ready" not in log_file.read_text(encoding="utf-8", errors="replace"):
        if stage.poll() is not None or time.monotonic() > deadline:
            raise BenchFailed(log_file.read_text(encoding="utf-8", errors="replace")[-2000:])
        time.sleep(0.2)


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = headers or {}

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], Any]:
        """(status, headers with lower case names, data)"""
        content = None if body is None else json.dumps(body)
        sent = {**self._headers, **({"Content-Type": "application/json"} if content else {})}
        self._http.request(method, path, content, sent)
        reply = self._http.getresponse()
        raw = reply.read()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return reply.status, headers, json.loads(raw) if raw else None

    def close(self) -> None:
        """Hangs up."""
        self._http.close()
