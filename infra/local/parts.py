"""The parts of the stage: how each is started, and how one sees that it answers."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import urllib3

from infra.local import ports
from infra.local.options import Options
from infra.local.postgres import start_postgres
from infra.local.supervisor import Part, program

GATEWAY_THREADS = 16
GATEWAY_WORKERS = min(4, max(2, os.cpu_count() or 2))
STORAGE_TIER, SERVICE_TIER, API_TIER = range(3)
"""Parts of a higher tier use those of lower ones and are ended first."""


@dataclass(frozen=True)
class Parts:
    """Makes the parts of one platform."""

    options: Options
    ports: Mapping[str, int]

    def log_file(self, name: str) -> Path:
        """The log of a part."""
        return self.options.data_dir / "logs" / f"{name}.log"

    def postgres(self) -> Part:
        """Our own PostgreSQL. SIGINT is its fast shutdown."""
        log_file, port = self.log_file("postgres"), self.ports["postgres"]

        def start() -> "subprocess.Popen[bytes]":
            cluster = start_postgres(self.options.data_dir / "postgres", durable=True, port=port, log_file=log_file)
            assert cluster.process is not None
            return cluster.process

        return Part("postgres", start, lambda: True, log_file, polite=signal.SIGINT, patience_s=20, tier=STORAGE_TIER)

    def aws(self, environment: Mapping[str, str]) -> Part:
        """The AWS emulator. Its state is saved at SIGTERM, its S3 objects are files at once."""
        folder = self.options.data_dir / "aws"
        folder.mkdir(exist_ok=True)
        own = {
            "BIND_HOST": ports.HOST,
            "GATEWAY_PORT": str(self.ports["aws"]),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(folder / "s3"),
            "TMPDIR": str(folder),
            "LOG_LEVEL": "WARNING",
            # It verifies the signatures of links by its own secret.
            "AWS_SECRET_ACCESS_KEY": environment["AWS_SECRET_ACCESS_KEY"],
            # What listens on all interfaces or asks for Docker stays off.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",
        }
        own = {**{name: value for name, value in environment.items() if not name.startswith("AWS_")}, **own}
        command = (sys.executable, "-m", "ministack")
        return self._program("aws", command, own, self._health("aws", "/_ministack/health"), tier=STORAGE_TIER)

    def mqtt(self, environment: Mapping[str, str]) -> Part:
        """The MQTT broker."""
        return self._module("broker", environment, lambda: ports.answers(self.ports["mqtt"]), STORAGE_TIER, "mqtt")

    def doubles(self, environment: Mapping[str, str]) -> Part:
        """The providers' doubles."""
        return self._module("doubles", environment, self._health("doubles", "/health"), SERVICE_TIER)

    def iot(self, environment: Mapping[str, str]) -> Part:
        """The IoT bridge; it answers its health check when it has reached the broker."""
        return self._module("iot", environment, self._health("iot", "/health"), SERVICE_TIER)

    def robots(self, environment: Mapping[str, str]) -> Part:
        """The simulated robots."""
        return self._module("robots", environment, lambda: True, API_TIER)

    def pumps(self, environment: Mapping[str, str]) -> Part:
        """Queues and schedules."""
        return self._module("pumps", environment, lambda: True, API_TIER)

    def gateway(self, environment: Mapping[str, str]) -> Part:
        """The API."""
        own = {**environment, "QM_PROCESS": "gateway", "QM_GATEWAY_THREADS": str(GATEWAY_THREADS)}
        command = [
            *(sys.executable, "-m", "granian", "--interface", "asginl", "--http", "1", "--no-ws"),
            *("--host", ports.HOST, "--port", str(self.options.port), "--workers", str(GATEWAY_WORKERS)),
            *("--respawn-failed-workers", "--workers-kill-timeout", "3", "--log-level", "warning", "--no-access-log"),
            "infra.local.gateway:application",
        ]
        return self._program(
            "gateway", command, own, _answers_at(f"{self.options.base_url}/sandbox/clock"), tier=API_TIER
        )

    def _health(self, name: str, path: str) -> Callable[[], bool]:
        return _answers_at(f"http://{ports.HOST}:{self.ports[name]}{path}")

    def _module(
        self, module: str, environment: Mapping[str, str], is_ready: Callable[[], bool], tier: int, name: str = ""
    ) -> Part:
        command = (sys.executable, "-m", f"infra.local.{module}")
        own = {**environment, "QM_PROCESS": name or module}
        return self._program(name or module, command, own, is_ready, tier=tier)

    def _program(
        self,
        name: str,
        command: "tuple[str, ...] | list[str]",
        environment: Mapping[str, str],
        is_ready: Callable[[], bool],
        *,
        tier: int,
    ) -> Part:
        log_file = self.log_file(name)
        return Part(name, program(command, environment, log_file), is_ready, log_file, tier=tier)


def _answers_at(url: str) -> Callable[[], bool]:
    """Whether a GET of `url` succeeds now."""

    def is_ready() -> bool:
        try:
            return urllib3.request("GET", url, retries=False, timeout=5).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    return is_ready
