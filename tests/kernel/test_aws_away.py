"""DynamoDB, SQS or S3 away: orders are taken all the same, effects catch up, nothing is lost or doubled.

And DynamoDB emptied in mid-day, wiped or made anew: no business fact is lost.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import boto3
import pytest

from chalicelib import routes, voice
from chalicelib.adapters import objects
from chalicelib.kernel import circuit, dynamo, jobs, queues
from chalicelib.kernel.settings import settings
from tests import expiring, outages
from tests.client import Client, Reply
from tests.factories.identity import make_staff
from tests.factories.messages import make_sms
from tests.factories.orders import order_body
from tests.factories.payments import make_checkout
from tests.factories.stock import check_books, make_shelf
from tests.kernel.outbox_work import drain
from tests.providers import Delivery, Providers, five_times_shuffled
from tests.tenant import Clock, Tenant

Configured = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _limits_on(configured: Configured) -> Iterator[None]:
    with configured(QM_LIMITS="on"):
        yield


def place(api: Client, product_id: int, key: str) -> Reply:
    return api.post("/api/orders", order_body((product_id, 1)), idempotency_key=key)


def sign_in(api: Client, username: str, password: str) -> Reply:
    return api.post("/api/auth/login", {"username": username, "password": password})


@pytest.mark.parametrize("how", outages.WAYS)
def test_without_the_table_orders_are_taken_and_nobody_guesses_passwords(
    how: outages.How, api: Client, tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf, staff = make_shelf(tenant, free=10), make_staff(tenant)
    session = staff.client("wms")
    with outages.away("dynamodb", how) as broken:
        assert [place(api, shelf.product_id, f"k{number}").status for number in range(6)] == [201] * 6
        assert place(api, shelf.product_id, "k0").headers["Idempotent-Replay"] == "true"
        assert broken.asked <= 2  # the two tries of the first who asked; after that nobody waits
        assert capsys.readouterr().out.count('"ThrottleBlind": 1') == 7
        refused = sign_in(api, staff.username, staff.password)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
        assert session.get("/api/books").status == 200  # who is signed in stays so
    assert sign_in(api, staff.username, staff.password).status == 200
    assert shelf.free() == 4
    check_books(tenant)


def test_a_throttle_counts_again_once_the_table_is_back(api: Client, tenant: Tenant) -> None:
    stranger, body = replace(api, address="198.51.100.250"), {"amount": 10}
    with outages.away("dynamodb", "error"):
        assert 429 not in {stranger.post("/api/payments/create-intent", body).status for _ in range(7)}
    assert [stranger.post("/api/payments/create-intent", body).status for _ in range(7)].count(429) == 2


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("how", outages.WAYS)
def test_without_the_queues_orders_are_taken_and_effects_catch_up(
    how: outages.How, api: Client, tenant: Tenant, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = make_shelf(tenant, free=40)
    with outages.away("sqs", how) as broken:
        replies = [place(api, shelf.product_id, f"k{number}") for number in range(25)]
        assert {reply.status for reply in replies} == {201}
        assert broken.asked == 0  # no request waits for a queue
        jobs.relay()
        assert (
            broken.asked <= 4
        )  # two tries for the queue's address, or for its first ten messages; not for all the rest
    assert '"RelayFailed"' in capsys.readouterr().out
    for name in ("work", "messages"):
        drain(name)
    jobs.relay()
    assert _worked_off(tenant) == 0  # they count as sent for a minute
    clock.advance(seconds=61)
    jobs.relay()
    jobs.relay()
    assert _worked_off(tenant) == 25
    assert tenant.value("SELECT count(*) FROM outbox WHERE topic = 'orders.placed' AND closed_at IS NULL") == 0
    assert tenant.value("SELECT max(attempts) FROM outbox WHERE topic = 'orders.placed'") == 1
    check_books(tenant)


def _worked_off(tenant: Tenant) -> int:
    """Works on this organization's messages about placed orders; how many there were."""
    found = [m for m in drain("messages") if (m["organization_id"], m["topic"]) == (tenant.id, "orders.placed")]
    event = {"Records": [{"messageId": str(m["outbox_id"]), "body": json.dumps(m)} for m in found]}
    assert jobs.handle_batch(event, routes.CONSUMERS) == {"batchItemFailures": []}
    return len(found)


def test_a_dead_letter_that_cannot_be_announced_is_listed_all_the_same(tenant: Tenant, clock: Clock) -> None:
    from chalicelib.kernel import dead_letters

    make_sms(tenant)
    tenant.as_owner("UPDATE outbox SET payload = '{}' WHERE organization_id = %(id)s", id=tenant.id)
    with outages.away("sqs", "refused"):
        for _ in range(jobs.ATTEMPTS_MAX):
            tenant.work_off()
            clock.advance(seconds=60)
    (letter,) = [each for each in dead_letters.list_dead() if each.organization_id == tenant.id]
    assert (letter.topic, letter.attempts, letter.last_error) == ("messaging.sms", 5, "ValidationError")


CALL = {
    "call_id": "call_away",
    "status": "completed",
    "duration": 9,
    "start_time": "2026-03-01T08:00:00Z",
    "end_time": "2026-03-01T08:00:09Z",
    "phone_number": "+13125550188",
    "transcript": "Agent: Hello.",
}


@pytest.mark.parametrize("how", ["refused", "error"])
def test_without_the_objects_calls_are_taken_and_filed_later(how: outages.How, tenant: Tenant, clock: Clock) -> None:
    calls = [
        Delivery("elevenlabs", "call-complete", json.dumps({**CALL, "call_id": f"call_{n}"}), "application/json")
        for n in range(8)
    ]
    with outages.away("s3", how) as broken:
        for each in calls:
            assert each.send(Client(tenant.host)).status == 200
        assert broken.asked == 0
        tenant.work_off(rounds=1)
        assert broken.asked == (0 if how == "refused" else 2 * circuit.OPENS_AFTER)
    clock.advance(seconds=400)
    for each in five_times_shuffled(calls, seed=5):
        each.send(Client(tenant.host))
    tenant.work_off()
    assert tenant.value("SELECT count(*) FROM voice_call WHERE stored_at IS NOT NULL") == 8
    assert tenant.value("SELECT count(*) FROM outbox WHERE closed_at IS NULL") == 0
    with tenant.uow() as uow:
        found = voice.find_call(uow, "call_3")
    assert found is not None
    assert found.transcript_key is not None
    assert json.loads(objects.get(found.transcript_key))["call_id"] == "call_3"


# Emptied.


def wipe() -> None:
    """Every item is gone."""
    table = settings().table_name
    for item in expiring.items():
        dynamo.client().delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def make_anew() -> None:
    """The table is gone, and another of its name there."""
    client, table = boto3.client("dynamodb"), settings().table_name
    described = client.describe_table(TableName=table)["Table"]
    client.delete_table(TableName=table)
    client.create_table(
        TableName=table,
        KeySchema=described["KeySchema"],
        AttributeDefinitions=described["AttributeDefinitions"],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.mark.parametrize("empty", [wipe, make_anew])
def test_an_emptied_table_loses_no_business_fact(
    empty: Callable[[], None], api: Client, tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    shelf, staff = make_shelf(tenant, free=10), make_staff(tenant)
    session = staff.client("wms")
    storage = api.post("/api/v2/auth/login", {"email": staff.email, "password": staff.password}).json
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    first = place(api, shelf.product_id, "before")
    _, number = make_sms(tenant)
    providers.fail("twilio", "messages.create", drop="after")
    tenant.work_off(rounds=1)
    before = facts(tenant)
    empty()
    assert facts(tenant) == before
    again = place(api, shelf.product_id, "before")
    assert (again.json, again.headers["Idempotent-Replay"]) == (first.json, "true")
    assert session.get("/api/books").status == 200
    assert api.as_bearer(storage["access_token"]).get("/api/v2/jobs").status == 200
    refresh = api.post("/api/v2/auth/refresh_token", {"refresh_token": storage["refresh_token"]})
    assert refresh.status == 401  # whoever held a refresh token signs in again
    assert sign_in(api, staff.username, staff.password).status == 200
    hooks = providers.webhooks("stripe", "payment_intent.succeeded", subject=checkout.intent_id)
    for hook in five_times_shuffled(hooks, seed=2):
        assert hook.send(api).status == 200
    clock.advance(seconds=400)
    tenant.work_off()
    assert (checkout.order(), checkout.entries()) == (("confirmed", "paid"), [("charge", 2500)])
    assert [item["to"] for item in providers.records("sms")].count(number) == 1
    assert tenant.value("SELECT count(*) FROM outbox WHERE closed_at IS NULL") == 0
    check_books(tenant)


def facts(tenant: Tenant) -> list[Any]:
    """Rows of what a business would miss."""
    tables = (
        "sales_order",
        "order_line",
        "stock_move",
        "stock_hold",
        "payment",
        "message",
        "outbox",
        "idempotency_key",
    )
    return [tenant.rows(f"SELECT t::text FROM {table} t ORDER BY 1") for table in (*tables, "session", "audit_entry")]


def test_an_emptied_table_leaves_no_lock_out_and_no_open_circuit(api: Client, tenant: Tenant) -> None:
    staff = make_staff(tenant)
    elsewhere = replace(api, address="198.51.100.251")
    assert [sign_in(elsewhere, staff.username, "wrong guess 1").status for _ in range(6)][-1] == 429
    wipe()
    assert sign_in(elsewhere, staff.username, staff.password).status == 200
    assert {each["state"] for each in circuit.list_circuits()} == {"CLOSED"}


def test_the_queues_are_the_ones_that_there_are() -> None:
    from infra.local import resources

    assert set(queues.QUEUES) == set(resources.QUEUES)
