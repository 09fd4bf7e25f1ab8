"""How often keys are used: counted without a statement, written down once, lost at most for a minute."""

from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib import identity
from chalicelib.kernel import clock as business
from chalicelib.kernel import dynamo, key_uses, schedules
from chalicelib.kernel.key_uses import Tally
from chalicelib.kernel.settings import settings
from tests.client import Client
from tests.factories.identity import make_api_key
from tests.tenant import Clock, Tenant
from tests.threads import together

CATALOGUE = "/api/v1/products"


def key_id_of(tenant: Tenant) -> int:
    found: int = tenant.value("SELECT max(id) FROM api_key")
    return found


def written(tenant: Tenant) -> tuple[int, bool]:
    """use_count, and whether there is a last use."""
    (row,) = tenant.rows("SELECT use_count, last_used_at FROM api_key WHERE id = %(id)s", id=key_id_of(tenant))
    return row["use_count"], row["last_used_at"] is not None


def counter(tenant: Tenant) -> int | None:
    found = key_uses.counted().get((tenant.id, key_id_of(tenant)))
    return None if found is None else found.uses


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> Tally:
    """A process that has just started."""
    fresh = Tally()
    monkeypatch.setattr(key_uses, "_tally", fresh)
    return fresh


def test_a_request_pays_no_statement_and_a_busy_key_one_call(tenant: Tenant, tally: Tally) -> None:
    client = Client(tenant.host).as_key(make_api_key(tenant))
    replies = [client.get(CATALOGUE) for _ in range(5)]
    assert {(reply.status, reply.statements) for reply in replies} == {(200, 4)}
    assert counter(tenant) == 1  # the first use is seen at once, the others gather
    assert written(tenant) == (0, False)
    schedules.count_key_uses({}, None)
    assert written(tenant) == (1, True)
    tally._gathered_s = 0  # a minute later
    Client(tenant.host).get("/api/products")  # whoever's request it is
    schedules.count_key_uses({}, None)
    assert written(tenant) == (5, True)
    client.get(CATALOGUE)
    schedules.count_key_uses({}, None)
    assert written(tenant) == (6, True)


def test_the_last_use_is_when_it_was_and_not_when_it_was_told(tenant: Tenant, clock: Clock) -> None:
    """Of two processes, the one that was used first tells last."""
    make_api_key(tenant)
    key_id, early, late = key_id_of(tenant), Tally(), Tally()
    early.note(tenant.id, key_id)
    early.note(tenant.id, key_id)
    clock.advance(seconds=100)
    before = business.now()
    late.note(tenant.id, key_id)
    after = business.now()
    clock.advance(seconds=3000)
    early._gathered_s = 0
    early.add_due()
    found = key_uses.counted()[tenant.id, key_id]
    assert found.uses == 3
    assert before - timedelta(milliseconds=1) <= found.last_used_at <= after


def test_figures_are_written_down_once(tenant: Tenant, other_tenant: Tenant) -> None:
    make_api_key(tenant)
    make_api_key(other_tenant)
    every_time = Tally(gathered_s=0)
    together(20, lambda _: every_time.note(tenant.id, key_id_of(tenant)))
    for _ in range(3):
        every_time.note(other_tenant.id, key_id_of(other_tenant))
    together(5, lambda _: schedules.count_key_uses({}, None))
    schedules.count_key_uses({}, None)
    assert [written(tenant), written(other_tenant)] == [(20, True), (3, True)]


def test_a_counter_that_was_lost_begins_anew(tenant: Tenant, clock: Clock) -> None:
    make_api_key(tenant)
    key_id, every_time = key_id_of(tenant), Tally(gathered_s=0)
    for _ in range(5):
        every_time.note(tenant.id, key_id)
    schedules.count_key_uses({}, None)
    dynamo.delete(key_uses.PARTITION, f"{tenant.id}#{key_id}")
    clock.advance(seconds=1)
    for _ in range(2):
        every_time.note(tenant.id, key_id)
    schedules.count_key_uses({}, None)
    assert written(tenant) == (7, True)


def test_old_figures_change_nothing(tenant: Tenant) -> None:
    """A run of the schedule that read first and wrote last."""
    make_api_key(tenant)
    key_id, every_time = key_id_of(tenant), Tally(gathered_s=0)
    every_time.note(tenant.id, key_id)
    old = key_uses.counted()
    every_time.note(tenant.id, key_id)
    schedules.count_key_uses({}, None)
    with tenant.uow() as uow:
        identity.write_down_uses(uow, old)
    assert written(tenant) == (2, True)


def test_a_process_that_dies_loses_a_minute_at_most(tenant: Tenant) -> None:
    make_api_key(tenant)
    dying = Tally()
    for _ in range(10):
        dying.note(tenant.id, key_id_of(tenant))
    assert counter(tenant) == 1


def test_what_did_not_come_through_is_kept(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    make_api_key(tenant)
    key_id, every_time = key_id_of(tenant), Tally(gathered_s=0)

    def away(*_: Any, **__: Any) -> None:
        raise boto3.exceptions.botocore.exceptions.EndpointConnectionError(endpoint_url="https://table")

    with monkeypatch.context() as patched:
        patched.setattr(dynamo, "grow", away)
        every_time.note(tenant.id, key_id)
        every_time.note(tenant.id, key_id)
    dynamo.see_again()
    every_time.note(tenant.id, key_id)
    assert counter(tenant) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_refused_is_not_counted(status: int, tenant: Tenant, tally: Tally) -> None:
    key = "qmk_unknown" if status == 401 else make_api_key(tenant, "voice")
    make_api_key(tenant)
    assert Client(tenant.host).as_key(key).get(CATALOGUE).status == status
    assert [uses for (organization_id, _), uses in key_uses.counted().items() if organization_id == tenant.id] == []


def test_more_counters_than_one_answer_holds(tenant: Tenant) -> None:
    """DynamoDB answers with a megabyte at most (Query, pagination)."""
    table = boto3.client("dynamodb")
    for number in range(4):
        item = {"pk": {"S": "large"}, "sk": {"S": str(number)}, "hits": {"N": "1"}, "padding": {"S": "x" * 390_000}}
        table.put_item(TableName=settings().table_name, Item=item)
    first = table.query(
        TableName=settings().table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "large"}},
    )
    assert "LastEvaluatedKey" in first
    assert dynamo.list_numbers("large") == {str(number): {"hits": 1} for number in range(4)}
