"""One request, one transaction: kept whole or not at all, run again where the database asks, safe when it goes away."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from chalicelib.kernel import database
from chalicelib.kernel.endpoint import Call
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.uow import as_machine, unit_of_work
from infra.local.postgres import Cluster
from tests.kernel.apps import PREFIXES, KernelClient, error_body
from tests.kernel.handlers import Anything, ScriptDue, script
from tests.tenant import Tenant
from tests.threads import together

Notes = Callable[[], dict[str, int]]
PATIENCE_S = 20.0
ADD = "INSERT INTO kernel_note (name, number) VALUES (%(name)s, %(number)s)"
COUNT_UP = "UPDATE kernel_note SET number = number + 1 WHERE name = %(name)s"
OWN_PID = "SELECT pg_backend_pid() AS pid"


def run(
    kernel: KernelClient, function: Callable[[Call[Anything]], Any], prefix: str = "/api/kernel", **headers: str
) -> Any:
    return kernel.post(f"{prefix}/scripts/{script(function)}", {}, **headers)


def add(call: Call[Anything], name: str = "n", number: int = 0) -> None:
    call.uow.execute(ADD, {"name": name, "number": number})


def leave_traces(call: Call[Anything]) -> None:
    """A row, an outbox message and an audit entry."""
    add(call)
    call.uow.publish(ScriptDue(name="never").message())
    call.uow.audit("note.add", "note", "n", after={"number": 0})


TRACES = """
    SELECT (SELECT count(*) FROM kernel_note),
           (SELECT count(*) FROM outbox),
           (SELECT count(*) FROM audit_entry WHERE action = 'note.add'),
           (SELECT count(*) FROM audit_unsealed u JOIN audit_entry e ON e.id = u.audit_id WHERE e.action = 'note.add'),
           (SELECT count(*) FROM idempotency_key)
"""


def traces(tenant: Tenant) -> tuple[int, ...]:
    """Rows that `leave_traces` left: notes, messages, audit entries, those waiting for a seal, idempotency keys."""
    with tenant.uow() as uow, uow.connection.cursor(row_factory=tuple_row) as cursor:
        return tuple(cursor.execute(TRACES).fetchone() or ())


def end_backend(tenant: Tenant, pid: int) -> None:
    """The server ends a connection, as a restart or a proxy would."""
    assert tenant.as_owner("SELECT pg_terminate_backend(%(pid)s) AS ended", pid=pid) == [{"ended": True}]


# All or nothing.


def test_what_a_handler_did_is_kept_with_its_answer(kernel: KernelClient, tenant: Tenant) -> None:
    reply = run(kernel, leave_traces)
    assert (reply.status, traces(tenant)) == (204, (1, 1, 1, 1, 0))
    assert reply.statements == 5  # BEGIN, enter, the row, all of outbox and audit, COMMIT


def test_a_key_costs_three_statements(kernel: KernelClient, tenant: Tenant) -> None:
    reply = run(kernel, leave_traces, idempotency_key="k")
    assert (reply.status, reply.statements, traces(tenant)) == (204, 7, (1, 1, 1, 1, 1))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_refusal_leaves_nothing(kernel: KernelClient, tenant: Tenant, prefix: str) -> None:
    def refuse(call: Call[Anything]) -> None:
        leave_traces(call)
        raise Conflict("No room")

    reply = run(kernel, refuse, prefix)
    assert (reply.status, reply.json) == (409, error_body(prefix, "No room", "conflict"))
    assert traces(tenant) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_surprise_leaves_nothing_and_says_nothing(
    kernel: KernelClient, tenant: Tenant, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(call: Call[Anything]) -> None:
        leave_traces(call)
        raise RuntimeError("the secret is hunter2")

    reply = run(kernel, fail, prefix, idempotency_key="k")
    assert (reply.status, reply.json) == (500, error_body(prefix, "Internal server error", "internal_error"))
    assert b"hunter2" not in reply.body + repr(reply.headers).encode()
    assert reply.headers["X-Request-Id"]
    assert traces(tenant) == (0, 0, 0, 0, 0)
    assert '"Surprise": 1' in capsys.readouterr().out  # the metric that the alarm looks at


def test_an_error_of_the_database_is_a_surprise_and_the_connection_goes_on(kernel: KernelClient, notes: Notes) -> None:
    def twice(call: Call[Anything]) -> None:
        add(call)
        add(call)

    assert run(kernel, twice).status == 500
    assert run(kernel, add).status == 204
    assert notes() == {"n": 0}


def test_a_handler_may_turn_an_error_of_the_database_into_a_refusal_that_is_kept(
    kernel: KernelClient, notes: Notes
) -> None:
    def refuse(call: Call[Anything]) -> None:
        add(call)
        try:
            add(call)
        except psycopg.errors.UniqueViolation:
            raise Conflict("Taken") from None

    path = f"/api/kernel/scripts/{script(refuse)}"
    first, again = (kernel.post(path, {}, idempotency_key="k") for _ in range(2))
    assert (first.status, again.status, again.headers["Idempotent-Replay"]) == (409, 409, "true")
    assert notes() == {}


# Run again.


def in_two_threads(kernel: KernelClient, function: Callable[[Call[Anything]], Any], **headers: str) -> list[int]:
    """Two requests at once; each says its number in the body."""
    path = f"/api/kernel/scripts/{script(function)}"
    return [r.status for r in together(2, lambda n: kernel.post(path, {"said": n}, **headers))]


def test_a_deadlock_is_run_again_until_both_are_served(kernel: KernelClient, tenant: Tenant, notes: Notes) -> None:
    with tenant.uow() as uow:
        for name in ("left", "right"):
            uow.execute(ADD, {"name": name, "number": 0})
    both_hold_one = threading.Barrier(2)
    runs: list[int] = []

    def cross(call: Call[Anything]) -> None:
        runs.append(call.body.said)
        first, second = ("left", "right") if call.body.said == 0 else ("right", "left")
        call.uow.execute(COUNT_UP, {"name": first})
        if len(runs) <= 2:
            both_hold_one.wait(PATIENCE_S)
        call.uow.execute(COUNT_UP, {"name": second})

    assert in_two_threads(kernel, cross) == [204, 204]
    assert len(runs) == 3
    assert notes() == {"left": 2, "right": 2}


def test_a_serialization_failure_is_run_again(kernel: KernelClient, tenant: Tenant, notes: Notes) -> None:
    with tenant.uow() as uow:
        uow.execute(ADD, {"name": "n", "number": 0})
    both_read = threading.Barrier(2)
    runs: list[int] = []

    def read_then_write(call: Call[Anything]) -> None:
        runs.append(call.body.said)
        number = call.uow.value("SELECT number FROM kernel_note WHERE name = 'n'")
        if len(runs) <= 2:
            both_read.wait(PATIENCE_S)
        call.uow.execute("UPDATE kernel_note SET number = %(n)s WHERE name = 'n'", {"n": number + 1})

    path = f"/api/kernel/scripts/{script(read_then_write)}"

    def work(n: int) -> int:
        database.connection().execute("SET default_transaction_isolation = 'serializable'")
        return kernel.post(path, {"said": n}).status

    assert together(2, work) == [204, 204]
    assert (len(runs), notes()) == (3, {"n": 2})


def test_who_loses_every_time_is_told_to_come_back(kernel: KernelClient, tenant: Tenant, notes: Notes) -> None:
    with tenant.uow() as uow:
        uow.execute(ADD, {"name": "n", "number": 0})
    runs: list[int] = []

    def lose(call: Call[Anything]) -> None:
        runs.append(1)
        call.uow.value("SELECT number FROM kernel_note WHERE name = 'n'")
        together(1, lambda _: _count_up_elsewhere(tenant))
        call.uow.execute(COUNT_UP, {"name": "n"})

    database.discard()
    database.connection().execute("SET default_transaction_isolation = 'repeatable read'")
    reply = run(kernel, lose, idempotency_key="k")
    database.discard()
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert (len(runs), notes()) == (5, {"n": 5})
    assert traces(tenant)[-1] == 0  # a 5xx is not kept


def test_who_is_overtaken_looks_again(kernel: KernelClient, tenant: Tenant, notes: Notes) -> None:
    """A name was free when the block looked and taken when it wrote: the second run sees whose it is."""
    runs: list[int] = []

    def take(call: Call[Anything]) -> None:
        runs.append(1)
        if call.uow.value("SELECT number FROM kernel_note WHERE name = 'n'") is not None:
            raise Conflict("Taken")
        together(1, lambda _: _add_elsewhere(tenant))
        add(call)

    reply = run(kernel, take, idempotency_key="k")
    assert (reply.status, reply.json, len(runs)) == (409, {"error": "Taken"}, 2)
    assert notes() == {"n": 7}


def test_a_violation_that_repeats_is_a_mistake(kernel: KernelClient, notes: Notes) -> None:
    runs: list[int] = []

    def take_twice(call: Call[Anything]) -> None:
        runs.append(1)
        add(call)
        add(call)

    reply = run(kernel, take_twice)
    assert (reply.status, len(runs), notes()) == (500, 2, {})


def _add_elsewhere(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        uow.execute(ADD, {"name": "n", "number": 7})


def _count_up_elsewhere(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        uow.execute(COUNT_UP, {"name": "n"})


# The connection goes away.


def test_a_connection_lost_between_requests_is_not_noticed(kernel: KernelClient, tenant: Tenant, notes: Notes) -> None:
    assert run(kernel, add).status == 204
    pid = database.connection().execute(OWN_PID).fetchone()
    assert pid is not None
    end_backend(tenant, pid["pid"])
    assert run(kernel, lambda call: add(call, "second")).status == 204
    assert notes() == {"n": 0, "second": 0}


def test_after_a_reconnection_a_refusal_rolls_back_on_the_new_connection(
    kernel: KernelClient, tenant: Tenant, notes: Notes
) -> None:
    def refuse(call: Call[Anything]) -> None:
        add(call)
        raise Conflict

    old = database.connection()
    row = old.execute(OWN_PID).fetchone()
    assert row is not None
    end_backend(tenant, row["pid"])
    assert run(kernel, refuse).status == 409
    new = database.connection()
    assert new is not old
    assert run(kernel, add).status == 204
    assert (database.connection(), notes()) == (new, {"n": 0})


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_connection_lost_within_a_request_leaves_nothing_half_done(
    kernel: KernelClient, tenant: Tenant, notes: Notes, prefix: str
) -> None:
    def lose(call: Call[Anything]) -> None:
        leave_traces(call)
        end_backend(tenant, call.uow.value(OWN_PID))
        add(call, "after")

    reply = run(kernel, lose, prefix, idempotency_key="k")
    sentence = "Temporarily unavailable; please try again"
    assert (reply.status, reply.json) == (503, error_body(prefix, sentence, "unavailable"))
    assert (reply.headers["Retry-After"], traces(tenant)) == ("2", (0, 0, 0, 0, 0))
    assert run(kernel, add).status == 204
    assert notes() == {"n": 0}


def test_a_connection_lost_before_the_commit_is_told(kernel: KernelClient, tenant: Tenant) -> None:
    def lose_at_the_end(call: Call[Anything]) -> None:
        leave_traces(call)
        end_backend(tenant, call.uow.value(OWN_PID))

    assert run(kernel, lose_at_the_end).status == 503
    assert traces(tenant) == (0, 0, 0, 0, 0)


def test_a_database_that_cannot_be_reached_is_told(
    kernel: KernelClient, tenant: Tenant, configured: Callable[..., Any]
) -> None:
    path = f"/api/kernel/scripts/{script(add)}"
    database.discard()
    with configured(QM_DATABASE_URL="postgresql://nobody:x@127.0.0.1:1/nothing"):
        reply = kernel.post(path, {})
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert kernel.post(path, {}).status == 204


def test_a_request_that_cannot_be_entered_leaves_no_transaction_open(kernel: KernelClient, notes: Notes) -> None:
    """A host name with a NUL cannot even be sent to PostgreSQL."""
    path = f"/api/kernel/scripts/{script(add)}"
    reply = KernelClient("shop\0.test").post(path, {})
    assert reply.status == 404
    status = database.connection().info.transaction_status
    assert status == psycopg.pq.TransactionStatus.IDLE
    assert kernel.post(path, {}).status == 204
    assert notes() == {"n": 0}


def test_a_request_waits_for_a_lock_only_so_long(kernel: KernelClient, tenant: Tenant) -> None:
    with tenant.uow() as uow:
        uow.execute(ADD, {"name": "n", "number": 0})

    def wait(call: Call[Anything]) -> None:
        call.uow.execute("SET LOCAL lock_timeout = '50ms'")
        call.uow.execute(COUNT_UP, {"name": "n"})

    with tenant.uow() as holder:
        holder.execute(COUNT_UP, {"name": "n"})
        statuses = together(1, lambda _: run(kernel, wait).status)
    assert statuses == [503]


def test_every_transaction_has_limits(tenant: Tenant) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with tenant.uow() as uow:
        found = {name: uow.value("SELECT current_setting(%(name)s) AS value", {"name": name}) for name in names}
    assert found == {"statement_timeout": "20s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "30s"}
    row = database.connection().execute("SELECT current_setting('app.organization_id', true) AS it").fetchone()
    assert row is not None
    assert not row["it"]  # nothing of a request stays on its connection


# Other organizations.


def test_rows_of_others_do_not_exist(tenant: Tenant, other_tenant: Tenant, note_table: None) -> None:
    for owner in (tenant, other_tenant):
        with owner.uow() as uow:
            uow.execute(ADD, {"name": "n", "number": owner.id})
    with tenant.uow() as uow:
        assert uow.rows("SELECT number FROM kernel_note") == [{"number": tenant.id}]
        assert uow.rows("SELECT id FROM organization") == [{"id": tenant.id}]
        assert uow.execute("UPDATE kernel_note SET times = 9") == 1
        assert uow.execute("DELETE FROM kernel_note WHERE organization_id = %(id)s", {"id": other_tenant.id}) == 0
    assert other_tenant.value("SELECT times FROM kernel_note") == 1


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO kernel_note (organization_id, name) VALUES (%(other)s, 'smuggled')",
        "UPDATE kernel_note SET organization_id = %(other)s WHERE name = 'mine'",
    ],
)
def test_rows_cannot_be_given_to_others(tenant: Tenant, other_tenant: Tenant, note_table: None, sql: str) -> None:
    with tenant.uow() as uow:
        uow.execute(ADD, {"name": "mine", "number": 1})
    with pytest.raises(psycopg.errors.InsufficientPrivilege), tenant.uow() as uow:
        uow.execute(sql, {"other": other_tenant.id})
    assert other_tenant.rows("SELECT name FROM kernel_note") == []


def test_a_request_of_another_host_sees_nothing(kernel: KernelClient, other_tenant: Tenant, notes: Notes) -> None:
    path = f"/api/kernel/scripts/{script(lambda call: call.uow.rows('SELECT name FROM kernel_note'))}"
    assert run(kernel, add).status == 204
    assert kernel.post(path, {}).json == {"said": [{"name": "n"}]}
    assert KernelClient(other_tenant.host).post(path, {}).json == {"said": []}
    assert notes() == {"n": 0}


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE kernel_note DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE kernel_note NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON kernel_note",
        "CREATE POLICY more ON kernel_note USING (true)",
        "SET ROLE quartermaster_owner",
        "SET SESSION AUTHORIZATION quartermaster_owner",
        "SET session_replication_role = 'replica'",
        "SET row_security = off; SELECT * FROM kernel_note",
        "ALTER ROLE quartermaster_app BYPASSRLS",
        "CREATE TABLE elsewhere AS SELECT 1",
        "CREATE FUNCTION peek() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "TRUNCATE kernel_note",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY kernel_note TO PROGRAM 'cat'",
        "SELECT * FROM schema_migration",
    ],
)
def test_the_application_cannot_bypass_row_level_security(database: Cluster, note_table: None, sql: str) -> None:
    with psycopg.connect(database.app_url(), autocommit=True) as connection:
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)):
            connection.execute(sql.encode())
        connection.execute("RESET ALL")


def test_without_an_organization_there_are_no_rows(database: Cluster, tenant: Tenant, note_table: None) -> None:
    with tenant.uow() as uow:
        uow.execute(ADD, {"name": "n", "number": 0})
    with psycopg.connect(database.app_url(), autocommit=True) as connection:
        assert connection.execute("SELECT * FROM kernel_note").fetchall() == []
        assert connection.execute("SELECT * FROM organization").fetchall() == []
        with pytest.raises(psycopg.errors.Error):
            connection.execute("INSERT INTO kernel_note (name) VALUES ('n')")


def test_the_application_role_has_no_powers(tenant: Tenant) -> None:
    rows = tenant.as_owner(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,"
        " EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) AS is_member"
        " FROM pg_roles r WHERE rolname = 'quartermaster_app'"
    )
    assert rows == [dict.fromkeys(rows[0], False)]


def test_a_unit_of_work_may_not_be_used_after_it_ended(tenant: Tenant) -> None:
    """Nothing is written outside a transaction by mistake: without an organization no tenant row can be."""
    with unit_of_work(as_machine(tenant.id, "test")) as uow:
        pass
    with pytest.raises(psycopg.Error):
        uow.execute(ADD, {"name": "late", "number": 1})
    with suppress(psycopg.Error):
        database.discard()
