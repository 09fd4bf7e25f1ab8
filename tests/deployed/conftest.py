"""A deployed platform's surroundings: secrets in Secrets Manager, an Aurora cluster's master user, TLS in front of it.

Aurora and RDS Proxy are a PostgreSQL of these tests' own behind TLS; whose master user is no superuser, as on Aurora.
"""

import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import trustme

from chalicelib.kernel import database as connections
from chalicelib.kernel import roles, vault
from chalicelib.kernel.settings import settings
from infra.local.postgres import Cluster, start_postgres
from tests.deployed.tls import tls_front

MASTER = "cluster_master"
_numbers = count(1)


@dataclass
class Surroundings:
    """What is behind the settings: names of secrets, what they say, and how often they were asked for."""

    cluster: Cluster
    names: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def put(self, secret: str, document: Any) -> None:
        """Changes what a secret says; a text is taken as it is."""
        text = document if isinstance(document, str) else json.dumps(document)
        boto3.client("secretsmanager").put_secret_value(SecretId=self.names[secret], SecretString=text)

    def login(self, secret: str) -> dict[str, str]:
        """The user and password that a secret says."""
        value = boto3.client("secretsmanager").get_secret_value(SecretId=self.names[secret])["SecretString"]
        found: dict[str, str] = json.loads(value)
        return found

    def remove(self, secret: str) -> None:
        """Secrets Manager does not know the secret any more."""
        boto3.client("secretsmanager").delete_secret(SecretId=self.names[secret], ForceDeleteWithoutRecovery=True)

    def change_password(self, role: str, password: str) -> None:
        """Changes a role's password in the database, and nowhere else."""
        with psycopg.connect(self.cluster.superuser_url(), autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {role} PASSWORD '{password}'".encode())

    def times_asked(self, secret: str) -> int:
        """How often the platform asked for a secret since the test began."""
        return self.asked.count(self.names[secret])


@pytest.fixture(scope="package")
def authority() -> trustme.CA:
    """Who signs the server's certificate."""
    return trustme.CA()


@pytest.fixture(scope="package")
def aurora(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server that only its master user has seen: no superuser, but one who may make roles and databases."""
    cluster = start_postgres(tmp_path_factory.mktemp("aurora"), durable=False)
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {roles.DATABASE}".encode())
        connection.execute(f"DROP ROLE {roles.OWNER}, {roles.APPLICATION}".encode())
        connection.execute(f"CREATE ROLE {MASTER} LOGIN CREATEDB CREATEROLE PASSWORD 'master'".encode())
    yield cluster
    cluster.stop()


@pytest.fixture(scope="package")
def tls_port(aurora: Cluster, authority: trustme.CA) -> Iterator[int]:
    """Where TLS is spoken, with a certificate for localhost."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with tls_front(context, aurora.port) as port:
        yield port


@pytest.fixture
def deployed(
    aws: None,
    aurora: Cluster,
    tls_port: int,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Surroundings]:
    """The settings of a deployed function, with secrets of this test's own. The clock can still be moved."""
    number = next(_numbers)
    secret_ids = {name: f"quartermaster/{number}/{name}" for name in ("platform", "application", "owner", "master")}
    for secret, document in {
        "platform": {"jwt_keys": f"k1:{'1' * 32}", "hash_key": "first", "added_later": "by a newer version"},
        "application": {"username": roles.APPLICATION, "password": "application"},
        "owner": {"username": roles.OWNER, "password": "owner"},
        "master": {"username": MASTER, "password": "master"},
    }.items():
        boto3.client("secretsmanager").create_secret(Name=secret_ids[secret], SecretString=json.dumps(document))
    certificates = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(certificates))
    environment = {
        "QM_SECRET_ID": secret_ids["platform"],
        "QM_DATABASE_SECRET_ID": secret_ids["application"],
        "QM_DATABASE_OWNER_SECRET_ID": secret_ids["owner"],
        "QM_DATABASE_MASTER_SECRET_ID": secret_ids["master"],
        "QM_DATABASE_HOST": "localhost",
        "QM_DATABASE_CLUSTER_HOST": "localhost",
        "QM_DATABASE_PORT": str(tls_port),
        "QM_DATABASE_CA_FILE": str(certificates),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("QM_JWT_KEYS", "QM_HASH_KEY", "QM_DATABASE_URL", "QM_DATABASE_OWNER_URL"):
        monkeypatch.delenv(name, raising=False)
    with _as_configured():
        surroundings = Surroundings(aurora, secret_ids)
        _listen(surroundings.asked)
        yield surroundings
        monkeypatch.undo()


class _as_configured:  # noqa: N801  # reads as the function it is: with _as_configured()
    """Forgets what was known under other settings, before and after."""

    def __enter__(self) -> None:
        _forget()

    def __exit__(self, *_: object) -> None:
        _forget()


def _forget() -> None:
    settings.cache_clear()
    vault.forget()
    connections.discard()


def _listen(asked: list[str]) -> None:
    """Notes every call to Secrets Manager that the platform makes."""
    events = vault._provider().client.meta.events
    events.register(  # the client stays for the whole run; lists of earlier tests hear of later calls, and nobody minds
        "provide-client-params.secrets-manager.GetSecretValue",
        lambda params, **_: asked.append(params["SecretId"]),
    )


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """Names of the metrics that were counted since the last look."""

    def names() -> list[str]:
        records = (json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
        return [
            metric["Name"]
            for record in records
            if "_aws" in record
            for directive in record["_aws"]["CloudWatchMetrics"]
            for metric in directive["Metrics"]
        ]

    return names
