"""The migration step dies in the middle; started again, it ends in the same schema as one that nobody disturbed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from chalicelib.kernel import roles
from chalicelib.kernel.faults import Fault
from chalicelib.kernel.migrations import load, migrate
from infra.local.options import ROOT
from infra.local.postgres import Cluster
from tests.faults import points

_numbers = count(1)
COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
     WHERE table_schema = 'public' ORDER BY 1, 2
"""
FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1, 2"
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"


def schema_of(url: str) -> list[object]:
    with psycopg.connect(url) as connection:
        return [connection.execute(query.encode()).fetchall() for query in (COLUMNS, FUNCTIONS, INDEXES)]


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[str]:
    name = f"killed_{next(_numbers)}"
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as connection:
        roles.create_database(connection, name)
        yield cluster.owner_url(name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


MIGRATIONS = [fault for fault in points.ALONE if fault.point.startswith("migration.")]


@pytest.mark.parametrize("number", [1, 4, len(load())])
@pytest.mark.parametrize("fault", MIGRATIONS, ids=lambda fault: fault.point)
def test_a_migration_step_that_was_killed(
    fault: Fault, number: int, empty: str, database: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "order.json").write_text(fault.model_copy(update={"number": number}).model_dump_json())
    environment = {**os.environ, "QM_FAULT_FOLDER": str(tmp_path), "QM_DATABASE_OWNER_URL": empty}
    step = [sys.executable, "-c", "import app; app.migrate({}, None)"]
    done = subprocess.run(step, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, (tmp_path / "order.fired").exists()) == (-signal.SIGKILL, True), done.stderr
    left = number - 1 if fault.point == "migration.applied" else number
    assert len(migrate(empty)) == len(load()) - left
    assert schema_of(empty) == schema_of(database.owner_url())
