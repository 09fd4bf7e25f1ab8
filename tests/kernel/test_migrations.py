"""Migrations: in order, once, all or nothing, by one at a time, and never in the way of the application for long."""

import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from chalicelib.kernel import store
from chalicelib.kernel.migrations import MigrationMismatch, load, migrate
from infra.local.postgres import Cluster
from tests.threads import together

PATIENCE_S = 20.0
_numbers = count(1)


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    name = f"migrated_{next(_numbers)}"
    with psycopg.connect(cluster.owner_url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield cluster.owner_url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """``folder("CREATE ...", "ALTER ...")``: numbered files with these statements."""

    def write(*statements: str) -> Path:
        for number, sql in enumerate(statements, start=1):
            (tmp_path / f"{number:04d}_step_{number}.sql").write_text(sql, encoding="utf-8")
        return tmp_path

    return write


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode()).fetchall()


APPLIED = "SELECT version, name FROM schema_migration ORDER BY version"


def test_what_is_missing_is_applied_in_order_and_once(empty: str, folder: Callable[..., Path]) -> None:
    first = folder("CREATE TABLE a (x int)", "INSERT INTO a VALUES (1); INSERT INTO a VALUES (2)")
    assert (migrate(empty, first), migrate(empty, first)) == (["0001_step_1", "0002_step_2"], [])
    more = folder(
        "CREATE TABLE a (x int)", "INSERT INTO a VALUES (1); INSERT INTO a VALUES (2)", "UPDATE a SET x = x * 10"
    )
    assert migrate(empty, more) == ["0003_step_3"]
    assert rows(empty, "SELECT x FROM a ORDER BY x") == [(10,), (20,)]
    assert rows(empty, APPLIED) == [(1, "step_1"), (2, "step_2"), (3, "step_3")]


def test_a_step_that_fails_leaves_nothing_of_itself_and_all_before_it(empty: str, folder: Callable[..., Path]) -> None:
    broken = folder("CREATE TABLE a (x int)", "INSERT INTO a VALUES (1); SELECT 1 / 0", "CREATE TABLE b (x int)")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty, broken)
    assert (rows(empty, "SELECT * FROM a"), rows(empty, APPLIED)) == ([], [(1, "step_1")])
    mended = folder("CREATE TABLE a (x int)", "INSERT INTO a VALUES (1)", "CREATE TABLE b (x int)")
    assert migrate(empty, mended) == ["0002_step_2", "0003_step_3"]


def test_an_index_on_a_busy_table_is_made_outside_a_transaction(empty: str, folder: Callable[..., Path]) -> None:
    """PostgreSQL makes it CONCURRENTLY in no transaction; one that failed leaves an invalid index, and is made again."""
    index = "-- outside a transaction\nDROP INDEX CONCURRENTLY IF EXISTS one;\nCREATE UNIQUE INDEX CONCURRENTLY one ON a (x);\n"
    doubled = "CREATE TABLE a (x int); INSERT INTO a VALUES (1), (1)"
    state = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('one')"
    with pytest.raises(psycopg.errors.UniqueViolation):
        migrate(empty, folder(doubled, index))
    assert (rows(empty, APPLIED), rows(empty, state)) == ([(1, "step_1")], [(False,)])
    with psycopg.connect(empty) as connection:
        connection.execute("DELETE FROM a")
    assert migrate(empty, folder(doubled, index)) == ["0002_step_2"]
    assert rows(empty, state) == [(True,)]


def test_an_applied_file_that_was_edited_is_noticed_before_anything_is_done(
    empty: str, folder: Callable[..., Path]
) -> None:
    migrate(empty, folder("CREATE TABLE a (x int)"))
    with pytest.raises(MigrationMismatch, match="0001_step_1 was edited after it was applied"):
        migrate(empty, folder("CREATE TABLE a (x bigint)", "CREATE TABLE b (x int)"))
    assert rows(empty, APPLIED) == [(1, "step_1")]


def test_a_database_that_is_ahead_is_left_alone(empty: str, folder: Callable[..., Path], tmp_path: Path) -> None:
    """Old code keeps serving while a new version rolls out."""
    migrate(empty, folder("CREATE TABLE a (x int)", "CREATE TABLE b (x int)"))
    (tmp_path / "0002_step_2.sql").unlink()
    assert migrate(empty, tmp_path) == []
    assert rows(empty, APPLIED) == [(1, "step_1"), (2, "step_2")]


@pytest.mark.parametrize(
    ("_case", "names"),
    [
        ("a gap", ["0001_a.sql", "0003_c.sql"]),
        ("not from one", ["0002_b.sql"]),
        ("a number twice", ["0001_a.sql", "0001_b.sql"]),
        ("no number", ["0001_a.sql", "later.sql"]),
        ("too few digits", ["0001_a.sql", "002_b.sql"]),
    ],
)
def test_files_that_are_not_numbered_without_gaps_are_refused(tmp_path: Path, _case: str, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(MigrationMismatch, match="not numbered without gaps"):
        load(tmp_path)


def test_several_at_once_apply_everything_once(empty: str, folder: Callable[..., Path]) -> None:
    steps = folder("CREATE TABLE a (x int)", "INSERT INTO a VALUES (1)", "CREATE TABLE b (x int)")
    applied = together(4, lambda _: migrate(empty, steps))
    assert sorted(applied) == [[], [], [], ["0001_step_1", "0002_step_2", "0003_step_3"]]
    assert rows(empty, "SELECT x FROM a") == [(1,)]


def test_a_step_that_would_wait_for_a_lock_gives_up_and_tries_again(
    empty: str, folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it waits, everybody else who wants the table waits behind it: so it waits little, and comes back."""
    monkeypatch.setattr(store, "SET_LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    tries: list[float] = []
    let_go = threading.Event()

    def pause(seconds: float) -> None:
        tries.append(seconds)
        if len(tries) == 2:
            let_go.set()
            released.wait(PATIENCE_S)

    monkeypatch.setattr("chalicelib.kernel.migrations.time.sleep", pause)
    migrate(empty, folder("CREATE TABLE a (x int)"))
    released = threading.Event()

    def holder() -> None:
        with psycopg.connect(empty) as connection:
            connection.execute("LOCK TABLE a IN ACCESS SHARE MODE")
            locked.set()
            assert let_go.wait(PATIENCE_S)
        released.set()

    locked = threading.Event()
    thread = threading.Thread(target=holder)
    thread.start()
    assert locked.wait(PATIENCE_S)
    assert migrate(empty, folder("CREATE TABLE a (x int)", "ALTER TABLE a ADD y int")) == ["0002_step_2"]
    thread.join(PATIENCE_S)
    assert tries == [1, 2]


def test_a_lock_that_is_never_released_ends_the_migration(
    empty: str, folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SET_LOCK_TIMEOUT", "SET LOCAL lock_timeout = '20ms'")
    monkeypatch.setattr("chalicelib.kernel.migrations.time.sleep", lambda _: None)
    migrate(empty, folder("CREATE TABLE a (x int)"))
    with psycopg.connect(empty) as connection:
        connection.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrate(empty, folder("CREATE TABLE a (x int)", "ALTER TABLE a ADD y int"))
    assert rows(empty, APPLIED) == [(1, "step_1")]


def test_a_body_of_a_function_is_part_of_its_statement(empty: str, folder: Callable[..., Path]) -> None:
    text = """-- outside a transaction
CREATE TABLE a (x int);
DO $$
BEGIN
    INSERT INTO a VALUES (1);
    INSERT INTO a VALUES (2);
END $$;
-- and one more
INSERT INTO a VALUES (3);
"""
    assert migrate(empty, folder(text)) == ["0001_step_1"]
    assert rows(empty, "SELECT x FROM a ORDER BY x") == [(1,), (2,), (3,)]


def test_ours_can_be_applied_to_an_empty_database_and_again(empty: str) -> None:
    names = [f"{m.version:04d}_{m.name}" for m in load()]
    assert (migrate(empty), migrate(empty)) == (names, [])


def test_the_body_of_a_function_is_not_parted(empty: str, folder: Callable[..., Path]) -> None:
    """Outside of a transaction statements run one by one; those of a function are the function's."""
    body = "BEGIN\n    PERFORM 1;\n    RETURN 7;\nEND"
    function = f"CREATE OR REPLACE FUNCTION seven() RETURNS int LANGUAGE plpgsql AS $$\n{body} $$;\n"
    index = "DROP INDEX CONCURRENTLY IF EXISTS one;\nCREATE INDEX CONCURRENTLY one ON a (x);\n"
    other = "CREATE OR REPLACE FUNCTION eight() RETURNS int LANGUAGE sql AS $$ SELECT 8 $$;\n"
    written = folder("CREATE TABLE a (x int)", f"-- outside a transaction\n{function}{index}{other}")
    assert len(load(written)[1].statements_outside) == 4
    migrate(empty, written)
    assert rows(empty, "SELECT seven(), eight(), to_regclass('one') IS NOT NULL") == [(7, 8, True)]
