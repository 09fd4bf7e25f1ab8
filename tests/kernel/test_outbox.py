"""The outbox and its consumers: the work is done once, whatever is delivered how often, and nothing is lost."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import dead_letters, jobs
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.jobs import Job
from chalicelib.kernel.uow import UnitOfWork
from tests.kernel.handlers import CONSUMERS, ScriptDue, script
from tests.kernel.outbox_work import BUMP, Notes, OpenRows, Work, bump, drain, envelope, publish, row_of, run
from tests.tenant import Clock, Tenant
from tests.threads import together

PATIENCE_S = 20.0

pytestmark = pytest.mark.usefixtures("note_table")


# Done once.


def test_the_consumer_closes_the_row_with_its_work(tenant: Tenant, notes: Notes, open_rows: OpenRows) -> None:
    outbox_id = publish(tenant, bump)
    assert [r["id"] for r in open_rows()] == [outbox_id]
    run(tenant, outbox_id)
    row = row_of(tenant, outbox_id)
    assert (notes(), open_rows(), row["attempts"], row["leased_until"]) == ({"n": 1}, [], 1, None)
    assert row["closed_at"] >= row["created_at"]


def test_repeated_deliveries_do_nothing(tenant: Tenant, notes: Notes) -> None:
    outbox_id = publish(tenant, bump)
    for _ in range(3):
        run(tenant, outbox_id)
    assert (notes(), row_of(tenant, outbox_id)["attempts"]) == ({"n": 1}, 1)


@pytest.mark.parametrize("is_outside", [False, True])
def test_many_workers_at_once_do_the_work_once(tenant: Tenant, notes: Notes, is_outside: bool) -> None:
    asked: list[int] = []

    def work(job: Job[ScriptDue]) -> Outside[Any, None] | None:
        if is_outside:
            return Outside(lambda: asked.append(1), lambda uow, _: _bump(uow))
        bump(job)
        return None

    outbox_id = publish(tenant, work)
    together(8, lambda _: run(tenant, outbox_id))
    assert (notes(), row_of(tenant, outbox_id)["attempts"]) == ({"n": 1}, 1)
    assert asked == ([1] if is_outside else [])


def _bump(uow: UnitOfWork) -> None:
    uow.execute(BUMP)


def test_what_a_consumer_publishes_leaves_with_its_work(tenant: Tenant, notes: Notes, open_rows: OpenRows) -> None:
    following = script(bump)
    outbox_id = publish(tenant, lambda job: job.uow.publish(ScriptDue(name=following).message()))
    run(tenant, outbox_id)
    (row,) = open_rows()
    run(tenant, row["id"])
    assert (notes(), open_rows()) == ({"n": 1}, [])


def test_a_consumer_works_for_its_organization_only(tenant: Tenant, other_tenant: Tenant, notes: Notes) -> None:
    outbox_id = publish(tenant, bump)
    with pytest.raises(jobs.NoSuchWork):  # somebody mixed up a message
        jobs.run(other_tenant.id, outbox_id, ScriptDue.topic, CONSUMERS)
    assert (notes(), other_tenant.rows("SELECT name FROM kernel_note")) == ({}, [])
    run(tenant, outbox_id)
    assert notes() == {"n": 1}


def test_the_job_says_when_it_was_published_and_in_whose_name(tenant: Tenant, clock: Clock) -> None:
    seen: list[Any] = []
    outbox_id = publish(
        tenant, lambda job: seen.append((job.attempt, job.published_at, job.uow.actor.label, job.uow.now))
    )
    published_at = row_of(tenant, outbox_id)["created_at"]
    clock.advance(seconds=30)
    run(tenant, outbox_id)
    ((attempt, seen_at, actor, now),) = seen
    assert (attempt, seen_at, actor) == (1, published_at, "machine:0")
    assert now - published_at >= timedelta(seconds=30)


def test_a_deadlock_between_consumers_is_run_again(tenant: Tenant, notes: Notes) -> None:
    conflicts = [psycopg.errors.DeadlockDetected()]

    def lose_once(job: Job[ScriptDue]) -> None:
        bump(job)
        if conflicts:
            raise conflicts.pop()

    outbox_id = publish(tenant, lose_once)
    run(tenant, outbox_id)
    assert (notes(), row_of(tenant, outbox_id)["attempts"]) == ({"n": 1}, 1)


# Failing.


def failing(error: Exception) -> Work:
    def fail(job: Job[ScriptDue]) -> None:
        bump(job)
        job.uow.publish(ScriptDue(name="never").message())
        job.uow.audit("note.add", "note", "n")
        raise error

    return fail


def failing_outside(error: Exception) -> Work:
    def fail() -> None:
        raise error

    return lambda _: Outside(fail, lambda _uow, _result: None)


def failing_after(error: Exception) -> Work:
    def then(uow: UnitOfWork, _result: object) -> None:
        uow.execute(BUMP)
        raise error

    return lambda _: Outside(lambda: None, then)


@pytest.mark.parametrize("kind", [failing, failing_outside, failing_after])
@pytest.mark.parametrize(
    ("error", "written"),
    [(Conflict("No room"), "Conflict: No room"), (RuntimeError("Ana Reyes, +1 212 555 0100"), "RuntimeError")],
)
def test_a_failure_undoes_the_work_and_is_written_down(
    tenant: Tenant, notes: Notes, open_rows: OpenRows, kind: Callable[[Exception], Work], error: Exception, written: str
) -> None:
    outbox_id = publish(tenant, kind(error))
    before = business_clock.now()
    run(tenant, outbox_id)
    (row,) = open_rows()
    assert (row["attempts"], row["last_error"], row["dead_at"], row["leased_until"]) == (1, written, None, None)
    assert timedelta(seconds=1) <= row["send_at"] - before <= timedelta(seconds=4)
    assert (notes(), tenant.value("SELECT count(*) FROM audit_entry WHERE action = 'note.add'")) == ({}, 0)


def test_back_off_grows_and_the_fifth_failure_is_death(
    tenant: Tenant, clock: Clock, open_rows: OpenRows, capsys: pytest.CaptureFixture[str]
) -> None:
    outbox_id = publish(tenant, failing(Conflict("No room")))
    for attempt in range(1, 6):
        now = business_clock.now()
        run(tenant, outbox_id)
        (row,) = open_rows()
        assert row["attempts"] == attempt
        if attempt < 5:
            waited = (row["send_at"] - now).total_seconds()
            assert 0.5 * 2**attempt <= waited <= 1.5 * 2**attempt + 1
            assert row["dead_at"] is None
            clock.advance(seconds=waited + 0.1)
    assert row["dead_at"] is not None
    assert '"DeadLetter": 1' in capsys.readouterr().out
    run(tenant, outbox_id)
    assert row_of(tenant, outbox_id)["attempts"] == 5


def kill(tenant: Tenant, clock: Clock, work: Work) -> int:
    """A dead letter."""
    outbox_id = publish(tenant, work)
    for _ in range(jobs.ATTEMPTS_MAX):
        run(tenant, outbox_id)
        clock.advance(seconds=60)
    return outbox_id


def test_dead_letters_are_listed_and_replayed(tenant: Tenant, clock: Clock, notes: Notes, open_rows: OpenRows) -> None:
    is_mended: list[bool] = []

    def fail_until_mended(job: Job[ScriptDue]) -> None:
        bump(job)
        if not is_mended:
            raise Conflict("No room")

    outbox_id = kill(tenant, clock, fail_until_mended)
    listed = {row.id: row for row in dead_letters.list_dead()}[outbox_id]
    assert (listed.organization_id, listed.topic, listed.queue) == (tenant.id, ScriptDue.topic, "work")
    assert (listed.attempts, listed.postponed, listed.last_error) == (5, 0, "Conflict: No room")
    row = row_of(tenant, outbox_id)
    assert (listed.created_at, listed.dead_at, listed.age_s >= 300) == (row["created_at"], row["dead_at"], True)
    is_mended.append(True)
    assert dead_letters.replay_dead([outbox_id]) == 1
    assert dead_letters.replay_dead([outbox_id]) == 0
    assert outbox_id not in {row.id for row in dead_letters.list_dead()}
    run(tenant, outbox_id)
    assert (notes(), open_rows()) == ({"n": 1}, [])


def test_a_dead_letter_is_announced_in_the_dead_letter_queue(tenant: Tenant, clock: Clock) -> None:
    drain("work-dead")
    outbox_id = kill(tenant, clock, failing(Conflict("No room")))
    assert drain("work-dead") == [{"organization_id": tenant.id, "outbox_id": outbox_id, "topic": ScriptDue.topic}]


def test_a_worker_that_cannot_reach_the_database_leaves_the_message_to_the_queue(tenant: Tenant, notes: Notes) -> None:
    lost = [True]

    def lose(job: Job[ScriptDue]) -> None:
        bump(job)
        if lost:
            lost.pop()
            tenant.as_owner("SELECT pg_terminate_backend(%(pid)s)", pid=job.uow.value("SELECT pg_backend_pid() AS pid"))
            job.uow.execute(BUMP)

    outbox_id = publish(tenant, lose)
    event = {"Records": [envelope(tenant, outbox_id)]}
    assert jobs.handle_batch(event, CONSUMERS) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert notes() == {}
    assert jobs.handle_batch(event, CONSUMERS) == {"batchItemFailures": []}
    assert notes() == {"n": 1}


# Crashing.


def test_while_a_worker_holds_the_lease_others_pass_by(tenant: Tenant, notes: Notes, clock: Clock) -> None:
    attempts: list[int] = []

    def work(job: Job[ScriptDue]) -> Outside[Any, None]:
        attempts.append(job.attempt)
        return Outside(crash_first, lambda uow, _: _bump(uow))

    def crash_first() -> None:
        if len(attempts) == 1:
            raise SystemExit

    outbox_id = publish(tenant, work)
    with pytest.raises(SystemExit):
        run(tenant, outbox_id)
    clock.advance(seconds=jobs.LEASE.total_seconds() - 5)
    run(tenant, outbox_id)
    assert (attempts, notes()) == ([1], {})
    clock.advance(seconds=(jobs.LEASE_MAX - jobs.LEASE).total_seconds() + 10)
    run(tenant, outbox_id)
    assert (attempts, notes()) == ([1, 2], {"n": 1})


KILLED_WORKER = """
import os, signal, sys
from chalicelib.kernel import dead_letters, jobs
from chalicelib.kernel.endpoint import Outside
from tests.kernel.handlers import CONSUMERS, SCRIPTS, ScriptDue

def call_and_die():
    print("provider called", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

SCRIPTS[sys.argv[3]] = lambda job: Outside(call_and_die, lambda uow, result: None)
jobs.run(int(sys.argv[1]), int(sys.argv[2]), ScriptDue.topic, CONSUMERS)
"""


def test_a_worker_killed_between_the_call_and_the_record_is_followed_by_one_that_reconciles(
    tenant: Tenant, notes: Notes, clock: Clock, open_rows: OpenRows
) -> None:
    attempts: list[int] = []

    def reconcile(job: Job[ScriptDue]) -> None:
        attempts.append(job.attempt)
        bump(job)

    outbox_id = publish(tenant, reconcile)
    name = row_of(tenant, outbox_id)["payload"]["name"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WORKER, str(tenant.id), str(outbox_id), name],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (killed.stdout, killed.returncode) == ("provider called\n", -signal.SIGKILL), killed.stderr
    (row,) = open_rows()
    assert (row["attempts"], row["leased_until"] > business_clock.now()) == (1, True)
    run(tenant, outbox_id)
    assert attempts == []
    clock.advance(seconds=jobs.LEASE_MAX.total_seconds() + 1)
    run(tenant, outbox_id)
    assert (attempts, notes(), open_rows()) == ([2], {"n": 1}, [])


def test_a_worker_that_comes_back_after_its_lease_does_not_do_the_work_again(
    tenant: Tenant, notes: Notes, clock: Clock
) -> None:
    slow_may_end, slow_is_asking = threading.Event(), threading.Event()

    def work(job: Job[ScriptDue]) -> Outside[Any, None]:
        attempt = job.attempt

        def ask() -> None:
            if attempt == 1:
                slow_is_asking.set()
                assert slow_may_end.wait(PATIENCE_S)

        return Outside(ask, lambda uow, _: _bump(uow))

    outbox_id = publish(tenant, work)

    def worker(n: int) -> None:
        if n == 0:
            run(tenant, outbox_id)
            return
        assert slow_is_asking.wait(PATIENCE_S)
        clock.advance(seconds=jobs.LEASE_MAX.total_seconds() + 1)
        run(tenant, outbox_id)
        slow_may_end.set()

    together(2, worker)
    assert (notes(), row_of(tenant, outbox_id)["attempts"]) == ({"n": 1}, 2)


def test_work_that_kills_every_worker_dies_in_the_end(tenant: Tenant, clock: Clock) -> None:
    def crash() -> None:
        raise SystemExit

    outbox_id = publish(tenant, lambda _: Outside(crash, lambda _uow, _result: None))
    for _ in range(jobs.ATTEMPTS_MAX):
        with pytest.raises(SystemExit):
            run(tenant, outbox_id)
        clock.advance(seconds=jobs.LEASE_MAX.total_seconds() + 1)
    run(tenant, outbox_id)  # the sixth does not even try
    row = row_of(tenant, outbox_id)
    assert (row["dead_at"] is not None, row["last_error"]) == (True, "WorkersLost: The work was taken up too often")
