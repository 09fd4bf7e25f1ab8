"""The whole stage, empty: up, used, reset, killed, up again with its data, down without a trace."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from infra.local import processes
from infra.local.options import ROOT
from infra.local.postgres import free_port

PASSWORD = "Walnut-Pallet-42"


class Platform:
    """A platform of this test's own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.url = data_dir, f"http://127.0.0.1:{free_port()}"
        chosen = {"PORT": self.url.rsplit(":", 1)[1], "DATA_DIR": str(data_dir), "DEMO": "0"}
        self.environment = {**os.environ, **chosen, "ADMIN_PASSWORD": PASSWORD}
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> list[str]:
        """What it says until it is ready."""
        self.process = subprocess.Popen(
            self._command("run"), cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said: list[str] = []
        for line in self.process.stdout:
            said.append(line.rstrip("\n"))
            if said[-1].startswith("Quartermaster is ready"):
                break
        return said

    def tell(self, name: str) -> tuple[int, str]:
        """Exit code and words of another command."""
        done = subprocess.run(
            self._command(name), cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.returncode, (done.stdout + done.stderr).strip()

    def sign_in(self) -> int:
        """The status of the administrator's sign-in."""
        body = {"username": "admin", "password": PASSWORD}
        return urllib3.request("POST", f"{self.url}/api/auth/login", json=body, retries=False).status

    def parts(self) -> list[dict[str, Any]]:
        """What the supervisor has noted of its parts."""
        noted: list[dict[str, Any]] = json.loads((self.data_dir / "processes.json").read_text())
        return noted

    def _command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "infra.local", name]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    made = Platform(tmp_path / "data")
    yield made
    made.tell("stop")
    if made.process is not None:
        made.process.kill()
        made.process.communicate()
    note = made.data_dir / "postgres" / "postgres.location"
    if note.exists():
        shutil.rmtree(note.read_text().strip())


def wait_until_gone(parts: list[dict[str, Any]]) -> None:
    deadline = time.monotonic() + 10
    while any(processes.started_at(part["pid"]) == part["mark"] for part in parts):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_platform_from_its_first_start_to_its_end(platform: Platform) -> None:
    assert platform.tell("reset") == (1, f"No platform runs on {platform.data_dir}: start one with `make run`.")
    said = platform.start()
    assert said[-1] == f"Quartermaster is ready: {platform.url}"
    assert platform.sign_in() == 200
    code, words = platform.tell("run")
    assert (code, words.startswith(f"A platform already runs on {platform.data_dir}")) == (1, True)
    code, words = platform.tell("reset")
    assert (code, words.startswith("Quartermaster is back in its first state")) == (0, True)
    assert platform.sign_in() == 200

    before = platform.parts()
    assert platform.process is not None
    platform.process.send_signal(signal.SIGKILL)
    platform.process.communicate()
    wait_until_gone(before)

    said = platform.start()
    assert [line for line in said if "Empty organization" in line] == []
    assert platform.sign_in() == 200
    before = platform.parts()
    platform.process.send_signal(signal.SIGTERM)
    rest, _ = platform.process.communicate(timeout=30)
    assert (rest, platform.process.returncode) == ("Quartermaster has stopped.\n", 0)
    wait_until_gone(before)
