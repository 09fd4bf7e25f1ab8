"""Ground of the kernel's tests: an app, consumers and a table of their own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any, get_args

import psycopg
import pytest

from chalicelib.kernel import outbox
from chalicelib.kernel.settings import settings
from infra.local.postgres import Cluster
from tests.kernel.apps import KernelClient
from tests.kernel.outbox_work import drain
from tests.tenant import Tenant, create_tenant

_numbers = count(1)


@pytest.fixture
def quiet(database: Cluster, aws: None) -> None:
    """Rows that other tests left open are closed, queues are empty: the relay looks at all organizations."""
    with psycopg.connect(database.owner_url(), autocommit=True) as connection:
        connection.execute("UPDATE outbox SET closed_at = now() WHERE closed_at IS NULL AND dead_at IS NULL")
        connection.execute("DELETE FROM fact")
    for name in get_args(outbox.Queue):
        drain(name)


CREATE_NOTE = """
    CREATE TABLE kernel_note (
        organization_id int NOT NULL DEFAULT current_organization() REFERENCES organization,
        name text NOT NULL,
        number int NOT NULL DEFAULT 0,
        times int NOT NULL DEFAULT 1,
        PRIMARY KEY (organization_id, name)
    );
    CALL isolate('kernel_note');
"""


@pytest.fixture(scope="package", autouse=True)
def _no_traces() -> Iterator[None]:
    """What these tests declare is gone when other tests look at the declarations."""
    yield
    from chalicelib.kernel.endpoint import DECLARED
    from chalicelib.kernel.jobs import CONSUMERS

    for key in [k for k, e in DECLARED.items() if e.handler.__module__.startswith("tests.")]:
        del DECLARED[key]
    for topic in [t for t, (_, function) in CONSUMERS.items() if function.__module__.startswith("tests.")]:
        del CONSUMERS[topic]


@pytest.fixture(scope="package")
def note_table(database: Cluster) -> Iterator[None]:
    """A tenant table without a meaning, dropped afterwards."""
    with psycopg.connect(database.owner_url(), autocommit=True) as connection:
        connection.execute(CREATE_NOTE)
        yield
        connection.execute("DROP TABLE kernel_note")


@pytest.fixture
def kernel(tenant: Tenant, note_table: None) -> KernelClient:
    """The kernel's test app as nobody in particular."""
    return KernelClient(tenant.host)


@pytest.fixture(scope="module")
def session_kernel(database: Cluster, aws: None) -> KernelClient:
    """The same for property tests, which call it many times: an organization of the module's own."""
    return KernelClient(create_tenant(database.owner_url(), f"kernel{next(_numbers)}").host)


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AbstractContextManager[None]]]:
    """``with configured(QM_LIMITS="on"):`` runs a block under other settings."""

    @contextmanager
    def change(**variables: str) -> Iterator[None]:
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            settings.cache_clear()
            yield
        settings.cache_clear()

    yield change
    settings.cache_clear()


@pytest.fixture
def notes(tenant: Tenant, note_table: None) -> Callable[[], dict[str, int]]:
    """What stands in the table of notes: numbers by name, of this test's organization."""
    return lambda: {row["name"]: row["number"] for row in tenant.rows("SELECT name, number FROM kernel_note")}


@pytest.fixture
def open_rows(tenant: Tenant) -> Callable[[], list[dict[str, Any]]]:
    """Outbox rows of this test's organization that are not closed, in order."""
    return lambda: tenant.rows(
        "SELECT id, topic, attempts, leased_until, dead_at, last_error, send_at FROM outbox"
        " WHERE closed_at IS NULL ORDER BY id"
    )
