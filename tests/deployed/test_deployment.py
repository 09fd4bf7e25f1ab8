"""The step before a version takes traffic, rehearsed as CloudFormation asks for it on an Aurora cluster."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.kernel import credentials, custom_resource, database, deployment, migrations, roles, vault
from infra.local.postgres import Cluster
from tests.deployed.conftest import MASTER, Surroundings
from tests.deployed.sink import Sink, response_sink
from tests.threads import together

NAMES = [f"{m.version:04d}_{m.name}" for m in migrations.load()]
ALL = f"{NAMES[0]} to {NAMES[-1]}, {len(NAMES)} in all"
MADE = [roles.OWNER, roles.APPLICATION, roles.DATABASE]
STACK = "arn:aws:cloudformation:eu-central-1:123456789012:stack/quartermaster-dev/51af3dc0"


@dataclass(frozen=True)
class Context:
    """What Lambda hands to a function."""

    remaining_s: float = 900.0

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is ended."""
        return int(self.remaining_s * 1000)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with response_sink() as listening:
        yield listening


@pytest.fixture
def new_cluster(deployed: Surroundings) -> Iterator[Surroundings]:
    """The cluster as it is after its creation: nothing of ours is there; nothing is left behind either."""
    _clean(deployed.cluster)
    yield deployed
    database.discard()
    _clean(deployed.cluster)


def _clean(cluster: Cluster) -> None:
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {roles.DATABASE} WITH (FORCE)".encode())
        connection.execute(f"DROP ROLE IF EXISTS {roles.OWNER}, {roles.APPLICATION}".encode())


def request(kind: str, sink: Sink, **more: Any) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": sink.url,
        "StackId": STACK,
        "RequestId": "7f2d9c1e",
        "ResourceType": "Custom::Schema",
        "LogicalResourceId": "Schema",
        "ResourceProperties": {"ServiceToken": "arn:aws:lambda:...:migrate", "Package": "9f86d081"},
        **more,
    }


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode()).fetchall()


def as_superuser(deployed: Surroundings, sql: str, name: str = "postgres") -> list[tuple[Any, ...]]:
    return query(deployed.cluster.superuser_url(name), sql)


def test_a_new_cluster_gets_roles_database_and_schema(new_cluster: Surroundings, sink: Sink) -> None:
    told = deployment.prepare(request("Create", sink), Context())
    assert sink.answers == [told]
    assert told == {
        "Status": "SUCCESS",
        "Data": {"Made": ", ".join(MADE), "Applied": ALL, "Version": str(len(NAMES))},
        "PhysicalResourceId": "quartermaster-schema",
        "StackId": STACK,
        "RequestId": "7f2d9c1e",
        "LogicalResourceId": "Schema",
    }
    assert sink.content_types == [""]  # the URL is signed for this one
    assert query(credentials.of("application"), "SELECT current_user, count(*) FROM organization GROUP BY 1") == []
    assert query(credentials.of("owner"), "SELECT current_user::text, max(version) FROM schema_migration") == [
        (roles.OWNER, len(NAMES))
    ]


def test_what_it_makes_is_what_row_level_security_binds(new_cluster: Surroundings) -> None:
    deployment.prepare({})
    rights = "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname IN "
    found = as_superuser(new_cluster, f"{rights} ('{roles.OWNER}', '{roles.APPLICATION}') ORDER BY 1")
    assert found == [(role, False, False, False, False) for role in (roles.APPLICATION, roles.OWNER)]
    said = "SELECT pg_get_userbyid(datdba)::text, datcollate, datlocale, datacl::text FROM pg_database WHERE datname = "
    ((owner, collation, locale, acl),) = as_superuser(new_cluster, f"{said} '{roles.DATABASE}'")
    assert (owner, collation, locale) == (roles.OWNER, "C", "C.UTF-8")
    assert acl == f"{{{roles.OWNER}=CTc/{roles.OWNER},{roles.APPLICATION}=c/{roles.OWNER}}}"


def test_again_it_changes_nothing(new_cluster: Surroundings, sink: Sink) -> None:
    deployment.prepare(request("Create", sink))
    first = as_superuser(new_cluster, "SELECT version, applied_at FROM schema_migration", roles.DATABASE)
    told = deployment.prepare(request("Update", sink, PhysicalResourceId="as-it-was"))
    assert told["Data"] == {"Made": "nothing", "Applied": "nothing", "Version": str(len(NAMES))}
    assert told["PhysicalResourceId"] == "as-it-was"
    assert as_superuser(new_cluster, "SELECT version, applied_at FROM schema_migration", roles.DATABASE) == first


def test_asked_several_times_at_once_it_is_done_once(new_cluster: Surroundings) -> None:
    done = together(4, lambda _: deployment.prepare({}))
    assert sorted(len(each["made"]) for each in done) == [0, 0, 0, 3]
    assert sorted(len(each["applied"]) for each in done) == [0, 0, 0, len(NAMES)]


def test_the_stack_goes_and_the_data_stay(new_cluster: Surroundings, sink: Sink) -> None:
    deployment.prepare({})
    before = len(new_cluster.asked)
    told = deployment.prepare(request("Delete", sink, PhysicalResourceId="quartermaster-schema"))
    assert (told["Status"], sink.answers, len(new_cluster.asked)) == ("SUCCESS", [told], before)
    assert as_superuser(new_cluster, "SELECT count(*) FROM schema_migration", roles.DATABASE) == [(len(NAMES),)]


def test_a_database_that_the_cluster_made_becomes_the_owners(new_cluster: Surroundings) -> None:
    master = credentials.of("master")
    with psycopg.connect(master, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {roles.DATABASE}".encode())
    assert deployment.prepare({})["made"] == [roles.OWNER, roles.APPLICATION]
    owner = f"SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = '{roles.DATABASE}'"
    assert as_superuser(new_cluster, owner) == [(roles.OWNER,)]
    assert as_superuser(new_cluster, "SELECT count(*) FROM schema_migration", roles.DATABASE) == [(len(NAMES),)]


def test_the_server_is_told_no_password(new_cluster: Surroundings) -> None:
    """It may log statements. What it gets verifies a password and does not contain it."""
    log, start = new_cluster.cluster.log_file, new_cluster.cluster.log_file.stat().st_size
    _log_statements(new_cluster, "all")
    new_cluster.put("application", {"username": roles.APPLICATION, "password": "in-plain-sight"})
    deployment.prepare({})
    _log_statements(new_cluster, "none")
    logged = log.read_bytes()[start:].decode()
    assert f'CREATE ROLE "{roles.APPLICATION}"' in logged
    assert "in-plain-sight" not in logged
    assert query(credentials.of("application"), "SELECT 1") == [(1,)]


def _log_statements(deployed: Surroundings, which: str) -> None:
    with psycopg.connect(deployed.cluster.superuser_url(), autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {MASTER} SET log_statement = '{which}'".encode())


# What fails.


def test_a_migration_that_fails_rolls_the_stack_back_and_leaves_nothing(
    new_cluster: Surroundings, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metrics: Callable[[], Any]
) -> None:
    deployment.prepare({})
    folder = _with_one_more(tmp_path, "CREATE TABLE a (x int); INSERT INTO a VALUES (1); SELECT 'sup3r'::int")
    monkeypatch.setattr(migrations.migrate, "__defaults__", (folder,))
    told = deployment.prepare(request("Update", sink, PhysicalResourceId="quartermaster-schema"))
    assert (told["Status"], told["Reason"]) == ("FAILED", "InvalidTextRepresentation: 22P02")
    assert (sink.answers, metrics()) == ([told], ["DeploymentStepFailed"])
    left = "SELECT to_regclass('a') IS NULL, (SELECT count(*) FROM schema_migration)"
    assert as_superuser(new_cluster, left, roles.DATABASE) == [(True, len(NAMES))]


def _with_one_more(folder: Path, sql: str) -> Path:
    for file in migrations.FOLDER.glob("*.sql"):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / f"{len(NAMES) + 1:04d}_one_more.sql").write_text(sql, encoding="utf-8")
    return folder


def test_one_that_takes_too_long_is_cancelled_in_time_to_say_so(
    new_cluster: Surroundings, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.prepare({})
    folder = _with_one_more(tmp_path, "CREATE TABLE a (x int); SELECT pg_sleep(60)")
    monkeypatch.setattr(migrations.migrate, "__defaults__", (folder,))
    told = deployment.prepare(request("Update", sink), Context(remaining_s=deployment.ANSWERING_S + 0.5))
    assert (told["Status"], told["Reason"]) == ("FAILED", "QueryCanceled: 57014")
    assert as_superuser(new_cluster, "SELECT to_regclass('a') IS NULL", roles.DATABASE) == [(True,)]


def test_without_time_nothing_is_begun(new_cluster: Surroundings, sink: Sink) -> None:
    told = deployment.prepare(request("Create", sink), Context(remaining_s=deployment.ANSWERING_S))
    assert told["Reason"] == "OutOfTime: the time for migrations is over"
    assert query(credentials.of("owner"), "SELECT to_regclass('organization') IS NULL") == [(True,)]


def test_a_secret_of_somebody_else_makes_nobody(new_cluster: Surroundings, sink: Sink) -> None:
    new_cluster.put("application", {"username": "postgres", "password": "mine now"})
    told = deployment.prepare(request("Create", sink))
    assert told["Reason"] == f"WrongLogin: the secret of {roles.APPLICATION} names another user"
    assert as_superuser(new_cluster, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'quartermaster%'") == []


def test_a_role_that_security_does_not_bind_is_refused(new_cluster: Surroundings, sink: Sink) -> None:
    with psycopg.connect(new_cluster.cluster.superuser_url(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {roles.APPLICATION} LOGIN BYPASSRLS".encode())
    told = deployment.prepare(request("Create", sink))
    assert told["Reason"].startswith(f"UnsafeRole: {roles.APPLICATION} is a superuser or bypasses")


def test_secrets_that_cannot_be_read_fail_the_step(new_cluster: Surroundings, sink: Sink) -> None:
    new_cluster.remove("owner")
    told = deployment.prepare(request("Create", sink))
    assert (told["Status"], told["Reason"]) == ("FAILED", "Unavailable: Temporarily unavailable; please try again")


def test_by_hand_a_failure_is_raised(new_cluster: Surroundings) -> None:
    new_cluster.put("owner", {"username": "somebody", "password": "x"})
    with pytest.raises(deployment.WrongLogin):
        deployment.prepare({}, Context())


# Answering.


def test_an_answer_is_repeated_until_it_is_taken(new_cluster: Surroundings, sink: Sink) -> None:
    sink.statuses = [503, 500]
    told = deployment.prepare(request("Delete", sink))
    assert (sink.requests, sink.answers) == (3, [told])


def test_an_answer_that_is_refused_is_raised_so_that_lambda_asks_again(new_cluster: Surroundings, sink: Sink) -> None:
    sink.statuses = [403]
    with pytest.raises(RuntimeError, match="refused with 403"):
        deployment.prepare(request("Create", sink))
    told = deployment.prepare(request("Create", sink))
    assert (told["Data"]["Applied"], sink.answers) == ("nothing", [told])


def test_an_answer_fits_into_what_cloudformation_takes(sink: Sink) -> None:
    def work() -> dict[str, str]:
        return {"Made": "ü" * 9000, "Applied": "a" * 9000}

    told = custom_resource.answer(request("Create", sink), work, physical_id="x")
    assert len(json.dumps(told, ensure_ascii=False).encode()) < 4096

    def fail() -> dict[str, str]:
        raise deployment.WrongLogin("\U0001f4a5" * 9000)

    told = custom_resource.answer(request("Create", sink), fail, physical_id="x")
    assert (told["Status"], len(json.dumps(told, ensure_ascii=False).encode()) < 4096) == ("FAILED", True)


# After a password was changed by hand: the step makes the database agree with the secrets.


def test_a_changed_secret_becomes_the_roles_password_at_once(new_cluster: Surroundings) -> None:
    deployment.prepare({})
    new_cluster.put("application", {"username": roles.APPLICATION, "password": "changed"})
    assert deployment.prepare({})["made"] == []
    vault.forget()
    assert query(credentials.of("application"), "SELECT 1") == [(1,)]
