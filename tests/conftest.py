"""The test suite's ground: a real PostgreSQL, DynamoDB, SQS and S3 in this process, the API through its front door.

Tests do not roll back: what they prove is what a commit leaves. Instead every test has an organization of its own, with a
host name of its own; row-level security keeps tests apart as it keeps tenants apart.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from infra.local.postgres import Cluster, start_postgres

CLOCK_FILE = Path(tempfile.gettempdir()) / f"quartermaster-test-clock-{os.getpid()}"
ENVIRONMENT = {
    "QM_STAGE": "test",
    "QM_PUBLIC_URL": "https://shop.example.test",
    "QM_JWT_KEYS": "k2:0123456789abcdef0123456789abcdef k1:fedcba9876543210fedcba9876543210",
    "QM_HASH_KEY": "test-hash-key",
    "QM_CLOCK_FILE": str(CLOCK_FILE),
    "QM_LOG_LEVEL": "WARNING",
    "QM_SEALING_KEYS": "s1:test-sealing-key",
    "QM_STRIPE_API_KEY": "sk_test_quartermaster",
    "QM_STRIPE_WEBHOOK_SECRET": "whsec_test_quartermaster",
    "QM_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "QM_TWILIO_AUTH_TOKEN": "test-twilio-token",
    "QM_TWILIO_FROM_NUMBER": "+15005550006",
    "QM_ELEVENLABS_WEBHOOK_SECRET": "wsec_test_quartermaster",
    "QM_LIMITS": "off",
    "QM_PASSWORD_COST": "cheap",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "Quartermaster",
}
os.environ.update(ENVIRONMENT)
for stray in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "DATABASE_URL"):
    os.environ.pop(stray, None)

from tests.planted import Watch, watch_all  # noqa: E402, I001  # as below; first, so that imports are watched too
from tests.client import Client  # noqa: E402  # the environment above must be set before the application is imported
from tests.providers import doubles, providers  # noqa: E402, F401  # fixtures for every folder
from tests.tenant import Clock, Tenant, create_tenant  # noqa: E402  # as above

_numbers = count(1)


@pytest.fixture(scope="session")
def watch() -> Watch:
    """Sees every log line of the whole run, at all levels; the application itself writes warnings only."""
    from chalicelib.kernel.log import logger

    made = Watch()
    logger.setLevel("DEBUG")
    watch_all(made, logger.handlers)
    return made


@pytest.fixture(autouse=True)
def nothing_leaks(watch: Watch) -> Iterator[None]:
    """Fails the test during which a secret or a personal datum went into a log line."""
    yield
    assert watch.take() == [], "no secret and no personal datum belongs into a log line"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL server for the whole run; not durable, so it is quick."""
    started = start_postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def database(cluster: Cluster) -> Iterator[Cluster]:
    """The server with its database migrated and the application's settings pointing to it."""
    from chalicelib.kernel.database import discard
    from chalicelib.kernel.migrations import migrate
    from chalicelib.kernel.settings import settings

    migrate(cluster.owner_url())
    os.environ["QM_DATABASE_URL"] = cluster.app_url()
    os.environ["QM_DATABASE_OWNER_URL"] = cluster.owner_url()
    settings.cache_clear()
    yield cluster
    discard()


@pytest.fixture(scope="session")
def aws() -> Iterator[None]:
    """DynamoDB, SQS and S3 in this process (moto), with the resources that the platform uses."""
    from moto import mock_aws

    from tests.resources import create_resources, make_writes_atomic

    make_writes_atomic()
    with mock_aws():
        create_resources()
        yield


@pytest.fixture
def tenant(database: Cluster, aws: None) -> Tenant:
    """An organization of this test's own, with its outside accounts and one warehouse."""
    return create_tenant(database.owner_url(), f"t{next(_numbers)}")


@pytest.fixture
def other_tenant(database: Cluster, aws: None) -> Tenant:
    """Somebody else."""
    return create_tenant(database.owner_url(), f"t{next(_numbers)}")


@pytest.fixture
def api(tenant: Tenant) -> Client:
    """The API as nobody in particular; ``api.as_key(...)`` and the like are somebody."""
    return Client(tenant.host)


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The business's clock, which a test may move; put back afterwards."""
    yield Clock(CLOCK_FILE)
    CLOCK_FILE.unlink(missing_ok=True)
    time.sleep(0.06)  # the clock looks at its file at most every 50 ms; the next test starts in the present
