"""ElevenLabs' post-call webhook, from the double to the adapter that verifies it."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from chalicelib.adapters import elevenlabs
from chalicelib.adapters.errors import WebhookRefused
from tests.doubles.conftest import VOICE_SECRET, Control, Platform, until

CALL = {
    "call_id": "call-1",
    "status": "completed",
    "duration": 61,
    "start_time": "2026-03-01T12:00:00Z",
    "end_time": "2026-03-01T12:01:01Z",
    "phone_number": "+12025550123",
    "transcript": "Grüße",
    "order_placed": True,
    "order_number": "Q-1",
    "tool_outputs": [{"tool": "check_order_status"}],
}
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = b'{"call_id": "call-1"}'


def header(body: bytes = BODY, moment: datetime = NOW, secret: str = VOICE_SECRET.get_secret_value()) -> str:
    at = int(moment.timestamp())
    return f"t={at},v0={hmac.new(secret.encode(), b'%d.%b' % (at, body), hashlib.sha256).hexdigest()}"


def test_the_end_of_a_call_is_told_and_signed(control: Control, platform: Platform) -> None:
    delivery = control.post("/control/elevenlabs/call-complete", CALL, status=202)["delivery_id"]
    (hook,) = until(lambda: list(platform.hooks))
    assert (hook.path, hook.json) == ("/api/voice/webhook/call-complete", CALL)
    signature = hook.headers["ElevenLabs-Signature"]
    elevenlabs.verify(hook.body, signature, datetime.now(UTC), secret=VOICE_SECRET)
    until(lambda: control.log(source="elevenlabs")[0]["state"] == "delivered")
    assert control.log()[0]["id"] == delivery


def test_a_call_needs_its_fields(control: Control) -> None:
    problems = control.post("/control/elevenlabs/call-complete", {"call_id": "1", "colour": "red"}, status=422)
    assert {problem["loc"][0] for problem in problems["details"]} == {
        "duration",
        "start_time",
        "end_time",
        "phone_number",
        "colour",
    }


@pytest.mark.parametrize("seconds", [-1800, 0, 300])
def test_within_half_an_hour_back_and_five_minutes_ahead(seconds: int) -> None:
    made = header(moment=NOW + timedelta(seconds=seconds))
    elevenlabs.verify(BODY, made, NOW, secret=VOICE_SECRET)


@pytest.mark.parametrize(
    ("_case", "body", "given"),
    [
        ("too old", BODY, header(moment=NOW - timedelta(seconds=1801))),
        ("from the future", BODY, header(moment=NOW + timedelta(seconds=301))),
        ("another body", BODY + b" ", header()),
        ("another secret", BODY, header(secret="other")),
        ("another scheme", BODY, header().replace("v0=", "v1=")),
        ("nothing", BODY, None),
        ("words", BODY, "signature"),
        ("two times", BODY, header() + ",t=1"),
    ],
)
def test_what_proves_nothing_is_refused(_case: str, body: bytes, given: str | None) -> None:
    with pytest.raises(WebhookRefused):
        elevenlabs.verify(body, given, NOW, secret=VOICE_SECRET)


def test_without_a_secret_nothing_is_verified() -> None:
    with pytest.raises(WebhookRefused):
        elevenlabs.verify(BODY, header(secret=""), NOW, secret=SecretStr(""))
