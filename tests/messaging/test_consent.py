"""POST /api/sms-optin and what numbers reply: who is texted, who never again, and what proves it."""

from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from chalicelib import messaging
from chalicelib.kernel.settings import settings
from chalicelib.messaging.consent import rules
from tests import expiring
from tests.client import Client, Reply
from tests.factories.messages import make_sms, message
from tests.providers import Delivery, Providers
from tests.tenant import Clock, Tenant
from tests.threads import together

PHONE = "+12125550142"
FORM = {"first_name": "Ana", "phone": "(212) 555-0142", "email": "ana@example.com", "consent": True}


def fill_in(api: Client, **changed: Any) -> Reply:
    return api.post("/api/sms-optin", {**FORM, **changed})


def reply(tenant: Tenant, body: str, *, sid: str = "", phone: str = PHONE, **more: str) -> int:
    """A text from a number, as Twilio passes it on; the status of our answer."""
    form = {
        "MessageSid": sid or f"SM{body}",
        "From": phone,
        "To": "+15005550006",
        "Body": body,
        "NumMedia": "0",
        **more,
    }
    delivery = Delivery("twilio", "received", urlencode(form), "application/x-www-form-urlencoded")
    return delivery.send(Client(tenant.host), path="/api/sms/inbound").status


def events(tenant: Tenant) -> list[tuple[str, str, str | None]]:
    rows = tenant.rows("SELECT event, source, word FROM sms_consent ORDER BY id")
    return [(row["event"], row["source"], row["word"]) for row in rows]


def standing(tenant: Tenant, phone: str = PHONE) -> str | None:
    found: str | None = tenant.value("SELECT state FROM sms_standing WHERE phone = %(phone)s", phone=phone)
    return found


def texts(tenant: Tenant, providers: Providers, phone: str = PHONE) -> list[str]:
    """What reached a number."""
    tenant.work_off()
    return [each["body"] for each in providers.records("sms") if each["to"] == phone]


def welcome(tenant: Tenant) -> str:
    return rules.WELCOME.format(organization=tenant.host.removesuffix(".test"))


def offer(tenant: Tenant, phone: str = PHONE) -> int:
    """A text that nobody waits for."""
    return make_sms(tenant, to=phone, body="Pepper at half price", is_expected=False)[0]


def test_a_form_asks_the_number_itself(tenant: Tenant, api: Client, providers: Providers) -> None:
    answer = fill_in(api)
    assert (answer.status, answer.json["success"], answer.statements) == (200, True, 8)
    assert standing(tenant) == "asked"
    (question,) = texts(tenant, providers)
    assert question.startswith(f"{tenant.host.removesuffix('.test')}: reply YES")
    row = tenant.rows("SELECT * FROM sms_consent")[0]
    assert (row["phone"], row["first_name"], row["email"], row["address"]) == (
        PHONE,
        "Ana",
        "ana@example.com",
        api.address,
    )
    shown = api.get("/api/sms-optin").json
    assert (row["wording_version"], row["wording"]) == (shown["version"], shown["wording"])
    assert tenant.host.removesuffix(".test") in row["wording"]


def test_only_its_own_yes_subscribes_a_number(tenant: Tenant, api: Client, providers: Providers) -> None:
    fill_in(api)
    refused = offer(tenant)
    assert len(texts(tenant, providers)) == 1
    assert (message(tenant, refused)["state"], message(tenant, refused)["error_code"]) == ("failed", "no_consent")
    assert reply(tenant, " yes! ") == 204
    assert standing(tenant) == "subscribed"
    offer(tenant)
    assert sorted(texts(tenant, providers)[1:], key=len) == ["Pepper at half price", welcome(tenant)]
    assert events(tenant) == [("asked", "form", None), ("yes", "reply", "YES")]


@pytest.mark.parametrize("word", [*sorted(rules.STOP_WORDS), "Stop.", "opt out", " stop all "])
def test_stop_stops_everything(word: str, tenant: Tenant, api: Client, providers: Providers) -> None:
    fill_in(api)
    reply(tenant, "YES")
    before = texts(tenant, providers)
    assert reply(tenant, word) == 204
    assert standing(tenant) == "stopped"
    expected, _ = make_sms(tenant, to=PHONE, body="Your code is 123456", is_secret=True)
    offered = offer(tenant)
    assert texts(tenant, providers) == before
    for each in (expected, offered):
        row = message(tenant, each)
        assert (row["state"], row["error_code"]) == ("failed", "opted_out")
    assert message(tenant, expected)["body_text"] == ""


def test_stop_counts_for_what_is_queued_already(tenant: Tenant, providers: Providers) -> None:
    queued, _ = make_sms(tenant, to=PHONE)
    reply(tenant, "STOP")
    assert texts(tenant, providers) == []
    assert message(tenant, queued)["error_code"] == "opted_out"


@pytest.mark.parametrize("word", sorted(rules.YES_WORDS))
def test_start_takes_a_stop_back(word: str, tenant: Tenant, api: Client, providers: Providers) -> None:
    fill_in(api)
    reply(tenant, "YES", sid="SM1")
    reply(tenant, "STOP", sid="SM2")
    reply(tenant, word, sid="SM3")
    assert standing(tenant) == "subscribed"


def test_start_is_no_consent_to_what_was_never_asked(tenant: Tenant, providers: Providers) -> None:
    reply(tenant, "STOP", sid="SM1")
    reply(tenant, "START", sid="SM2")
    offered = offer(tenant)
    make_sms(tenant, to=PHONE, body="Your parcel is here")
    assert texts(tenant, providers) == ["Your parcel is here"]
    assert (standing(tenant), message(tenant, offered)["error_code"]) == ("open", "no_consent")


def test_a_form_moves_nobody_who_said_stop(tenant: Tenant, api: Client, providers: Providers) -> None:
    reply(tenant, "STOP")
    asked, unknown = fill_in(api), fill_in(api, phone="+12125550143")
    assert (standing(tenant), asked.json, asked.status) == ("stopped", unknown.json, unknown.status)
    assert texts(tenant, providers) == []


@pytest.mark.parametrize("body", ["HELP", "When do you open?", "", "please stop the delivery on Monday", "yesterday"])
def test_other_texts_are_not_kept(body: str, tenant: Tenant) -> None:
    assert reply(tenant, body, sid="SM1") == 204
    assert (events(tenant), standing(tenant)) == ([], None)
    assert tenant.value("SELECT count(*) FROM webhook_delivery") == 0


@pytest.mark.parametrize(("kind", "state"), [("STOP", "stopped"), ("START", "subscribed"), ("HELP", "asked")])
def test_twilio_says_what_a_word_of_another_language_means(kind: str, state: str, tenant: Tenant, api: Client) -> None:
    fill_in(api)
    reply(tenant, "ALTO", sid="SM1", OptOutType=kind)
    assert standing(tenant) == state


@pytest.mark.parametrize("phone", ["", "12345", "whatsapp:+12125550142", "+1"])
def test_who_has_no_number_cannot_reply(phone: str, tenant: Tenant) -> None:
    assert reply(tenant, "STOP", phone=phone) == 204
    assert events(tenant) == []


def test_a_text_that_twilio_repeats_counts_once(tenant: Tenant, api: Client, providers: Providers) -> None:
    fill_in(api)
    assert together(8, lambda _: reply(tenant, "YES", sid="SM1")) == [204] * 8
    assert events(tenant) == [("asked", "form", None), ("yes", "reply", "YES")]
    reply(tenant, "STOP", sid="SM2")
    reply(tenant, "YES", sid="SM1")
    assert standing(tenant) == "stopped"


def test_yes_and_stop_at_once_end_in_one_of_them(tenant: Tenant, api: Client, providers: Providers) -> None:
    fill_in(api)
    together(10, lambda n: reply(tenant, "STOP" if n % 2 else "YES", sid=f"SM{n}"))
    last = events(tenant)[-1][0]
    assert len(events(tenant)) == 11
    assert standing(tenant) in ("stopped", "subscribed"), last


def test_a_reply_as_the_double_of_twilio_sends_it(tenant: Tenant, api: Client, providers: Providers) -> None:
    fill_in(api)
    providers.ask("POST", "/control/twilio/replies", {"sender": PHONE, "body": "Yes"})
    (delivery,) = providers.webhooks("twilio", "received")
    assert delivery.send(Client(tenant.host), path="/api/sms/inbound").status == 204
    assert standing(tenant) == "subscribed"


def test_a_forged_reply_changes_nothing(tenant: Tenant) -> None:
    form = urlencode({"MessageSid": "SM1", "From": PHONE, "Body": "STOP"})
    delivery = Delivery("twilio", "received", form, "application/x-www-form-urlencoded")
    assert delivery.send(Client(tenant.host), "foreign", path="/api/sms/inbound").status == 401
    assert events(tenant) == []


def test_what_twilio_refuses_for_a_stop_is_a_stop(tenant: Tenant, providers: Providers) -> None:
    refused = "+15005550004"
    make_sms(tenant, to=refused)
    tenant.work_off()
    assert (standing(tenant, refused), events(tenant)) == ("stopped", [("stop", "provider", None)])
    again, _ = make_sms(tenant, to=refused)
    providers.count("twilio", "messages.create")
    tenant.work_off()
    assert (message(tenant, again)["error_code"], providers.asked("twilio", "messages.create")) == ("opted_out", 0)


def test_a_report_of_a_stop_is_a_stop(tenant: Tenant, providers: Providers) -> None:
    providers.ask("POST", "/control/twilio/outcomes", {"status": "undelivered", "error_code": 21610})
    make_sms(tenant, to=PHONE)
    tenant.work_off()
    for delivery in providers.webhooks("twilio", "undelivered") * 2:
        delivery.send(Client(tenant.host))
    tenant.work_off()
    assert (standing(tenant), events(tenant)) == ("stopped", [("stop", "provider", None)])


@pytest.mark.parametrize(
    ("_case", "changed"),
    [
        ("no", {"consent": False}),
        ("text", {"consent": "true"}),
        ("number", {"consent": 1}),
        ("nothing", {"consent": None}),
        ("no number", {"phone": "tomorrow"}),
        ("another country", {"phone": "+447911123456"}),
        ("dear, behind +1", {"phone": "+18765551234"}),
        ("unknown wording", {"wording_version": "1999-01"}),
        ("a header in the name", {"first_name": "Ana\r\nBcc: x"}),
        ("no address", {"email": "ana"}),
    ],
)
def test_forms_that_prove_nothing(_case: str, changed: dict[str, Any], tenant: Tenant, api: Client) -> None:
    assert fill_in(api, **changed).status == 400
    assert (events(tenant), tenant.value("SELECT count(*) FROM message")) == ([], 0)


def test_proofs_stay_as_they_are(tenant: Tenant, api: Client) -> None:
    fill_in(api)
    for change in ("UPDATE sms_consent SET event = 'stop'", "DELETE FROM sms_consent"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tenant.rows(change)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tenant.as_owner(change)


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch, tenant: Tenant) -> Any:
    monkeypatch.setenv("QM_LIMITS", "on")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def test_a_number_is_asked_twice_a_day(limited: None, tenant: Tenant, providers: Providers, clock: Clock) -> None:
    callers = [Client(tenant.host, address=f"198.51.100.{n}") for n in range(6)]
    assert [fill_in(each).status for each in callers[:3]] == [200, 200, 429]
    clock.advance(seconds=24 * 3600)
    assert fill_in(callers[3]).status == 200
    assert len(texts(tenant, providers)) == 3


def test_a_range_of_numbers_is_asked_so_often(limited: None, tenant: Tenant) -> None:
    statuses = [
        fill_in(Client(tenant.host, address=f"198.51.100.{n}"), phone=f"+1212555{1000 + n}").status for n in range(32)
    ]
    assert (statuses.count(200), statuses[30:]) == (30, [429, 429])
    assert fill_in(Client(tenant.host, address="192.0.2.1"), phone="+13125551000").status == 200


def test_an_address_asks_so_often(limited: None, tenant: Tenant, clock: Clock) -> None:
    asked = []
    for n in range(22):
        asked.append(fill_in(Client(tenant.host), phone=f"+1{212 + n}5551000").status)
        clock.advance(seconds=60)
    assert asked.count(200) <= 20
    assert asked[-1] in (400, 429)


def test_counters_hold_no_number(limited: None, tenant: Tenant) -> None:

    fill_in(Client(tenant.host))
    rows = expiring.items()
    assert [row["pk"]["S"] for row in rows if "2125550142" in str(row)] == []


def test_the_front_door_says_what_needs_consent(tenant: Tenant, providers: Providers) -> None:
    with tenant.uow() as uow:
        messaging.send_sms(uow, PHONE, "An offer", kind="offer")
        messaging.send_sms(uow, PHONE, "Your code", kind="code", is_secret=True)
    assert texts(tenant, providers) == ["Your code"]


def test_an_address_that_does_not_exist_is_left_alone(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    from tests.factories.messages import make_mail

    with tenant.uow() as uow:
        from chalicelib.messaging import store

        store.suppress(uow, "Gone@Example.com", "550 5.1.1")
    suppressed, fine = make_mail(tenant, to="gone@example.com"), make_mail(tenant, to="here@example.com")
    tenant.work_off()
    assert [message(tenant, each)["state"] for each in (suppressed, fine)] == ["failed", "sent"]
    assert message(tenant, suppressed)["error_code"] == "suppressed"
    clock.advance(seconds=31 * 24 * 3600)
    later = make_mail(tenant, to="gone@example.com")
    tenant.work_off()
    assert message(tenant, later)["state"] == "sent"
