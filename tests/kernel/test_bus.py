"""Announcements: facts are told on the event bus, at least once, and say nothing about anybody."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.kernel import bus, jobs
from chalicelib.kernel.facts import Fact
from chalicelib.kernel.outbox import Event
from chalicelib.kernel.settings import settings
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.tenant import Clock, Tenant


class NoteTaken(Fact, type="kernel.note_taken", of="note_id"):
    """Announced."""

    note_id: int


class Quiet(Event, topic="kernel.quiet", queue="work"):
    """Work, which is nobody else's business."""


@pytest.fixture
def heard(quiet: None) -> Iterator[Any]:
    """A listener's queue behind a rule on the bus; gives what it has heard since it was last asked."""
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    named = {"Name": "listen", "EventBusName": settings().bus_name}
    events.put_rule(**named, EventPattern=json.dumps({"source": ["quartermaster"]}))
    events.put_targets(Rule="listen", EventBusName=settings().bus_name, Targets=[{"Id": "1", "Arn": arn}])

    def take() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    yield take
    events.remove_targets(Rule="listen", EventBusName=settings().bus_name, Ids=["1"])
    events.delete_rule(**named)
    sqs.delete_queue(QueueUrl=url)


class OnABadDay:
    """EventBridge refusing one entry, then the whole call."""

    def __init__(self) -> None:
        self.answers = [{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}]

    def put_events(self, **_asked: Any) -> Any:
        if self.answers:
            return self.answers.pop()
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutEvents")


def open_announcements(tenant: Tenant) -> int:
    return int(tenant.value("SELECT count(*) FROM outbox WHERE queue = 'bus' AND closed_at IS NULL"))


def test_a_fact_is_announced_as_the_feed_tells_it_and_work_is_not(tenant: Tenant, heard: Any) -> None:
    with tenant.uow() as uow:
        uow.tell(NoteTaken(note_id=7))
        uow.publish(Quiet().message())
        at = uow.now
    assert jobs.relay() == 2
    (event,) = heard()
    assert (event["source"], event["detail-type"]) == ("quartermaster", "kernel.note_taken")
    assert event["detail"] == {
        "id": f"evt_{tenant.id}_1",
        "type": "kernel.note_taken",
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "record": "note:7",
        "sequence": 1,
        "cursor": "1",
        "data": {"note_id": 7},
        "organization_id": tenant.id,
    }
    assert open_announcements(tenant) == 0
    assert jobs.relay() == 0


def test_more_than_a_call_takes_are_all_told(tenant: Tenant, heard: Any) -> None:
    with tenant.uow() as uow:
        for number in range(23):
            uow.tell(NoteTaken(note_id=number))
    jobs.relay()
    told = heard()
    assert sorted(event["detail"]["data"]["note_id"] for event in told) == list(range(23))
    assert len({event["detail"]["id"] for event in told}) == 23


def test_what_the_bus_does_not_take_is_told_later(
    tenant: Tenant,
    heard: Any,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with tenant.uow() as uow:
        uow.tell(NoteTaken(note_id=1))

    bad_day = OnABadDay()
    monkeypatch.setattr(bus, "client", lambda: bad_day)
    for _ in range(2):
        jobs.relay()
        clock.advance(seconds=jobs.RESEND_AFTER.total_seconds() + 1)
    assert capsys.readouterr().out.count('"RelayFailed": 1') == 2
    monkeypatch.undo()
    assert (open_announcements(tenant), heard()) == (1, [])
    jobs.relay()
    assert (open_announcements(tenant), [e["detail"]["data"]["note_id"] for e in heard()]) == (0, [1])


def test_a_relay_that_dies_before_it_closes_tells_again_under_the_same_id(
    tenant: Tenant, heard: Any, clock: Clock
) -> None:
    with tenant.uow() as uow:
        uow.tell(NoteTaken(note_id=5))
    taken = [envelope for envelope in jobs._take_due(recalling=False) if envelope.queue == "bus"]
    assert bus.announce(taken) == [taken[0].id]
    assert (jobs.relay(), open_announcements(tenant)) == (0, 1), "it is marked as sent, and nobody closed it"
    clock.advance(seconds=jobs.RESEND_AFTER.total_seconds() + 1)
    jobs.relay()
    assert [event["detail"]["id"] for event in heard()] == [f"evt_{tenant.id}_1"] * 2
    assert open_announcements(tenant) == 0


def test_an_order_tells_its_story_in_ids(tenant: Tenant, heard: Any) -> None:
    order = make_order(tenant, (make_shelf(tenant, free=5).product_id, 2))
    jobs.relay()
    (event,) = [each for each in heard() if each["detail-type"].startswith("order.")]
    assert (event["detail-type"], event["detail"]["record"]) == ("order.placed", f"order:{order['id']}")
    assert event["detail"]["data"] == {
        "order_id": order["id"],
        "channel": "shop",
        "status": "pending",
        "warehouse_id": tenant.warehouse_id,
    }
