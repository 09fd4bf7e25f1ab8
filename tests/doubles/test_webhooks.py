"""How webhooks leave: retried, doubled, shuffled, held, forged; and that a kill loses none."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.adapters.payments import WebhookRefused
from chalicelib.adapters.sms import TwilioGateway
from chalicelib.adapters.stripe_api import StripeGateway
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.server import Doubles, in_thread
from tests.doubles.conftest import STRIPE_KEY, STRIPE_SECRET, Control, Platform, stripe_gateway, until


def pay(payments: StripeGateway, control: Control, key: str = "k") -> str:
    made = payments.create_intent(amount_minor=100, currency="USD", idempotency_key=key, metadata={}, description="x")
    control.pay(made.id)
    return made.id


def statuses(control: Control, **query: str) -> list[list[int | None]]:
    return [[attempt["status"] for attempt in each["attempts"]] for each in control.log(**query)]


def test_a_webhook_is_repeated_until_it_is_taken(payments: StripeGateway, control: Control, platform: Platform) -> None:
    platform.answers += [500, 404, 302]
    payments.create_intent(amount_minor=100, currency="USD", idempotency_key="k", metadata={}, description="x")
    until(lambda: [each["state"] for each in control.log()] == ["delivered"])
    assert statuses(control) == [[500, 404, 302, 200]]
    assert len({hook.json["id"] for hook in platform.hooks}) == 1


def test_twilio_does_not_repeat_what_was_answered(sms: TwilioGateway, control: Control, platform: Platform) -> None:
    platform.answers += [500]
    sms.send(to="+12025550123", body="Hi", status_callback=f"{platform.url}/cb")
    until(lambda: [each["state"] for each in control.log()] == ["failed", "delivered"])
    assert statuses(control) == [[500], [200]]


def test_twice(payments: StripeGateway, control: Control, platform: Platform) -> None:
    control.post("/control/webhooks", {"source": "stripe", "mode": "twice"})
    pay(payments, control)
    platform.wait_for(*["payment_intent.created"] * 2, *["payment_intent.succeeded"] * 2)
    assert len({hook.json["id"] for hook in platform.hooks}) == 2


def test_shuffled(payments: StripeGateway, control: Control, platform: Platform) -> None:
    control.post("/control/webhooks", {"mode": "shuffled", "window_s": 0.3, "seed": 1})
    for number in range(3):
        pay(payments, control, f"k{number}")
    made = [each["external_id"] for each in control.log()]
    until(lambda: len(platform.hooks) == 6)
    came = [hook.json["id"] for hook in platform.hooks]
    assert sorted(came) == sorted(made)
    assert came != made


@pytest.mark.parametrize(("order", "step"), [("fifo", 1), ("reversed", -1)])
def test_held_until_released(
    order: str, step: int, payments: StripeGateway, control: Control, platform: Platform
) -> None:
    control.post("/control/webhooks", {"mode": "held"})
    pay(payments, control)
    assert [each["state"] for each in control.log()] == ["held", "held"]
    assert platform.hooks == []
    assert len(control.post("/control/webhooks/release", {"order": order})["released"]) == 2
    until(lambda: len(platform.hooks) == 2)
    assert platform.types() == ["payment_intent.created", "payment_intent.succeeded"][::step]
    pay(payments, control, "later")
    until(lambda: len(platform.hooks) == 4)


def test_delayed(payments: StripeGateway, control: Control, platform: Platform) -> None:
    control.post("/control/webhooks", {"mode": "delayed", "delay_s": 0.2})
    pay(payments, control)
    assert [each["attempts"] for each in control.log()] == [[], []]
    until(lambda: [each["state"] for each in control.log()] == ["delivered"] * 2)


@pytest.mark.parametrize("mode", ["tampered", "foreign", "stale", "future"])
def test_forged_ones_are_recognised_and_the_good_one_can_be_sent_again(
    mode: str, payments: StripeGateway, control: Control, platform: Platform
) -> None:
    control.post("/control/webhooks", {"mode": mode})
    platform.answers += [400]
    payments.create_intent(amount_minor=100, currency="USD", idempotency_key="k", metadata={}, description="x")
    until(lambda: [each["state"] for each in control.log()] == ["failed"])
    forged = platform.hooks[0]
    with pytest.raises(WebhookRefused):
        payments.verify_signature(forged.body, forged.headers["Stripe-Signature"], datetime.now(UTC))
    control.post(f"/control/webhooks/{control.log()[0]['id']}/redeliver", status=202)
    until(lambda: [each["state"] for each in control.log()] == ["delivered"])
    good = platform.hooks[1]
    assert good.body == forged.body
    payments.verify_signature(good.body, good.headers["Stripe-Signature"], datetime.now(UTC))
    control.post("/control/webhooks/whd_unknown/redeliver", status=404)


def test_what_was_not_delivered_survives_a_restart(settings: DoublesSettings, platform: Platform) -> None:
    platform.answers += [503] * 2
    slow = settings.model_copy(update={"doubles_retry_s": 30.0})
    with in_thread(slow) as before:
        control = Control(before.url)
        intent_id = pay(stripe_gateway(before), control)
        until(lambda: statuses(control) == [[503], [503]])
        control.close()
    with in_thread(settings) as after:
        control = Control(after.url)
        until(lambda: statuses(control) == [[503, 200], [503, 200]])
        assert stripe_gateway(after).get_intent(intent_id).status == "succeeded"
        control.close()


def test_a_killed_double_comes_back_as_it_was(settings: DoublesSettings, platform: Platform) -> None:
    """State, idempotency keys and held webhooks; the program is the one that `make run` starts."""
    variables = {
        "QM_DOUBLES_PORT": "0",
        "QM_SMTP_PORT": "0",
        "QM_DATA_DIR": str(settings.data_dir),
        "QM_PUBLIC_URL": platform.url,
        "QM_STRIPE_API_KEY": STRIPE_KEY.get_secret_value(),
        "QM_STRIPE_WEBHOOK_SECRET": STRIPE_SECRET.get_secret_value(),
    }
    command = [sys.executable, "-m", "infra.local.doubles"]
    with subprocess.Popen(command, env={**os.environ, **variables}, stdout=subprocess.PIPE) as process:
        assert process.stdout
        url = process.stdout.readline().decode().split()[1].rstrip(",")
        control = Control(url)
        control.post("/control/webhooks", {"mode": "held"})
        gateway = StripeGateway(api_key=STRIPE_KEY, webhook_secret=STRIPE_SECRET, api_base=f"{url}/stripe")
        intent_id = pay(gateway, control)
        control.close()
        process.send_signal(signal.SIGKILL)
    with in_thread(settings) as after:
        again = stripe_gateway(after)
        made: dict[str, Any] = {"currency": "USD", "idempotency_key": "k", "metadata": {}, "description": "x"}
        assert again.create_intent(amount_minor=100, **made).id == intent_id
        assert again.get_intent(intent_id).status == "succeeded"
        control = Control(after.url)
        control.post("/control/webhooks/release")
        platform.wait_for("payment_intent.created", "payment_intent.succeeded")
        control.close()


def test_the_program_ends_on_a_signal_and_says_when_a_port_is_taken(doubles: Doubles) -> None:
    command = [sys.executable, "-m", "infra.local.doubles"]
    free = {**os.environ, "QM_DOUBLES_PORT": "0", "QM_SMTP_PORT": "0"}
    with subprocess.Popen(command, env=free, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(b"doubles: http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(8) == 0
    taken = {**free, "QM_DOUBLES_PORT": str(doubles.http_port)}
    refused = subprocess.run(command, env=taken, capture_output=True, check=False, timeout=8)
    assert refused.returncode == 1
    assert refused.stderr.startswith(b"The provider doubles cannot listen: ")


def test_bank_debits_and_messages_under_way_go_on_after_a_restart(
    settings: DoublesSettings, platform: Platform
) -> None:
    slow = settings.model_copy(update={"doubles_step_s": 30.0})
    with in_thread(slow) as before:
        control, payments = Control(before.url), stripe_gateway(before)
        made = payments.create_intent(
            amount_minor=100, currency="USD", idempotency_key="k", metadata={}, description="x"
        )
        assert control.pay(made.id, "bank")["status"] == "processing"
        control.close()
    with in_thread(settings) as after:
        payments = stripe_gateway(after)
        until(lambda: payments.get_intent(made.id).status == "succeeded")
