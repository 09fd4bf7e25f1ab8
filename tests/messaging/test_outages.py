"""Twilio and the mail server away, slow, busy or moody: everything arrives in the end, once, after a handful of calls."""

from typing import Any

import pytest

from chalicelib.kernel import circuit
from tests.factories.messages import make_mail, make_sms, message
from tests.providers import Providers
from tests.tenant import Clock, Tenant

LATER_S = 310.0
"""More than anything is postponed for."""


def texts(providers: Providers) -> list[str]:
    return sorted(item["to"] for item in providers.records("sms"))


def still_open(tenant: Tenant) -> list[tuple[int, str]]:
    rows = tenant.rows(
        "SELECT attempts, last_error FROM outbox WHERE closed_at IS NULL OR dead_at IS NOT NULL ORDER BY id"
    )
    return [(row["attempts"], row["last_error"]) for row in rows]


@pytest.mark.parametrize(
    ("_case", "rule", "calls_most"),
    [
        ("down", {"status": 503}, circuit.OPENS_AFTER),
        ("cut off", {"drop": "before"}, circuit.OPENS_AFTER),
        ("every answer is lost", {"drop": "after"}, circuit.OPENS_AFTER),
        ("an error although it was done", {"status": 500, "is_after": True}, circuit.OPENS_AFTER),
        ("busy", {"status": 429}, circuit.OPENS_AFTER),
        ("busy, and says until when", {"status": 429, "retry_after_s": 200}, 1),
        ("our token is wrong", {"status": 401}, 1),
        ("our account is suspended", {"status": 403}, 1),
    ],
)
def test_twelve_texts_in_an_outage(
    _case: str, rule: dict[str, Any], calls_most: int, tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    numbers = sorted(make_sms(tenant)[1] for _ in range(12))
    providers.count("twilio")
    providers.fail("twilio", "*", times=None, **rule)
    for _ in range(4):
        tenant.work_off(rounds=1)
        clock.advance(seconds=2 * LATER_S)
    assert providers.asked("twilio") == calls_most
    assert [attempts for attempts, _ in still_open(tenant)] == [4] * 12
    providers.recover()
    tenant.work_off()
    assert (texts(providers), still_open(tenant)) == (numbers, [])


def test_a_text_whose_answers_are_lost_again_and_again_is_sent_once(
    tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    """It was taken at the first call; every later one looks for it first, and that look is lost too."""
    message_id, number = make_sms(tenant)
    providers.fail("twilio", "messages.create", drop="after")
    providers.fail("twilio", "messages.list", drop="after", times=3)
    for _ in range(5):
        tenant.work_off(rounds=1)
        clock.advance(seconds=LATER_S)
    assert (texts(providers), still_open(tenant)) == ([number], [])
    assert message(tenant, message_id)["provider_id"] == providers.records("sms")[0]["sid"]


def test_one_that_twilio_refuses_does_not_stop_the_others(tenant: Tenant, providers: Providers) -> None:
    bad = [make_sms(tenant, to="+15005550001")[0] for _ in range(2 * circuit.OPENS_AFTER)]
    _, number = make_sms(tenant)
    tenant.work_off()
    assert (texts(providers), still_open(tenant)) == ([number], [])
    assert {message(tenant, message_id)["state"] for message_id in bad} == {"failed"}


def mails(providers: Providers) -> list[str]:
    return [mail["message_id"] for mail in providers.inbox("mail")]


@pytest.mark.parametrize(
    ("_case", "rule"),
    [("it goes away", {"status": 421}), ("cut off", {"drop": "before"}), ("every answer is lost", {"drop": "after"})],
)
def test_ten_mails_in_an_outage(
    _case: str, rule: dict[str, Any], tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    ids = [make_mail(tenant) for _ in range(10)]
    providers.count("mail")
    providers.fail("mail", "send", times=None, **rule)
    for _ in range(3):
        tenant.work_off(rounds=1)
        clock.advance(seconds=LATER_S)
    assert providers.asked("mail") == circuit.OPENS_AFTER
    providers.recover()
    tenant.work_off()
    assert still_open(tenant) == []
    assert sorted(set(mails(providers))) == sorted(message(tenant, message_id)["provider_id"] for message_id in ids)
    repeated = circuit.OPENS_AFTER if rule == {"drop": "after"} else 0  # the same mail, as decision 0009 says
    assert len(mails(providers)) == 10 + repeated


def test_a_mailbox_that_is_busy_for_an_hour_gets_its_mail_once(
    tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    """Greylisting: for now no, and the next mail goes through all the while."""
    grey = make_mail(tenant)
    providers.fail("mail", "send", status=451, times=12)
    for _ in range(12):
        tenant.work_off(rounds=1)
        clock.advance(seconds=LATER_S)
    assert still_open(tenant) == [(12, "ProviderUnavailable: smtp: SMTPDataError 451")]
    other = make_mail(tenant)
    tenant.work_off()
    assert still_open(tenant) == []
    assert sorted(mails(providers)) == sorted(message(tenant, each)["provider_id"] for each in (grey, other))


def test_for_now_and_then_for_good(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    message_id = make_mail(tenant)
    providers.fail("mail", "send", status=451, times=2)
    providers.fail("mail", "send", status=550)
    for _ in range(4):
        tenant.work_off()
        clock.advance(seconds=LATER_S)
    row = message(tenant, message_id)
    assert (row["state"], row["error_code"], row["attempts"], mails(providers)) == ("failed", "550", 3, [])
    assert still_open(tenant) == []
