"""The relay and the queue's batches: everything due is sent, nothing is lost, poison does not spread."""

import json
from datetime import timedelta
from typing import get_args

import pytest

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import jobs, outbox, queues
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.jobs import Job
from tests.kernel.handlers import CONSUMERS, ScriptDue
from tests.kernel.outbox_work import Notes, OpenRows, bump, drain, envelope, publish, run
from tests.tenant import Clock, Tenant
from tests.threads import together

pytestmark = pytest.mark.usefixtures("note_table")


@pytest.mark.usefixtures("quiet")
def test_the_relay_sends_what_is_due_once(tenant: Tenant, other_tenant: Tenant) -> None:
    ids = [publish(t, bump) for t in (tenant, other_tenant)]
    assert (jobs.relay(), jobs.relay()) == (2, 0)
    sent = drain("work")
    assert sorted((m["organization_id"], m["outbox_id"]) for m in sent) == [
        (tenant.id, ids[0]),
        (other_tenant.id, ids[1]),
    ]
    for message in sent:
        jobs.handle_batch({"Records": [{"messageId": "m", "body": json.dumps(message)}]}, CONSUMERS)
    assert [t.value("SELECT number FROM kernel_note") for t in (tenant, other_tenant)] == [1, 1]


@pytest.mark.usefixtures("quiet")
def test_what_nobody_closed_is_sent_again(tenant: Tenant, clock: Clock) -> None:
    outbox_id = publish(tenant, bump)
    assert jobs.relay() == 1
    clock.advance(seconds=jobs.RESEND_AFTER.total_seconds() + 1)
    assert jobs.relay() == 1
    assert [m["outbox_id"] for m in drain("work")] == [outbox_id, outbox_id]
    run(tenant, outbox_id)
    clock.advance(seconds=jobs.RESEND_AFTER.total_seconds() + 1)
    assert jobs.relay() == 0


@pytest.mark.usefixtures("quiet")
def test_a_message_may_have_to_wait_for_its_time(tenant: Tenant, clock: Clock) -> None:
    publish(tenant, bump, send_at=business_clock.now() + timedelta(hours=1))
    assert jobs.relay() == 0
    clock.advance(seconds=3601)
    assert jobs.relay() == 1


@pytest.mark.usefixtures("quiet")
def test_several_relays_at_once_send_everything_once(tenant: Tenant) -> None:
    ids = [publish(tenant, bump) for _ in range(25)]
    assert sum(together(4, lambda _: jobs.relay())) == 25
    assert sorted(m["outbox_id"] for m in drain("work")) == ids


@pytest.mark.usefixtures("quiet")
def test_messages_go_to_the_queue_of_their_topic(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        for queue in get_args(outbox.Queue):
            uow.publish(outbox.Message("kernel.script", queue, {"name": "never"}))
    assert jobs.relay() == 5
    assert [len(drain(name)) for name in get_args(outbox.Queue)] == [1, 1, 1, 1, 1]
    jobs.relay()


@pytest.mark.usefixtures("quiet")
def test_while_the_queue_cannot_be_reached_nothing_is_lost(
    tenant: Tenant, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outbox_id = publish(tenant, bump)
    known_url = queues.url
    monkeypatch.setattr(queues, "url", lambda name: known_url(name) + "-that-is-not-there")
    assert jobs.relay() == 1
    assert '"RelayFailed": 1' in capsys.readouterr().out
    monkeypatch.undo()
    assert drain("work") == []
    clock.advance(seconds=jobs.RESEND_AFTER.total_seconds() + 1)
    assert jobs.relay() == 1
    assert [m["outbox_id"] for m in drain("work")] == [outbox_id]


@pytest.mark.parametrize(
    ("_case", "body"),
    [
        ("no JSON", "{"),
        ("another JSON", "[]"),
        ("nothing in it", "{}"),
        ("no number", '{"organization_id": "x", "outbox_id": 1, "topic": "kernel.script"}'),
        ("an unknown topic", '{"organization_id": 1, "outbox_id": 1, "topic": "nobody.listens"}'),
        ("a topic that is none", '{"organization_id": 1, "outbox_id": 1, "topic": ["a"]}'),
        ("an unknown organization", '{"organization_id": 2000000000, "outbox_id": 1, "topic": "kernel.script"}'),
        ("a number beyond bigint", f'{{"organization_id": 1, "outbox_id": {10**20}, "topic": "kernel.script"}}'),
    ],
)
def test_a_poisonous_message_does_not_stop_its_neighbours(tenant: Tenant, notes: Notes, _case: str, body: str) -> None:
    ids = [publish(tenant, bump) for _ in range(2)]
    records = [
        envelope(tenant, ids[0], "good-1"),
        {"messageId": "bad", "body": body},
        envelope(tenant, ids[1], "good-2"),
    ]
    assert jobs.handle_batch({"Records": records}, CONSUMERS) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert notes() == {"n": 2}


def test_a_payload_that_its_event_does_not_know_fails_and_is_written_down(tenant: Tenant, open_rows: OpenRows) -> None:
    with tenant.uow() as uow:
        uow.publish(outbox.Message(ScriptDue.topic, "work", {"nonsense": 1}))
    (row,) = open_rows()
    run(tenant, row["id"])
    assert [(r["attempts"], r["last_error"]) for r in open_rows()] == [(1, "ValidationError")]


def test_a_message_of_a_row_that_is_not_there_is_seen(tenant: Tenant) -> None:
    event = {"Records": [envelope(tenant, 2**62)]}
    assert jobs.handle_batch(event, CONSUMERS) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_message_that_names_another_topic_than_its_row_does_nothing(tenant: Tenant, open_rows: OpenRows) -> None:
    outbox_id = publish(tenant, bump)
    event = {"Records": [envelope(tenant, outbox_id, topic="nobody.listens")]}
    assert jobs.handle_batch(event, CONSUMERS) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert [(row["id"], row["attempts"]) for row in open_rows()] == [(outbox_id, 0)]


def test_unavailable_postpones_without_using_up_a_try(tenant: Tenant, clock: Clock, open_rows: OpenRows) -> None:
    """Our own table being away is not the work's fault."""
    is_away = [True]

    def unavailable(job: Job[ScriptDue]) -> None:
        bump(job)
        if is_away:
            raise Unavailable

    outbox_id = publish(tenant, unavailable)
    for _ in range(2 * jobs.ATTEMPTS_MAX):
        run(tenant, outbox_id)
        clock.advance(seconds=jobs.BACKOFF_MAX_S + 2)
    (row,) = open_rows()
    assert (row["attempts"], row["dead_at"], row["last_error"]) == (
        10,
        None,
        "Unavailable: Temporarily unavailable; please try again",
    )
    is_away.clear()
    run(tenant, outbox_id)
    assert open_rows() == []


def test_one_topic_has_one_consumer() -> None:
    with pytest.raises(ValueError, match="two consumers"):
        jobs.consumer(ScriptDue)(bump)
