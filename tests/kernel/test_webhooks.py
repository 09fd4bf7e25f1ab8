"""Webhooks in: verified on the raw bytes, kept once, worked on in any order with the same end."""

import hmac
import json
import random

import pytest

from chalicelib.kernel import jobs
from tests.client import Client, Reply
from tests.kernel.apps import KernelClient
from tests.kernel.handlers import CONSUMERS, HOOK_SECRET
from tests.tenant import Tenant
from tests.threads import together

PATH = "/api/kernel/hooks"


def signature(raw: bytes, secret: bytes = HOOK_SECRET) -> str:
    return hmac.digest(secret, raw, "sha256").hex()


def deliver(kernel: Client, external_id: str, balance: int = 0, **headers: str) -> Reply:
    raw = json.dumps({"id": external_id, "type": "balance.changed", "balance": balance}).encode()
    return kernel.post(PATH, raw, **{"x_hook_signature": signature(raw), "content_type": "application/json", **headers})


def work_off(tenant: Tenant) -> None:
    for row in tenant.rows(
        "SELECT id, topic FROM outbox WHERE closed_at IS NULL AND topic = 'kernel.hook' ORDER BY random()"
    ):
        jobs.run(tenant.id, row["id"], row["topic"], CONSUMERS)


def kept(tenant: Tenant) -> tuple[int, int]:
    """(deliveries, messages)"""
    deliveries = tenant.value("SELECT count(*) FROM webhook_delivery")
    return deliveries, tenant.value("SELECT count(*) FROM outbox WHERE topic = 'kernel.hook'")


def test_a_delivery_is_kept_queued_and_answered(kernel: KernelClient, tenant: Tenant) -> None:
    reply = deliver(kernel, "evt_1", 7)
    assert (reply.status, reply.json, kept(tenant)) == (200, {"said": True}, (1, 1))
    (row,) = tenant.rows("SELECT source, external_id, event_type, payload FROM webhook_delivery")
    assert row == {
        "source": "kernel",
        "external_id": "evt_1",
        "event_type": "balance.changed",
        "payload": {"balance": 7},
    }


def test_a_repetition_is_answered_and_not_queued(kernel: KernelClient, tenant: Tenant) -> None:
    replies = [deliver(kernel, "evt_1", 7) for _ in range(5)]
    assert [(r.status, r.json["said"]) for r in replies] == [(200, True), *[(200, False)] * 4]
    assert kept(tenant) == (1, 1)


def test_repetitions_at_once_are_kept_once(kernel: KernelClient, tenant: Tenant) -> None:
    replies = together(8, lambda _: deliver(kernel, "evt_1", 7))
    assert sorted((r.status, r.json["said"]) for r in replies) == [*[(200, False)] * 7, (200, True)]
    assert kept(tenant) == (1, 1)


@pytest.mark.parametrize("seed", range(5))
def test_five_deliveries_each_in_any_order_end_as_one_each_in_order(
    kernel: KernelClient, tenant: Tenant, seed: int
) -> None:
    deliveries = [(f"evt_{n}", 10 * n) for n in range(1, 5)] * 5
    random.Random(seed).shuffle(deliveries)
    for external_id, balance in deliveries:
        assert deliver(kernel, external_id, balance).status == 200
        if balance == 20:
            work_off(tenant)
    work_off(tenant)
    (note,) = tenant.rows("SELECT number, times FROM kernel_note WHERE name = 'hook'")
    assert (note, kept(tenant)) == ({"number": 40, "times": 4}, (4, 4))


@pytest.mark.parametrize(
    ("_case", "signed", "sent", "secret"),
    [
        ("another secret", b'{"id": "a", "type": "t"}', b'{"id": "a", "type": "t"}', b"other"),
        ("another body", b'{"id": "a", "type": "t"}', b'{"id": "b", "type": "t"}', HOOK_SECRET),
        ("the same data in other bytes", b'{"id": "a", "type": "t"}', b'{"id":"a","type":"t"}', HOOK_SECRET),
        ("an empty body", b'{"id": "a", "type": "t"}', b"", HOOK_SECRET),
        ("broken JSON, not even read", b"{", b"[", HOOK_SECRET),
    ],
)
def test_a_wrong_signature_changes_nothing(
    kernel: KernelClient, tenant: Tenant, _case: str, signed: bytes, sent: bytes, secret: bytes
) -> None:
    reply = kernel.post(PATH, sent, x_hook_signature=signature(signed, secret), content_type="application/json")
    assert (reply.status, reply.json, kept(tenant)) == (401, {"error": "Invalid signature"}, (0, 0))


@pytest.mark.parametrize("header", ["", "x", "0" * 64, "ü", "a, b"])
def test_a_signature_that_is_none_changes_nothing(kernel: KernelClient, tenant: Tenant, header: str) -> None:
    assert (deliver(kernel, "evt_1", x_hook_signature=header).status, kept(tenant)) == (401, (0, 0))


def test_a_refused_delivery_is_counted(kernel: KernelClient, capsys: pytest.CaptureFixture[str]) -> None:
    deliver(kernel, "evt_1", x_hook_signature="no")
    assert '"WebhookRefused": 1' in capsys.readouterr().out


def test_a_well_signed_body_of_the_wrong_form_is_refused_and_not_kept(kernel: KernelClient, tenant: Tenant) -> None:
    for raw in (b"[]", b"{}", b'{"id": "", "type": "t"}', b"{"):
        reply = kernel.post(PATH, raw, x_hook_signature=signature(raw), content_type="application/json")
        assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert kept(tenant) == (0, 0)


def test_without_a_secret_there_is_no_endpoint(kernel: KernelClient) -> None:
    reply = kernel.post("/api/kernel/unconfigured-hooks", {"id": "a", "type": "t"})
    assert (reply.status, reply.json) == (404, {"error": "Not found"})


def test_a_key_or_token_does_not_replace_the_signature(kernel: KernelClient, tenant: Tenant) -> None:
    from tests.factories.identity import make_api_key

    assert deliver(kernel.as_key(make_api_key(tenant)), "evt_1", x_hook_signature="no").status == 401


def test_deliveries_of_two_organizations_are_apart(kernel: KernelClient, tenant: Tenant, other_tenant: Tenant) -> None:
    assert [deliver(k, "evt_1").json["said"] for k in (kernel, KernelClient(other_tenant.host))] == [True, True]
    assert (kept(tenant), kept(other_tenant)) == ((1, 1), (1, 1))
