"""The SMS gateway, the real Twilio SDK and the Twilio double, all together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from chalicelib.adapters.sms import ProviderRefused, ProviderUnavailable, TwilioGateway, WebhookRefused
from chalicelib.kernel.settings import Secrets, Settings
from infra.local.doubles.server import Doubles
from tests.doubles.conftest import (
    TWILIO_SID,
    TWILIO_TOKEN,
    Control,
    Platform,
    twilio_gateway,
    until,
)

TO = "+12025550123"


def test_a_message_is_delivered_and_tells_so(sms: TwilioGateway, control: Control, platform: Platform) -> None:
    callback = f"{platform.url}/api/sms/status-callback?message=7"
    sent = sms.send(to=TO, body="Your order has shipped", status_callback=callback)
    assert (sent.status, sent.to, sent.sent_at, sent.error_code) == ("queued", TO, None, None)
    until(lambda: len(platform.hooks) == 2)
    assert [hook.form["MessageStatus"] for hook in platform.hooks] == ["sent", "delivered"]
    assert {hook.form["MessageSid"] for hook in platform.hooks} == {sent.sid}
    for hook in platform.hooks:
        sms.verify_callback(callback, hook.form, hook.headers["X-Twilio-Signature"])
    now = sms.get(sent.sid)
    assert (now.status, now.body) == ("delivered", "Your order has shipped")
    assert now.sent_at is not None
    assert control.inbox(kind="sms")[0]["body"] == "Your order has shipped"


def test_a_message_that_does_not_arrive(sms: TwilioGateway, control: Control, platform: Platform) -> None:
    control.post("/control/twilio/outcomes", {"to": TO, "status": "undelivered", "error_code": 30003})
    sent = sms.send(to=TO, body="Hello", status_callback=f"{platform.url}/cb")
    until(lambda: sms.get(sent.sid).status == "undelivered")
    assert sms.get(sent.sid).error_code == 30003
    until(lambda: len(platform.hooks) == 2)
    last = platform.hooks[-1].form
    assert (last["ErrorCode"], last["ErrorMessage"]) == ("30003", "Unreachable destination handset")
    other = sms.send(to=TO, body="Hello again")
    until(lambda: sms.get(other.sid).status == "delivered")


@pytest.mark.parametrize(
    ("_case", "to", "body", "code"),
    [
        ("Twilio's own invalid number", "+15005550001", "Hi", "21211"),
        ("Twilio's own landline", "+15005550009", "Hi", "21614"),
        ("who does not want any", "+15005550004", "Hi", "21610"),
        ("no plus", "12025550123", "Hi", "21211"),
        ("too short", "+1202", "Hi", "21211"),
        ("letters", "+1202CALLNOW", "Hi", "21211"),
        ("a German landline", "+4930901820", "Hi", "21614"),
        ("nothing to say", TO, "", "21602"),
        ("too much to say", TO, "x" * 1601, "21617"),
        ("nobody", "", "Hi", "21604"),
    ],
)
def test_refusals(_case: str, to: str, body: str, code: str, sms: TwilioGateway, control: Control) -> None:
    with pytest.raises(ProviderRefused) as refused:
        sms.send(to=to, body=body)
    assert refused.value.code == code
    assert control.inbox() == []


def test_an_unknown_message_is_refused(sms: TwilioGateway) -> None:
    with pytest.raises(ProviderRefused) as refused:
        sms.get("SM" + "0" * 32)
    assert refused.value.code == "20404"


def test_wrong_credentials_say_nothing_about_the_message(doubles: Doubles, control: Control) -> None:
    with pytest.raises(ProviderUnavailable) as unavailable:
        twilio_gateway(doubles, token=SecretStr("wrong")).send(to=TO, body="Hi")
    assert not unavailable.value.maybe_done
    assert control.inbox() == []


@pytest.mark.parametrize(
    ("_case", "fault", "maybe_done", "sent"),
    [
        ("the answer is lost", {"drop": "after"}, True, 1),
        ("the request is lost", {"drop": "before"}, True, 0),
        ("an error after the work", {"status": 500, "is_after": True}, True, 1),
        ("an error instead of it", {"status": 503}, True, 0),
        ("too many requests", {"status": 429}, False, 0),
        ("too late", {"delay_s": 0.5}, True, 1),
    ],
)
def test_a_sender_without_an_answer_can_look_whether_it_was_sent(
    _case: str, fault: dict[str, Any], maybe_done: bool, sent: int, doubles: Doubles, control: Control
) -> None:
    started = datetime.now(UTC)
    gateway = twilio_gateway(doubles, read_s=0.2)
    control.fault("twilio", "messages.create", **fault)
    with pytest.raises(ProviderUnavailable) as unavailable:
        gateway.send(to=TO, body="Once")
    assert unavailable.value.maybe_done is maybe_done
    until(lambda: len(control.inbox()) == sent)
    assert [message.body for message in gateway.list_recent(to=TO, since=started)] == ["Once"] * sent


def test_nobody_there_means_nothing_was_sent() -> None:
    gateway = TwilioGateway(
        account_sid=TWILIO_SID, auth_token=TWILIO_TOKEN, from_number=TO, api_base="http://127.0.0.1:9"
    )
    with pytest.raises(ProviderUnavailable) as unavailable:
        gateway.send(to=TO, body="Hi")
    assert not unavailable.value.maybe_done


def test_an_answer_that_is_not_json_is_unavailable(sms: TwilioGateway, platform: Platform) -> None:
    gateway = TwilioGateway(account_sid=TWILIO_SID, auth_token=TWILIO_TOKEN, from_number=TO, api_base=platform.url)
    with pytest.raises(ProviderUnavailable) as unavailable:
        gateway.send(to=TO, body="Hi")
    assert unavailable.value.maybe_done


def test_recent_messages_are_of_this_number_and_time_newest_first(sms: TwilioGateway) -> None:
    since = datetime.now(UTC)
    for number in range(3):
        sms.send(to=TO, body=str(number))
    sms.send(to="+12025550199", body="to somebody else")
    assert [message.body for message in sms.list_recent(to=TO, since=since)] == ["2", "1", "0"]
    assert [message.body for message in sms.list_recent(to=TO, since=since, limit=2)] == ["2", "1"]
    assert sms.list_recent(to=TO, since=since + timedelta(hours=1)) == []


def test_the_sdk_filters_by_day_and_pages(sms: TwilioGateway, control: Control) -> None:
    for number in range(3):
        sms.send(to=TO, body=str(number))
    until(lambda: [item["status"] for item in control.inbox()] == ["delivered"] * 3)
    client, today = sms._client, datetime.now(UTC).date()
    day = timedelta(days=1)
    assert len(client.messages.list(date_sent=today, page_size=1)) == 3
    assert len(client.messages.list(date_sent_after=today - day)) == 3
    assert client.messages.list(date_sent_before=today - day) == []
    assert client.messages.list(from_="+12025550199") == []


def test_the_gateway_of_the_settings(doubles: Doubles) -> None:
    settings = Settings(
        twilio_account_sid=TWILIO_SID,
        twilio_from_number="+12025550100",
        twilio_api_base=f"{doubles.url}/twilio/",
    )
    gateway = TwilioGateway.from_settings(settings, Secrets(twilio_auth_token=TWILIO_TOKEN))
    assert gateway.send(to=TO, body="Hi").status == "queued"


def test_callbacks_that_prove_nothing_are_refused(sms: TwilioGateway) -> None:
    """The signature is Twilio's own example (Security, Validating requests), made with its SDK's token."""
    from twilio.request_validator import RequestValidator

    url, form = "https://shop.example/cb?a=1", {"MessageSid": "SM1", "MessageStatus": "sent", "Tag": ["b", "a"]}
    validator = RequestValidator(TWILIO_TOKEN.get_secret_value())
    good = validator.compute_signature(url, {"MessageSid": "SM1", "MessageStatus": "sent", "Tag": "a"})
    one = {**form, "Tag": "a"}
    sms.verify_callback(url, one, good)
    with_port = validator.compute_signature("https://shop.example:443/cb?a=1", one)
    sms.verify_callback(url, one, with_port)
    sms.verify_callback("https://shop.example:443/cb?a=1", one, good)
    foreign = RequestValidator("other").compute_signature(url, one)
    for wrong_url, wrong_form, signature in [
        (url, one, None),
        (url, one, ""),
        (url, one, good[:-2]),
        (url, one, "é" * 28),
        (url, one, foreign),
        (url, form, good),
        (url, {**one, "MessageStatus": "delivered"}, good),
        (url.replace("a=1", "a=2"), one, good),
        ("http://shop.example/cb?a=1", one, good),
    ]:
        with pytest.raises(WebhookRefused):
            sms.verify_callback(wrong_url, wrong_form, signature)


def test_a_field_that_occurs_twice_is_signed_with_both_values(sms: TwilioGateway) -> None:
    import base64
    import hashlib
    import hmac

    signed = b"https://shop.example/cbTagaTagb"
    digest = hmac.new(TWILIO_TOKEN.get_secret_value().encode(), signed, hashlib.sha1).digest()
    signature = base64.b64encode(digest).decode()
    sms.verify_callback("https://shop.example/cb", {"Tag": ["b", "a"]}, signature)
