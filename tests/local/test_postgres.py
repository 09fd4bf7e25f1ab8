"""The embedded server: its roles, its user, its durability, and the way back to the first state."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra.local import database
from infra.local.database import Database
from infra.local.postgres import Cluster, start_postgres
from infra.local.privileges import account_for_servers


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row and len(row) == 1 else row


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = start_postgres(tmp_path_factory.mktemp("server"), durable=False)
    yield started
    started.stop()


@pytest.fixture
def platform(server: Cluster) -> Iterator[Database]:
    made = database.of_cluster(server)
    made.make_empty()
    yield made
    made.drop_past()
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        for name in (made.template, made.spare):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def test_the_roles_can_do_what_they_should_and_no_more(server: Cluster) -> None:
    rights = "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    assert one(server.owner_url(), rights) == (False, False, False, True)
    assert one(server.app_url(), rights) == (False, False, False, False)
    assert one(
        server.owner_url(), "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'quartermaster'"
    ) == ("quartermaster_owner")


def test_nobody_gets_in_without_a_password(server: Cluster) -> None:
    for user in ("postgres", "quartermaster_owner", "quartermaster_app"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://{user}@127.0.0.1:{server.port}/quartermaster")


def test_letters_outside_ascii_have_upper_case(server: Cluster) -> None:
    assert one(server.owner_url(), "SELECT upper('gr\u00fcn')") == "GR\u00dcN"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_roots_server_is_nobodys(server: Cluster) -> None:
    account = account_for_servers()
    assert (account, server.process) != (None, None)
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    users = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
    assert users == [str(account.uid if account else 0)] * 4


def test_a_commit_survives_kill_9_and_a_restart_finds_it(tmp_path: Path) -> None:
    first = start_postgres(tmp_path, durable=True)
    try:
        with psycopg.connect(first.owner_url()) as connection:
            connection.execute("CREATE TABLE fact AS SELECT 42 AS answer")
        assert one(first.owner_url(), "SHOW fsync") == "on"
        assert first.process is not None
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait()  # while we have not, the kernel keeps its pid, and the next server believes it alive
        again = start_postgres(tmp_path, durable=True, port=first.port)
        try:
            assert one(again.owner_url(), "SELECT answer FROM fact") == 42
        finally:
            again.stop()
    finally:
        first.stop()
        shutil.rmtree(first.folder, ignore_errors=True)  # as root it is not below tmp_path


def test_a_reset_brings_the_first_state_back_as_often_as_asked(platform: Database) -> None:
    with psycopg.connect(platform.owner_url) as connection:
        connection.execute("CREATE TABLE thing (id int GENERATED ALWAYS AS IDENTITY, name text)")
        connection.execute("INSERT INTO thing (name) VALUES ('first')")
        connection.execute("GRANT SELECT ON thing TO quartermaster_app")
    assert not platform.has_first_state()
    platform.keep_first_state()
    platform.make_spare()
    for _ in range(3):
        with psycopg.connect(platform.owner_url) as connection:
            connection.execute("INSERT INTO thing (name) VALUES ('later')")
        platform.return_to_first_state()
        assert one(platform.app_url, "SELECT array_agg(name) FROM thing") == ["first"]
    assert one(platform.owner_url, "INSERT INTO thing (name) VALUES ('next') RETURNING id") == 2
    platform.drop_past()
    names = "SELECT count(*) FROM pg_database WHERE datname LIKE 'quartermaster%'"
    assert one(platform.admin_url, names) == 2  # the database and its first state


def test_a_session_that_a_reset_ended_can_come_again(platform: Database) -> None:
    platform.keep_first_state()
    with psycopg.connect(platform.app_url) as held:
        platform.return_to_first_state()
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")
    assert one(platform.app_url, "SELECT 1") == 1


def test_a_database_of_somebody_elses_server_is_used_under_its_name(server: Cluster) -> None:
    given = database.on_given_server(server.superuser_url("warehouse_7"))
    try:
        assert one(given.app_url, "SELECT current_user || ' in ' || current_database()") == (
            "quartermaster_app in warehouse_7"
        )
        assert (given.is_ours, given.has_first_state(), given.has_data()) == (False, False, False)
        assert database.on_given_server(server.superuser_url("warehouse_7")) == given
    finally:
        with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
            connection.execute("DROP DATABASE warehouse_7 WITH (FORCE)")
            for role, password in server.passwords.items():
                connection.execute(f"ALTER ROLE {role} PASSWORD '{password}'".encode())
