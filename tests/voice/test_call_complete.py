"""POST /api/voice/webhook/call-complete: logged once, transcript in the object store and nowhere else."""

import json
from typing import Any

import pytest

from chalicelib import voice
from chalicelib.adapters import objects
from tests.circuits import close_all
from tests.client import Client
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.providers import Delivery, five_times_shuffled
from tests.tenant import Tenant

PHONE = "+13125550188"


def call(call_id: str = "call_1", **fields: Any) -> Delivery:
    body = {
        "call_id": call_id,
        "status": "completed",
        "duration": 93,
        "start_time": "2026-03-01T08:00:00Z",
        "end_time": "2026-03-01T08:01:33Z",
        "phone_number": PHONE,
        "transcript": "Agent: Hello. Caller: Where is my order?",
        **fields,
    }
    return Delivery("elevenlabs", "call-complete", json.dumps(body), "application/json")


def deliver(deliveries: list[Delivery], tenant: Tenant) -> None:
    for each in deliveries:
        reply = each.send(Client(tenant.host))
        assert (reply.status, reply.json) == (200, {"success": True})
    tenant.work_off()


def logged(tenant: Tenant, call_id: str = "call_1") -> voice.VoiceCall:
    with tenant.uow() as uow:
        found = voice.find_call(uow, call_id)
    assert found is not None
    return found


def counts(tenant: Tenant) -> list[int]:
    return [tenant.value(f"SELECT count(*) FROM {table}") for table in ("voice_call", "webhook_delivery", "outbox")]


def test_five_times_in_any_order_is_once(tenant: Tenant) -> None:
    deliver(five_times_shuffled([call("call_1"), call("call_2", transcript="Other")], 7), tenant)
    assert counts(tenant) == [2, 2, 2]
    found = logged(tenant)
    assert (found.duration_s, found.phone, found.pending, found.order_placed) == (93, PHONE, None, False)
    assert found.transcript_key is not None
    document = json.loads(objects.get(found.transcript_key))
    assert document == {
        "call_id": "call_1",
        "transcript": "Agent: Hello. Caller: Where is my order?",
        "tool_outputs": None,
    }


def test_the_key_says_nothing_and_the_database_keeps_no_word(tenant: Tenant) -> None:
    deliver([call(call_id="call/../../etc")], tenant)
    found = logged(tenant, "call/../../etc")
    assert found.transcript_key is not None
    assert found.transcript_key.startswith("transcripts/")
    assert "call" not in found.transcript_key.removeprefix("transcripts/")
    assert found.transcript_key.count("/") == 1
    rows = tenant.rows("SELECT d::text AS t FROM webhook_delivery d UNION ALL SELECT v::text FROM voice_call v")
    assert len(rows) == 2
    assert all("Where is my order" not in row["t"] for row in rows)


def test_it_is_linked_to_the_order_that_was_named(tenant: Tenant) -> None:
    shelf = make_shelf(tenant)
    order = make_order(tenant, (shelf.product_id, 1))
    deliver([call(order_placed=True, order_number=order["order_number"])], tenant)
    found = logged(tenant)
    assert (found.order_id, found.order_placed, found.order_number) == (order["id"], True, order["order_number"])


def test_it_is_linked_to_the_customer_of_the_telephone(tenant: Tenant) -> None:
    from tests.factories.customers import make_customer
    from tests.factories.orders import order_body

    shelf = make_shelf(tenant)
    shopper = make_customer(tenant)
    placed = shopper.client().post("/api/orders", order_body((shelf.product_id, 1), delivery_phone=PHONE))
    assert placed.status == 201, placed.json
    deliver([call(phone_number="312-555-0188", order_number="QM-22222-22222")], tenant)
    found = logged(tenant)
    assert (found.phone, found.order_id, found.customer_id) == (PHONE, None, shopper.id)


def test_extra_fields_are_passed_over_and_tool_outputs_kept(tenant: Tenant) -> None:
    outputs = [{"tool": "check_order_status", "ms": 12.5, "ok": True}]
    deliver([call(transcript=None, tool_outputs=outputs, conversation_id="x", cost=0.25)], tenant)
    key = logged(tenant).transcript_key
    assert key is not None
    assert json.loads(objects.get(key))["tool_outputs"] == outputs


def test_a_call_without_a_word_has_no_transcript(tenant: Tenant) -> None:
    deliver([call(transcript=None)], tenant)
    found = logged(tenant)
    assert (found.transcript_key, found.stored_at is not None, voice.transcript_url(found)) == (None, True, None)


def test_a_link_is_signed_and_short_lived(tenant: Tenant) -> None:
    deliver([call()], tenant)
    url = voice.transcript_url(logged(tenant))
    assert url is not None
    assert "X-Amz-Expires=900" in url
    assert "X-Amz-Signature=" in url


def test_an_unreachable_store_loses_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    from chalicelib.kernel.settings import settings

    monkeypatch.setenv("QM_BUCKET_NAME", "no-such-bucket")
    settings.cache_clear()
    try:
        deliver([call()], tenant)
        found = logged(tenant)
        assert (found.stored_at, found.pending is not None) == (None, True)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    close_all()
    clock.advance(seconds=60)
    tenant.work_off()
    found = logged(tenant)
    assert (found.stored_at is not None, found.pending) == (True, None)


@pytest.mark.parametrize("variant", ["tampered", "foreign", "stale", "future"])
def test_a_call_that_proves_nothing_changes_nothing(variant: Any, tenant: Tenant) -> None:
    reply = call().send(Client(tenant.host), variant)
    assert (reply.status, reply.json) == (401, {"error": "Invalid signature"})
    assert counts(tenant) == [0, 0, 0]


@pytest.mark.parametrize(
    ("_case", "fields"),
    [
        ("no duration", {"duration": None}),
        ("a negative one", {"duration": -1}),
        ("no time", {"start_time": "yesterday"}),
        ("a number for a time", {"start_time": 0}),
        ("a number for yes or no", {"order_placed": 0}),
        ("no id", {"call_id": ""}),
    ],
)
def test_a_signed_body_must_still_be_one(_case: str, fields: dict[str, Any], tenant: Tenant) -> None:
    assert call(**fields).send(Client(tenant.host)).status == 400
    assert counts(tenant) == [0, 0, 0]


def test_statements_of_a_call(tenant: Tenant) -> None:
    assert call().send(Client(tenant.host)).statements == 6
