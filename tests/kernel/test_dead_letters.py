"""Dead letters and poison: seen in lists, dealt with by one command; and what waits for a provider is neither."""

import json
from typing import Any

import boto3
import pytest

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import dead_letters, jobs, queues
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.jobs import Job
from chalicelib.kernel.operations import operate
from chalicelib.kernel.providers import CircuitOpen, ProviderUnavailable
from tests.kernel.handlers import CONSUMERS, ScriptDue
from tests.kernel.outbox_work import Notes, bump, drain, envelope, publish, row_of, run
from tests.tenant import Clock, Tenant

pytestmark = pytest.mark.usefixtures("note_table", "_empty_queues")


@pytest.fixture
def _empty_queues(aws: None) -> None:
    for queue in queues.QUEUES:
        for message in queues.read_dead(queue):
            queues.drop_dead(message)


def bury(body: str, queue: str = "work") -> str:
    """Puts a message where SQS puts what it gives up; its id."""
    answer = boto3.client("sqs").send_message(QueueUrl=queues.url(f"{queue}-dead"), MessageBody=body)
    return str(answer["MessageId"])


def kill(tenant: Tenant, clock: Clock, work: Any) -> int:
    outbox_id = publish(tenant, work)
    for _ in range(jobs.ATTEMPTS_MAX):
        run(tenant, outbox_id)
        clock.advance(seconds=60)
    assert row_of(tenant, outbox_id)["dead_at"] is not None
    return outbox_id


def fail(job: Job[ScriptDue]) -> None:
    bump(job)
    raise Conflict("No room")


def test_the_list_says_what_died_why_and_how_old_it_is(tenant: Tenant, clock: Clock) -> None:
    outbox_id = kill(tenant, clock, fail)
    listed = json.loads(json.dumps(operate({"command": "list_dead"})))["result"]
    (letter,) = [letter for letter in listed if letter["id"] == outbox_id]
    assert 300 <= letter.pop("age_s") < 600
    row = row_of(tenant, outbox_id)
    assert {k: v for k, v in letter.items() if not k.endswith("_at")} == {
        "id": outbox_id,
        "organization_id": tenant.id,
        "topic": ScriptDue.topic,
        "queue": "work",
        "attempts": 5,
        "postponed": 0,
        "last_error": "Conflict: No room",
    }
    assert letter["dead_at"] == row["dead_at"].isoformat().replace("+00:00", "Z")


def test_a_replay_gives_five_more_tries_and_removes_the_notes(tenant: Tenant, clock: Clock, notes: Notes) -> None:
    first, second = kill(tenant, clock, fail), kill(tenant, clock, fail)
    bystander = bury("?")
    assert operate({"command": "replay_dead", "ids": [first]}) == {"result": 1}
    left = [message.body for message in queues.read_dead("work")]
    assert sorted(left) == sorted(["?", queues.Envelope(second, tenant.id, ScriptDue.topic, "work").body()])
    row = row_of(tenant, first)
    assert (row["attempts"], row["postponed"], row["dead_at"], row["leased_until"]) == (0, 0, None, None)
    for _ in range(jobs.ATTEMPTS_MAX):
        assert row_of(tenant, first)["dead_at"] is None
        run(tenant, first)
        clock.advance(seconds=60)
    assert (row_of(tenant, first)["attempts"], notes()) == (5, {})
    assert [poison.id for poison in dead_letters.list_poison()] == [bystander]


def test_a_replay_that_lost_its_answer_may_be_repeated(tenant: Tenant, clock: Clock) -> None:
    outbox_id = kill(tenant, clock, fail)
    assert dead_letters.replay_dead([outbox_id]) == 1
    bury(queues.Envelope(outbox_id, tenant.id, ScriptDue.topic, "work").body())  # as if it had not been removed
    assert dead_letters.replay_dead([outbox_id, -1]) == 0
    assert [message.id for message in queues.read_dead("work")] == []


def test_poison_is_listed_without_the_notes(tenant: Tenant, clock: Clock) -> None:
    kill(tenant, clock, fail)
    bad = bury("x" * 1000, "telemetry")
    (poison,) = operate({"command": "list_poison"})["result"]
    assert (poison["id"], poison["queue"], poison["body"], poison["about"]) == (bad, "telemetry", "x" * 300, None)
    assert 0 <= poison["age_s"] < 60
    assert len(operate({"command": "list_poison"})["result"]) == 1  # looking does not take away


def test_poison_that_is_about_a_row_says_so(tenant: Tenant) -> None:
    outbox_id = publish(tenant, bump)
    bury(queues.Envelope(outbox_id, tenant.id, ScriptDue.topic, "work").body())
    assert [poison.about for poison in dead_letters.list_poison()] == [f"outbox row {outbox_id}: open"]
    run(tenant, outbox_id)
    assert [poison.about for poison in dead_letters.list_poison()] == [f"outbox row {outbox_id}: closed"]


def test_poison_is_redriven_or_dropped_by_its_id(aws: None) -> None:
    drain("robots")
    redriven, dropped, kept = (bury(json.dumps({"said": text}), "robots") for text in ("again", "away", "stay"))
    assert operate({"command": "redrive_poison", "ids": [redriven, "unknown"]}) == {"result": 1}
    assert operate({"command": "drop_poison", "ids": [dropped]}) == {"result": 1}
    assert drain("robots") == [{"said": "again"}]
    assert [poison.id for poison in dead_letters.list_poison()] == [kept]


def test_many_are_looked_through(aws: None) -> None:
    ids = {bury(f"{number}") for number in range(25)}
    assert {message.id for message in queues.read_dead("work")} == ids
    assert {poison.id for poison in dead_letters.list_poison()} == ids
    assert len(dead_letters.list_poison(limit=7)) == 7


# What waits for a provider.


def away(error: Exception) -> Any:
    def ask() -> None:
        raise error

    return lambda _: Outside(ask, lambda _uow, _result: None)


@pytest.mark.parametrize(
    ("_case", "error", "written", "at_least_s"),
    [
        (
            "it failed",
            ProviderUnavailable("twilio", "HTTP 500", maybe_done=True),
            "ProviderUnavailable: twilio: HTTP 500",
            0,
        ),
        (
            "it said when",
            ProviderUnavailable("x", "429", maybe_done=False, retry_after_s=40),
            "ProviderUnavailable: x: 429",
            40,
        ),
        ("nobody asked", CircuitOpen("stripe", retry_after_s=17), "CircuitOpen: stripe: circuit open", 17),
    ],
)
def test_a_provider_that_is_away_uses_up_no_try(
    _case: str, error: Exception, written: str, at_least_s: int, tenant: Tenant, clock: Clock
) -> None:
    outbox_id = publish(tenant, away(error))
    for number in range(1, 12):
        before = business_clock.now()
        run(tenant, outbox_id)
        row = row_of(tenant, outbox_id)
        assert (row["attempts"], row["postponed"], row["dead_at"], row["last_error"]) == (number, number, None, written)
        waits_s = (row["send_at"] - before).total_seconds()
        assert at_least_s + 1 <= waits_s <= at_least_s + jobs.BACKOFF_MAX_S + 3
        clock.advance(seconds=waits_s)
    (listed,) = [work for work in dead_letters.list_postponed() if work.id == outbox_id]
    assert (listed.organization_id, listed.topic, listed.last_error) == (tenant.id, ScriptDue.topic, written)
    assert drain("work-dead") == []


def test_the_tries_that_the_work_itself_used_up_still_count(tenant: Tenant, clock: Clock) -> None:
    errors: list[Exception] = [CircuitOpen("stripe", retry_after_s=1), Conflict("No room")] * jobs.ATTEMPTS_MAX
    outbox_id = publish(tenant, lambda job: away(errors[job.attempt - 1])(job))
    for _ in range(9):
        run(tenant, outbox_id)
        clock.advance(seconds=400)
    assert row_of(tenant, outbox_id)["dead_at"] is None
    run(tenant, outbox_id)
    row = row_of(tenant, outbox_id)
    assert (row["attempts"], row["postponed"], row["dead_at"] is not None) == (10, 5, True)


def test_after_three_days_nobody_waits_any_longer(tenant: Tenant, clock: Clock) -> None:
    outbox_id = publish(tenant, away(CircuitOpen("stripe", retry_after_s=1)))
    run(tenant, outbox_id)
    clock.advance(seconds=jobs.POSTPONED_MAX.total_seconds() - 60)
    run(tenant, outbox_id)
    assert row_of(tenant, outbox_id)["dead_at"] is None
    clock.advance(seconds=3600)
    run(tenant, outbox_id)
    assert row_of(tenant, outbox_id)["dead_at"] is not None
    assert [note["outbox_id"] for note in drain("work-dead")] == [outbox_id]
    dead_letters.replay_dead([outbox_id])
    run(tenant, outbox_id)
    assert row_of(tenant, outbox_id)["dead_at"] is None  # three more days


# Poison that the outbox deals with, and copies of a message.


def test_copies_of_a_message_do_not_use_up_the_tries_at_once(tenant: Tenant, clock: Clock) -> None:
    """A queue that was not worked on for ten minutes holds ten copies of each row."""
    outbox_id = publish(tenant, fail)
    event = {"Records": [envelope(tenant, outbox_id, f"m{number}") for number in range(10)]}
    assert jobs.handle_batch(event, CONSUMERS) == {"batchItemFailures": []}
    row = row_of(tenant, outbox_id)
    assert (row["attempts"], row["dead_at"]) == (1, None)
    clock.advance(seconds=10)
    jobs.handle_batch(event, CONSUMERS)
    assert row_of(tenant, outbox_id)["attempts"] == 2


@pytest.mark.parametrize(
    ("_case", "change", "error"),
    [
        ("nobody consumes it", {"topic": "kernel.gone"}, "UnknownTopic: Nobody consumes this topic"),
        ("a field is missing", {"payload": "{}"}, "ValidationError"),
        ("a field too many", {"payload": '{"name": "x", "more": 1}'}, "ValidationError"),
        ("no object", {"payload": "[1]"}, "ValidationError"),
    ],
)
def test_a_row_that_cannot_be_read_dies_after_five_tries(
    _case: str, change: dict[str, str], error: str, tenant: Tenant, clock: Clock, notes: Notes
) -> None:
    outbox_id = publish(tenant, bump)
    for column, value in change.items():
        cast = "::jsonb" if column == "payload" else ""
        tenant.as_owner(f"UPDATE outbox SET {column} = %(value)s{cast} WHERE id = %(id)s", value=value, id=outbox_id)
    topic = change.get("topic", ScriptDue.topic)
    for _ in range(jobs.ATTEMPTS_MAX):
        assert row_of(tenant, outbox_id)["dead_at"] is None
        jobs.run(tenant.id, outbox_id, topic, CONSUMERS)
        clock.advance(seconds=60)
    row = row_of(tenant, outbox_id)
    assert (row["dead_at"] is not None, row["last_error"], notes()) == (True, error, {})
    assert [note["topic"] for note in drain("work-dead")] == [topic]


def test_what_failed_by_a_clock_that_was_set_back_is_tried_at_once(tenant: Tenant, clock: Clock, notes: Notes) -> None:
    errors: list[Exception] = [CircuitOpen("stripe", retry_after_s=600)]

    def work(job: Job[ScriptDue]) -> None:
        bump(job)
        if errors:
            raise errors.pop()

    outbox_id = publish(tenant, work)
    clock.advance(seconds=3 * 3600)
    jobs.relay()
    run(tenant, outbox_id)
    clock.advance(seconds=-3 * 3600)
    run(tenant, outbox_id)
    assert notes() == {}, "not before the relay has seen that the clock was set back"
    jobs.relay()
    run(tenant, outbox_id)
    assert notes() == {"n": 1}
