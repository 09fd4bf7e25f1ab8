"""A clock that was hours ahead and is set back: what was begun by it is not held up for hours."""

import threading
from datetime import timedelta

import pytest

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import jobs
from chalicelib.kernel.endpoint import Call, Outside
from chalicelib.kernel.jobs import Job
from chalicelib.robots.fleet.rules import RobotOrder, are_due_again
from tests.kernel.apps import KernelClient
from tests.kernel.handlers import Anything, ScriptDue
from tests.kernel.outbox_work import Notes, OpenRows, bump, drain, publish, row_of, run
from tests.kernel.test_idempotency import bump as bump_by_request
from tests.kernel.test_idempotency import send
from tests.tenant import Clock, Tenant
from tests.threads import together

HOURS_S = 3 * 3600
PATIENCE_S = 20.0

pytestmark = pytest.mark.usefixtures("note_table")


class Killed(BaseException):
    """What a worker that dies leaves undone."""


def die(*_: object) -> None:
    raise Killed


def sent_ids() -> list[int]:
    jobs.relay()
    return [message["outbox_id"] for message in drain("work")]


def test_what_was_sent_ahead_of_time_is_sent_again_at_once(tenant: Tenant, clock: Clock) -> None:
    outbox_id = publish(tenant, bump)
    clock.advance(seconds=HOURS_S)
    assert outbox_id in sent_ids()
    clock.advance(seconds=-HOURS_S)
    assert outbox_id in sent_ids()
    assert outbox_id not in sent_ids()


def test_what_was_published_ahead_of_time_is_sent_at_once(tenant: Tenant, clock: Clock) -> None:
    clock.advance(seconds=HOURS_S)
    outbox_id = publish(tenant, bump)
    late_id = publish(tenant, bump, send_at=business_clock.now() + timedelta(minutes=5))
    clock.advance(seconds=-HOURS_S)
    sent = sent_ids()
    assert (outbox_id in sent, late_id in sent) == (True, False)
    clock.advance(seconds=300)
    assert late_id in sent_ids()


def test_a_lease_of_a_worker_that_died_ahead_of_time_ends(tenant: Tenant, notes: Notes, clock: Clock) -> None:
    tries: list[int] = []

    def die_first(job: Job[ScriptDue]) -> Outside[None, None] | None:
        tries.append(job.attempt)
        if len(tries) == 1:
            return Outside(die, lambda *_: None)
        bump(job)
        return None

    outbox_id = publish(tenant, die_first)
    clock.advance(seconds=HOURS_S)
    with pytest.raises(Killed):
        run(tenant, outbox_id)
    clock.advance(seconds=-HOURS_S)
    run(tenant, outbox_id)
    assert notes() == {}, "the lease is not known to be wrong before the relay has looked"
    assert outbox_id in sent_ids()
    run(tenant, outbox_id)
    assert (notes(), tries, row_of(tenant, outbox_id)["leased_until"]) == ({"n": 1}, [1, 2], None)


def test_a_relay_that_is_running_when_the_clock_is_set_back_ends_in_time(tenant: Tenant, clock: Clock) -> None:
    """It recalls rows at its beginning only: one that ran on for hours would hold everything up."""
    publish(tenant, bump)
    clock.advance(seconds=HOURS_S)
    is_running = threading.Event()

    def run_or_set_back(number: int) -> int:
        if number == 0:
            is_running.set()
            return jobs.relay(for_s=0.5)
        assert is_running.wait(PATIENCE_S)
        clock.advance(seconds=-HOURS_S)
        return 0

    assert together(2, run_or_set_back)[0] >= 1


def test_leases_and_times_of_a_clock_a_little_ahead_are_respected(
    tenant: Tenant, open_rows: OpenRows, clock: Clock
) -> None:
    """Two machines' clocks are never quite the same."""
    outbox_id = publish(tenant, bump)
    clock.advance(seconds=5)
    assert outbox_id in sent_ids()
    clock.advance(seconds=-5)
    assert outbox_id not in sent_ids()
    assert [row["id"] for row in open_rows()] == [outbox_id]


def test_a_key_claimed_ahead_of_time_can_be_taken_over(kernel: KernelClient, notes: Notes, clock: Clock) -> None:
    tries: list[int] = []

    def die_first(call: Call[Anything]) -> object:
        tries.append(1)
        return Outside(die, lambda *_: None) if len(tries) == 1 else bump_by_request(call)

    again = send(kernel, die_first)
    clock.advance(seconds=HOURS_S)
    with pytest.raises(Killed):
        again()
    clock.advance(seconds=-HOURS_S)
    assert (again().status, notes()) == (200, {"n": 1})


@pytest.mark.parametrize(("ahead_s", "is_due"), [(0, False), (30, False), (HOURS_S, True), (-4, False), (-5, True)])
def test_a_robots_order_sent_ahead_of_time_is_due_again(ahead_s: int, is_due: bool) -> None:
    now = business_clock.now()
    order = RobotOrder(1, "o", 0, "bringCarrier", "CREATED", 1, 1, 1, now + timedelta(seconds=ahead_s), now)
    assert are_due_again([order], now) == ([order] if is_due else [])
