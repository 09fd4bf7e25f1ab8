"""The signature checks by themselves: both bounds of time, to the second."""

import hashlib
import hmac

import pytest

from chalicelib.adapters import elevenlabs, payments, signatures
from chalicelib.kernel import clock
from chalicelib.kernel.requests import HttpRequest
from chalicelib.kernel.settings import settings
from chalicelib.kernel.vault import secrets
from chalicelib.kernel.webhooks import BadSignature, NotConfigured
from tests.tenant import Clock

BODY = b'{"id":"evt_1","type":"customer.created","created":1,"livemode":false,"data":{"object":{"object":"customer"}}}'


def request(scheme: str, secret: str, *, age_s: int, body: bytes = BODY) -> HttpRequest:
    signed_at = int(clock.timestamp()) - age_s
    digest = hmac.new(secret.encode(), b"%d.%b" % (signed_at, BODY), hashlib.sha256).hexdigest()
    name = "stripe-signature" if scheme == "v1" else "elevenlabs-signature"
    headers = {name: f"t={signed_at},{scheme}={digest}"}
    return HttpRequest("POST", "/", headers, {}, body, "203.0.113.7", "r1")


def stripe(**more: int) -> HttpRequest:
    return request("v1", secrets().stripe_webhook_secret.get_secret_value(), **more)  # type: ignore[arg-type]  # the fields are given by name


def agents(**more: int) -> HttpRequest:
    return request("v0", secrets().elevenlabs_webhook_secret.get_secret_value(), **more)  # type: ignore[arg-type]  # the fields are given by name


SLACK_S = 3
"""The clock goes on while the test runs."""


@pytest.mark.parametrize("age_s", [0, payments.TOLERANCE_S - SLACK_S, -payments.TOLERANCE_S + SLACK_S])
def test_stripe_within_its_bounds(age_s: int) -> None:
    signatures.verify_stripe(stripe(age_s=age_s))


@pytest.mark.parametrize("age_s", [payments.TOLERANCE_S + 1, -payments.TOLERANCE_S - SLACK_S, 10**9])
def test_stripe_outside_its_bounds(age_s: int) -> None:
    with pytest.raises(BadSignature):
        signatures.verify_stripe(stripe(age_s=age_s))


@pytest.mark.parametrize("age_s", [0, elevenlabs.PAST_S - SLACK_S, -elevenlabs.AHEAD_S + SLACK_S])
def test_elevenlabs_within_its_bounds(age_s: int) -> None:
    signatures.verify_elevenlabs(agents(age_s=age_s))


@pytest.mark.parametrize("age_s", [elevenlabs.PAST_S + 1, -elevenlabs.AHEAD_S - SLACK_S])
def test_elevenlabs_outside_its_bounds(age_s: int) -> None:
    with pytest.raises(BadSignature):
        signatures.verify_elevenlabs(agents(age_s=age_s))


def test_the_business_clock_decides(clock: Clock) -> None:
    signed = stripe(age_s=0)
    clock.advance(seconds=payments.TOLERANCE_S + SLACK_S)
    with pytest.raises(BadSignature):
        signatures.verify_stripe(signed)


@pytest.mark.parametrize("header", ["", "v1=00", "t=1", "t=1,t=2,v1=" + "0" * 64, "t=x,v1=" + "0" * 64, "t=1,v1=zz"])
def test_headers_that_can_be_read_in_two_ways_are_refused(header: str) -> None:
    forged = HttpRequest("POST", "/", {"stripe-signature": header}, {}, BODY, "203.0.113.7", "r1")
    with pytest.raises(BadSignature):
        signatures.verify_stripe(forged)


@pytest.mark.parametrize(
    ("name", "verify"),
    [
        ("QM_STRIPE_WEBHOOK_SECRET", signatures.verify_stripe),
        ("QM_TWILIO_AUTH_TOKEN", signatures.verify_twilio),
        ("QM_ELEVENLABS_WEBHOOK_SECRET", signatures.verify_elevenlabs),
    ],
)
def test_without_a_secret_nothing_is_verified(name: str, verify: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    settings.cache_clear()
    try:
        with pytest.raises(NotConfigured):
            verify(HttpRequest("POST", "/", {}, {}, b"", "203.0.113.7", "r1"))  # type: ignore[operator]  # what a missing secret makes of it
    finally:
        monkeypatch.undo()
        settings.cache_clear()
