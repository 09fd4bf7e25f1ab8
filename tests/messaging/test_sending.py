"""Messages are sent once: whatever the provider does with our call, and however often the work is delivered."""

from typing import Any

import pytest

from chalicelib.kernel import dead_letters
from tests.factories.messages import make_mail, make_sms, message
from tests.providers import Providers
from tests.tenant import Clock, Tenant
from tests.threads import together

RETRY_S = 15.0
PATIENT_S = 600.0
"""Longer than work that waits for a provider is ever put off: jobs.BACKOFF_MAX_S, and what the provider or its circuit said."""
"""More than the outbox waits after the first failure."""


def sent(providers: Providers, to: str) -> list[str]:
    """Texts that reached a number."""
    return [item["body"] for item in providers.records("sms") if item["to"] == to]


def outbox(tenant: Tenant) -> list[tuple[str, bool, bool]]:
    rows = tenant.rows(
        "SELECT topic, closed_at IS NOT NULL AS closed, dead_at IS NOT NULL AS dead FROM outbox ORDER BY id"
    )
    return [(row["topic"], row["closed"], row["dead"]) for row in rows]


def test_a_text_message_leaves_once(tenant: Tenant, providers: Providers) -> None:
    message_id, to = make_sms(tenant, body="Your order has shipped.")
    assert message(tenant, message_id)["state"] == "queued"
    tenant.work_off()
    assert sent(providers, to) == ["Your order has shipped."]
    row = message(tenant, message_id)
    assert (row["state"], row["attempts"], row["provider_id"]) == ("sending", 1, providers.records("sms")[0]["sid"])
    assert outbox(tenant) == [("messaging.sms", True, False)]
    callback = providers.records("sms")[0]["_callback"]
    assert callback == "https://shop.example.test/api/sms/status-callback"


@pytest.mark.parametrize(
    ("_case", "rule"),
    [
        ("cut off before", {"drop": "before"}),
        ("the answer is lost", {"drop": "after"}),
        ("an error although it was done", {"status": 500, "is_after": True}),
        ("down", {"status": 503}),
        ("busy", {"status": 429}),
    ],
)
def test_a_failing_provider_gets_the_message_once_in_the_end(
    _case: str, rule: dict[str, Any], tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    message_id, to = make_sms(tenant)
    providers.fail("twilio", "messages.create", **rule)
    tenant.work_off()
    assert (message(tenant, message_id)["state"], message(tenant, message_id)["provider_id"]) == ("sending", None)
    clock.advance(seconds=RETRY_S)
    tenant.work_off()
    assert sent(providers, to) == ["Hello"]
    assert message(tenant, message_id)["provider_id"] == providers.records("sms")[0]["sid"]
    assert message(tenant, message_id)["attempts"] == 2
    assert outbox(tenant) == [("messaging.sms", True, False)]


def test_equal_texts_with_lost_answers_are_told_apart(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    first, to = make_sms(tenant)
    tenant.work_off()
    second, _ = make_sms(tenant, to=to)
    third, _ = make_sms(tenant, to=to)
    providers.fail("twilio", "messages.create", drop="after", times=2)
    tenant.work_off()
    clock.advance(seconds=RETRY_S)
    tenant.work_off()
    assert sent(providers, to) == ["Hello"] * 3
    ids = {message(tenant, message_id)["provider_id"] for message_id in (first, second, third)}
    assert ids == {item["sid"] for item in providers.records("sms")}


def test_a_message_the_provider_refuses_is_not_tried_again(tenant: Tenant, providers: Providers) -> None:
    message_id, _ = make_sms(tenant, to="+15005550004")
    tenant.work_off()
    row = message(tenant, message_id)
    assert (row["state"], row["error_code"], row["attempts"]) == ("failed", "21610", 1)
    assert outbox(tenant) == [("messaging.sms", True, False)]


def test_an_outage_of_an_hour_makes_no_dead_letter(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    message_id, to = make_sms(tenant)
    providers.fail("twilio", "*", status=503, times=None)
    for _ in range(12):
        tenant.work_off()
        clock.advance(seconds=PATIENT_S)
    assert outbox(tenant) == [("messaging.sms", False, False)]
    providers.recover()
    tenant.work_off()
    assert sent(providers, to) == ["Hello"]
    assert message(tenant, message_id)["provider_id"] == providers.records("sms")[0]["sid"]
    assert outbox(tenant) == [("messaging.sms", True, False)]


def test_after_three_days_it_is_a_dead_letter_that_can_be_replayed(
    tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    _, to = make_sms(tenant)
    providers.fail("twilio", "*", status=503, times=None)
    tenant.work_off()
    for passed_s in (24 * 3600, 47 * 3600):
        clock.advance(seconds=passed_s)
        tenant.work_off()
    assert outbox(tenant) == [("messaging.sms", False, False)]
    clock.advance(seconds=2 * 3600)
    tenant.work_off()
    assert outbox(tenant) == [("messaging.sms", False, True)]
    providers.recover()
    dead = [letter.id for letter in dead_letters.list_dead() if letter.organization_id == tenant.id]
    assert dead_letters.replay_dead(dead) == 1
    tenant.work_off()
    assert sent(providers, to) == ["Hello"]
    assert outbox(tenant) == [("messaging.sms", True, False)]


def test_the_work_delivered_by_several_at_once_is_done_once(tenant: Tenant, providers: Providers) -> None:
    _, to = make_sms(tenant)
    together(4, lambda _: tenant.work_off(rounds=1))
    assert sent(providers, to) == ["Hello"]


def test_a_secret_is_erased_once_it_is_out(tenant: Tenant, providers: Providers) -> None:
    sms, _ = make_sms(tenant, body="Your code is 123456", is_secret=True)
    mail = make_mail(tenant, is_secret=True)
    tenant.work_off()
    rows = [message(tenant, message_id) for message_id in (sms, mail)]
    assert [(row["body_text"], row["body_html"]) for row in rows] == [("", None), ("", None)]
    assert "https://shop.example.test/verify/abc" in providers.inbox("mail")[0]["text"]


def test_a_mail_leaves_in_both_forms(tenant: Tenant, providers: Providers) -> None:
    message_id = make_mail(tenant)
    tenant.work_off()
    mail = providers.inbox("mail")[0]
    assert (mail["to"], mail["subject"]) == ("ana@example.com", "Please confirm your e-mail address")
    assert mail["links"] == ["https://shop.example.test/verify/abc"]
    assert "Hello Ana," in mail["text"]
    assert "<p>Hello Ana,</p>" in mail["html"]
    row = message(tenant, message_id)
    assert (row["state"], row["provider_id"]) == ("sent", mail["message_id"])


@pytest.mark.parametrize(("_case", "rule", "arrived"), [("lost", {"drop": "after"}, 2), ("busy", {"status": 451}, 1)])
def test_a_repeated_mail_is_the_same_mail(
    _case: str, rule: dict[str, Any], arrived: int, tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    message_id = make_mail(tenant)
    providers.fail("mail", "send", **rule)
    tenant.work_off()
    clock.advance(seconds=RETRY_S)
    tenant.work_off()
    mails = providers.inbox("mail")
    assert len(mails) == arrived
    assert {mail["message_id"] for mail in mails} == {message(tenant, message_id)["provider_id"]}
    assert message(tenant, message_id)["state"] == "sent"


def test_a_refused_recipient_is_final(tenant: Tenant, providers: Providers) -> None:
    message_id = make_mail(tenant)
    providers.fail("mail", "send", status=550)
    tenant.work_off()
    row = message(tenant, message_id)
    assert (row["state"], row["error_code"], providers.inbox("mail")) == ("failed", "550", [])


@pytest.mark.parametrize("to", ["", "5551234", "+1 312 555 0001", "+0312555000", "+1", "12125550001"])
def test_what_is_no_number_is_refused_before_anything_is_written(to: str, tenant: Tenant) -> None:
    from chalicelib import messaging

    with pytest.raises(ValueError, match=r"E\.164"), tenant.uow() as uow:
        messaging.send_sms(uow, to, "Hello", kind="test")
    assert tenant.value("SELECT count(*) FROM message") == 0
