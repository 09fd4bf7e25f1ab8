"""Work with a patience of its own: how often it is tried, after which pauses, and who hears of its death."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import jobs
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Failed, Job, Step
from chalicelib.kernel.outbox import USUAL, Event, Patience
from tests.kernel.outbox_work import BUMP, Notes, drain, row_of
from tests.tenant import Clock, Tenant

pytestmark = pytest.mark.usefixtures("note_table")

TOPIC = "kernel.patient"
CONSUMERS = {TOPIC: ("deliveries", "tests.kernel.test_patience")}
works: list[Callable[[Job[Any]], Step]] = []


class PatientDue(Event, topic=TOPIC, queue="deliveries", patience=Patience((10.0, 1000.0), jitter=0.1, is_ours=False)):
    """Work that is tried three times over a quarter of an hour."""


@jobs.consumer(PatientDue)
def work(job: Job[PatientDue]) -> Step:
    """What the test wants."""
    return works[-1](job)


def publish(tenant: Tenant, what: Callable[[Job[Any]], Step]) -> int:
    works.append(what)
    with tenant.uow() as uow:
        uow.publish(PatientDue().message())
    return int(tenant.value("SELECT max(id) FROM outbox"))


def run(tenant: Tenant, outbox_id: int) -> float:
    """Tries the work once; the seconds after which it is tried again."""
    before: datetime = business_clock.now()
    jobs.run(tenant.id, outbox_id, TOPIC, CONSUMERS)
    return float((row_of(tenant, outbox_id)["send_at"] - before).total_seconds())


def failing(job: Job[Any]) -> Step:
    job.uow.execute(BUMP)
    return Failed("not today")


def test_it_is_tried_as_often_as_its_patience_says_and_dies_quietly(
    tenant: Tenant, clock: Clock, notes: Notes, capsys: pytest.CaptureFixture[str]
) -> None:
    drain("deliveries-dead")
    outbox_id = publish(tenant, failing)
    for least_s, most_s in ((9, 12), (900, 1102)):
        pause_s = run(tenant, outbox_id)
        assert least_s <= pause_s <= most_s
        clock.advance(seconds=pause_s + 1)
    assert row_of(tenant, outbox_id)["dead_at"] is None
    run(tenant, outbox_id)
    row = row_of(tenant, outbox_id)
    assert (row["attempts"], row["dead_at"] is not None, row["last_error"]) == (3, True, "not today")
    assert notes() == {"n": 3}, "what was written about a failure stays"
    assert (drain("deliveries-dead"), '"GivenUp": 1' in capsys.readouterr().out) == ([], True)


def test_a_failure_may_ask_for_a_longer_pause(tenant: Tenant) -> None:
    outbox_id = publish(tenant, lambda _: Failed("busy", retry_after_s=500))
    assert 499 <= run(tenant, outbox_id) <= 502


def test_what_is_written_when_the_provider_has_refused_stays(tenant: Tenant, notes: Notes) -> None:
    def then(uow: Any, answer: str) -> Failed:
        uow.execute(BUMP)
        return Failed(answer)

    outbox_id = publish(tenant, lambda _: Outside(lambda: "answered 500", then))
    run(tenant, outbox_id)
    assert (notes(), row_of(tenant, outbox_id)["last_error"]) == ({"n": 1}, "answered 500")


def test_the_usual_patience_is_half_a_minute() -> None:
    assert (USUAL.attempts_max, sum(USUAL.pauses_s), jobs.ATTEMPTS_MAX) == (5, 30.0, 5)
