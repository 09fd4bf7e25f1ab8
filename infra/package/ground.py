"""What a booted package stands on: the parts of the local stage without the API and the pumps, which the package replaces."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import urllib3

from infra.local import environment, keys, place, ports
from infra.local.database import Database, of_cluster
from infra.local.options import ROOT, Options, from_environment
from infra.local.parts import Parts
from infra.local.postgres import start_postgres
from infra.local.pumps import sqs_event
from infra.local.supervisor import Supervisor
from infra.package.errors import PackageError

BATCH = 10
OWN_PORT = "8110"
"""Of links in mails and of signatures only: nobody listens there, the package is called with events."""


@dataclass(frozen=True)
class Ground:
    """PostgreSQL, AWS and provider doubles, running and empty."""

    database: Database
    environment: dict[str, str]
    folder: Path

    @property
    def doubles(self) -> str:
        """Base URL of the provider doubles."""
        return f"http://127.0.0.1:{self.environment['QM_DOUBLES_PORT']}"

    def prepare(self, task: str) -> None:
        """Runs a task of the local stage (infra/local/bootstrap.py). Raises PackageError with its last words."""
        command = [sys.executable, "-m", "infra.local.bootstrap", task]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PackageError(f"The step {task} failed: {done.stderr.strip()[-600:]}")

    def ask_doubles(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the doubles' control surface."""
        answer = urllib3.request(method, self.doubles + path, json=body, timeout=10.0)
        if answer.status >= 300:
            raise PackageError(f"{method} {path} of the doubles answered {answer.status}")
        return answer.json()

    def client(self, service: str) -> Any:
        """A client of the AWS emulator."""
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    def take(self, queue: str) -> "Batch":
        """What lies in a queue now, ten messages at most; empty when there is nothing."""
        sqs, name = self.client("sqs"), f"quartermaster-{queue}"
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=BATCH, MessageSystemAttributeNames=["All"])
        return Batch(sqs, url, name, found.get("Messages", []))


@dataclass(frozen=True)
class Batch:
    """Messages that were received and not yet deleted."""

    sqs: Any
    url: str
    queue: str
    messages: list[dict[str, Any]]

    @property
    def event(self) -> dict[str, Any]:
        """As Lambda hands them to a function."""
        return sqs_event(self.messages, self.queue)

    def delete(self, answer: Any) -> None:
        """Deletes what a function did not name as failed. Raises PackageError when it named any."""
        failures = (answer or {}).get("batchItemFailures", [])
        if failures:
            raise PackageError(f"{self.queue}: {json.dumps(failures)} failed")
        for message in self.messages:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])


@contextmanager
def running() -> Iterator[Ground]:
    """Starts everything in a temporary folder on free ports, and ends it. The database is there, without a schema."""
    with tempfile.TemporaryDirectory(prefix="quartermaster-boot-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        place.prepare(folder)
        options = from_environment({"PORT": OWN_PORT, "DATA_DIR": name, "LIMITS": "off"})
        supervisor = Supervisor(folder, lambda _: None)
        cluster = start_postgres(folder / "postgres", durable=False)
        try:
            database = of_cluster(cluster)
            yield Ground(database, _started(options, supervisor, database), folder)
        finally:
            supervisor.stop()
            cluster.stop()


def _started(options: Options, supervisor: Supervisor, database: Database) -> dict[str, str]:
    """AWS and the doubles, answering, with the resources that the platform uses; the environment of functions on them."""
    chosen = ports.choose(options.data_dir)
    parts, secrets = Parts(options, chosen), keys.load_or_make(options.data_dir)
    made = environment.for_children(options, chosen, secrets, app_url=database.app_url, owner_url=database.owner_url)
    services = (parts.aws(made), parts.doubles(made))
    for part in services:
        supervisor.launch(part)
    supervisor.wait_ready(*services)
    return made
