"""The payment gateway, the real Stripe SDK and the Stripe double, all together."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from pydantic import SecretStr

from chalicelib.adapters.payments import (
    Intent,
    ProviderRefused,
    ProviderUnavailable,
    WebhookRefused,
)
from chalicelib.adapters.stripe_api import StripeGateway
from chalicelib.kernel.settings import Secrets, Settings
from infra.local.doubles.server import Doubles
from tests.doubles.conftest import STRIPE_KEY, Control, Platform, stripe_gateway, until


def create(payments: StripeGateway, key: str = "k1", amount_minor: int = 1999, **more: Any) -> Intent:
    given: dict[str, Any] = {"currency": "USD", "metadata": {"order": "Q-1"}, "description": "Order Q-1", **more}
    return payments.create_intent(amount_minor=amount_minor, idempotency_key=key, **given)


@pytest.fixture
def sdk(doubles: Doubles) -> stripe.StripeClient:
    """The SDK by itself, for what the gateway does not offer."""
    addresses: Any = {"api": f"{doubles.url}/stripe"}
    return stripe.StripeClient(STRIPE_KEY.get_secret_value(), base_addresses=addresses, max_network_retries=0)


def test_a_card_payment_from_intent_to_refund(payments: StripeGateway, control: Control, platform: Platform) -> None:
    made = create(payments)
    assert (made.status, made.amount_minor, made.received_minor) == ("requires_payment_method", 1999, 0)
    assert (made.currency, made.metadata, made.charge_id) == ("USD", {"order": "Q-1"}, None)
    assert "_secret_" in made.client_secret
    assert made.client_secret not in repr(made)
    control.pay(made.id)
    paid = payments.get_intent(made.id)
    assert (paid.status, paid.received_minor) == ("succeeded", 1999)
    back = payments.create_refund(intent_id=made.id, amount_minor=500, idempotency_key="r1", metadata={})
    assert (back.status, back.amount_minor, back.currency) == ("succeeded", 500, "USD")
    assert (back.intent_id, back.charge_id) == (made.id, paid.charge_id)
    platform.wait_for("payment_intent.created", "payment_intent.succeeded", "refund.created")
    for hook in platform.hooks:
        payments.verify_signature(hook.body, hook.headers["Stripe-Signature"], datetime.now(UTC))
    by_type = {hook.json["type"]: hook.json["data"]["object"] for hook in platform.hooks}
    assert by_type["payment_intent.succeeded"]["id"] == made.id
    told = by_type["refund.created"]
    assert (told["id"], told["payment_intent"], told["amount"], told["status"]) == (back.id, made.id, 500, "succeeded")
    assert not any(hook.json["livemode"] for hook in platform.hooks)


def test_a_declined_card_can_be_followed_by_a_good_one(
    payments: StripeGateway, control: Control, platform: Platform
) -> None:
    made = create(payments)
    declined = control.pay(made.id, "declined", status=402)["error"]
    assert (declined["type"], declined["code"]) == ("card_error", "card_declined")
    assert (declined["decline_code"], declined["payment_intent"]["id"]) == ("generic_decline", made.id)
    failed = payments.get_intent(made.id)
    assert (failed.status, failed.failure_code) == ("requires_payment_method", "card_declined")
    control.pay(made.id)
    assert payments.get_intent(made.id).failure_code is None
    platform.wait_for("payment_intent.created", "payment_intent.payment_failed", "payment_intent.succeeded")


@pytest.mark.parametrize(
    ("card", "status", "last_event"),
    [
        ("bank", "succeeded", "payment_intent.succeeded"),
        ("bank_bounces", "requires_payment_method", "payment_intent.payment_failed"),
    ],
)
def test_a_bank_debit_takes_its_time(
    card: str, status: str, last_event: str, payments: StripeGateway, control: Control, platform: Platform
) -> None:
    made = create(payments)
    assert control.pay(made.id, card)["status"] == "processing"
    until(lambda: payments.get_intent(made.id).status == status)
    platform.wait_for("payment_intent.created", "payment_intent.processing", last_event)


@pytest.mark.parametrize(("is_good", "status"), [(True, "succeeded"), (False, "requires_payment_method")])
def test_authentication_ends_as_the_customer_ends_it(
    is_good: bool, status: str, payments: StripeGateway, control: Control
) -> None:
    made = create(payments)
    assert control.pay(made.id, "authentication")["status"] == "requires_action"
    control.post("/control/stripe/settle", {"payment_intent": made.id, "is_good": is_good})
    assert payments.get_intent(made.id).status == status


def test_the_browser_needs_the_right_client_secret(payments: StripeGateway, control: Control) -> None:
    made = create(payments)
    wrong = {"payment_intent": made.id, "client_secret": made.id + "_secret_guess"}
    assert control.post("/control/stripe/pay", wrong, status=404)["error"]["code"] == "resource_missing"
    right = {"payment_intent": made.id, "client_secret": made.client_secret}
    assert control.post("/control/stripe/pay", right)["status"] == "succeeded"
    again = control.post("/control/stripe/pay", right, status=400)["error"]
    assert again["code"] == "payment_intent_unexpected_state"


def test_cancelling(payments: StripeGateway, control: Control, platform: Platform) -> None:
    made = create(payments)
    assert payments.cancel_intent(made.id, idempotency_key="c1").status == "canceled"
    assert payments.cancel_intent(made.id, idempotency_key="c1").status == "canceled"
    with pytest.raises(ProviderRefused) as refused:
        payments.cancel_intent(made.id, idempotency_key="c2")
    assert refused.value.code == "payment_intent_unexpected_state"
    platform.wait_for("payment_intent.created", "payment_intent.canceled")
    assert control.pay(made.id, status=400)["error"]["payment_intent"]["status"] == "canceled"


@pytest.mark.parametrize(
    ("_case", "amounts", "code"),
    [
        ("more than was paid", [2000], "invalid_request_error"),
        ("more than is left", [1500, 500], "invalid_request_error"),
        ("nothing is left", [1999, 1], "charge_already_refunded"),
    ],
)
def test_refunds_never_exceed_the_payment(
    _case: str, amounts: list[int], code: str, payments: StripeGateway, control: Control
) -> None:
    made = create(payments)
    control.pay(made.id)
    *good, bad = amounts
    for number, amount in enumerate(good):
        payments.create_refund(intent_id=made.id, amount_minor=amount, idempotency_key=f"r{number}", metadata={})
    with pytest.raises(ProviderRefused) as refused:
        payments.create_refund(intent_id=made.id, amount_minor=bad, idempotency_key="bad", metadata={})
    assert refused.value.code == code
    charges = control.get("/control/state", kind="stripe.charge")["records"]["stripe.charge"]
    assert [charge["amount_refunded"] for charge in charges] == [sum(good)]


@pytest.mark.parametrize(
    ("_case", "arguments", "code"),
    [
        ("too little", {"amount_minor": 49}, "amount_too_small"),
        ("nothing", {"amount_minor": 0}, "parameter_invalid_integer"),
        ("too much", {"amount_minor": 10**9}, "amount_too_large"),
        ("no such currency", {"currency": "dollars"}, "invalid_request_error"),
    ],
)
def test_a_refused_intent_leaves_its_key_free(
    _case: str, arguments: dict[str, Any], code: str, payments: StripeGateway, control: Control
) -> None:
    with pytest.raises(ProviderRefused) as refused:
        create(payments, **arguments)
    assert refused.value.code == code
    assert control.get("/control/state")["records"] == {}
    assert create(payments).status == "requires_payment_method"


def test_the_same_key_gives_the_first_answer_again(
    payments: StripeGateway, sdk: stripe.StripeClient, platform: Platform
) -> None:
    assert create(payments) == create(payments)
    assert len(sdk.v1.payment_intents.list().data) == 1
    platform.wait_for("payment_intent.created")
    replay = sdk.v1.payment_intents.create(
        {
            "amount": 1999,
            "currency": "usd",
            "metadata": {"order": "Q-1"},
            "description": "Order Q-1",
            "automatic_payment_methods": {"enabled": True},
        },
        {"idempotency_key": "k1"},
    )
    assert replay.last_response
    assert replay.last_response.headers["Idempotent-Replayed"] == "true"


def test_the_same_key_for_something_else_is_refused(payments: StripeGateway) -> None:
    made = create(payments)
    with pytest.raises(ProviderRefused) as refused:
        create(payments, amount_minor=2000)
    assert refused.value.code == "idempotency_error"
    with pytest.raises(ProviderRefused) as refused:
        payments.cancel_intent(made.id, idempotency_key="k1")
    assert refused.value.code == "idempotency_error"
    assert payments.get_intent(made.id) == made


def test_the_same_key_while_the_first_still_runs_is_to_be_repeated(payments: StripeGateway, control: Control) -> None:
    control.fault("stripe", "payment_intents.create", delay_s=0.4)
    first: list[Intent] = []
    thread = threading.Thread(target=lambda: first.append(create(payments)))
    thread.start()
    until(lambda: control.get("/control/faults")["items"][0]["fired"])
    with pytest.raises(ProviderUnavailable):
        create(payments)
    thread.join()
    assert create(payments) == first[0]


@pytest.mark.parametrize(
    ("_case", "fault"),
    [
        ("the answer is lost", {"drop": "after"}),
        ("the answer is an error", {"status": 500, "is_after": True}),
        ("the answer is late", {"delay_s": 1.0}),
        ("the request is lost", {"drop": "before"}),
        ("Stripe is down", {"status": 503}),
        ("too many requests", {"status": 429}),
    ],
)
def test_a_lost_answer_is_found_again_with_the_same_key(
    _case: str, fault: dict[str, Any], doubles: Doubles, control: Control, platform: Platform
) -> None:
    payments = stripe_gateway(doubles, read_s=0.5)
    control.fault("stripe", "payment_intents.create", **fault)
    with pytest.raises(ProviderUnavailable):
        create(payments)
    made = until(lambda: _or_none(payments))
    assert made.status == "requires_payment_method"
    intents = control.get("/control/state", kind="stripe.payment_intent")["records"]["stripe.payment_intent"]
    assert [intent["id"] for intent in intents] == [made.id]
    platform.wait_for("payment_intent.created")


def _or_none(payments: StripeGateway) -> Intent | None:
    try:
        return create(payments)
    except ProviderUnavailable:
        return None


def test_wrong_credentials_say_nothing_about_the_payment(doubles: Doubles) -> None:
    with pytest.raises(ProviderUnavailable) as unavailable:
        create(stripe_gateway(doubles, key=SecretStr("sk_test_other")))
    assert not unavailable.value.maybe_done


def test_nobody_there_is_unavailable() -> None:
    gateway = StripeGateway(api_key=STRIPE_KEY, webhook_secret=STRIPE_KEY, api_base="http://127.0.0.1:9")
    with pytest.raises(ProviderUnavailable):
        gateway.get_intent("pi_1")


def test_an_intent_of_somebody_else_is_missing(payments: StripeGateway) -> None:
    with pytest.raises(ProviderRefused) as refused:
        payments.get_intent("pi_unknown")
    assert refused.value.code == "resource_missing"


def test_the_gateway_of_the_settings(doubles: Doubles) -> None:
    settings = Settings(stripe_api_base=f"{doubles.url}/stripe/")
    gateway = StripeGateway.from_settings(settings, Secrets(stripe_api_key=STRIPE_KEY))
    assert create(gateway).amount_minor == 1999


def test_a_dispute_takes_the_money_away(payments: StripeGateway, control: Control, platform: Platform) -> None:
    made = create(payments)
    control.post("/control/stripe/dispute", {"payment_intent": made.id}, status=400)
    control.pay(made.id)
    assert control.post("/control/stripe/dispute", {"payment_intent": made.id})["amount"] == 1999
    platform.wait_for(
        "payment_intent.created", "payment_intent.succeeded", "charge.dispute.created", "charge.dispute.funds_withdrawn"
    )
    hook = next(hook for hook in platform.hooks if hook.json["type"] == "charge.dispute.created")
    payments.verify_signature(hook.body, hook.headers["Stripe-Signature"], datetime.now(UTC))
    assert hook.json["data"]["object"]["payment_intent"] == made.id


def test_the_sdk_pages_filters_and_expands(sdk: stripe.StripeClient) -> None:
    customer = sdk.v1.customers.create({"email": "a@shop.example", "metadata": {"no": "7"}})
    intents = [
        sdk.v1.payment_intents.create({"amount": 100 + n, "currency": "eur", "customer": customer.id}) for n in range(5)
    ]
    page = sdk.v1.payment_intents.list({"limit": 2})
    assert ([intent.amount for intent in page.data], page.has_more) == ([104, 103], True)
    assert [intent.amount for intent in page.auto_paging_iter()] == [104, 103, 102, 101, 100]
    before = sdk.v1.payment_intents.list({"limit": 2, "ending_before": intents[1].id})
    assert [intent.amount for intent in before.data] == [103, 102]
    paid = sdk.v1.payment_intents.confirm(
        intents[0].id, {"payment_method": "pm_card_visa", "expand": ["latest_charge.customer"]}
    )
    charge: Any = paid.latest_charge
    assert (charge.status, charge.customer.email) == ("succeeded", "a@shop.example")
    assert sdk.v1.charges.list({"payment_intent": intents[0].id}).data[0].id == charge.id
    events = sdk.v1.events.list({"type": "payment_intent.succeeded"}).data
    assert [event.data.object["id"] for event in events] == [paid.id]
    assert sdk.v1.events.retrieve(events[0].id).type == "payment_intent.succeeded"
    long_ago = int((datetime.now(UTC) - timedelta(days=1)).timestamp())
    assert sdk.v1.payment_intents.list({"created": {"lt": long_ago}}).data == []
    changed = sdk.v1.customers.update(customer.id, {"name": "Ada", "metadata": {"no": "", "tier": "gold"}})
    assert (changed.name, changed.email) == ("Ada", "a@shop.example")
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"tier": "gold"}


def test_the_sdk_authorizes_and_captures(sdk: stripe.StripeClient) -> None:
    held = sdk.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "usd",
            "capture_method": "manual",
            "payment_method": "pm_card_visa",
            "confirm": True,
        }
    )
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 5000, 0)
    taken = sdk.v1.payment_intents.capture(held.id, {"amount_to_capture": 4000})
    assert (taken.status, taken.amount_received) == ("succeeded", 4000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.refunds.create({"payment_intent": held.id, "amount": 4001})
    assert refused.value.http_status == 400


def test_the_sdk_sees_declines_unknown_parameters_and_unknown_methods(sdk: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        sdk.v1.payment_intents.create(
            {"amount": 500, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True}
        )
    assert (declined.value.code, declined.value.http_status) == ("card_declined", 402)
    wrong: Any = {"amount": 500, "currency": "usd", "colour": "red"}
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        sdk.v1.payment_intents.create(wrong)
    assert (unknown.value.code, unknown.value.param) == ("parameter_unknown", "colour")
    bank = sdk.v1.payment_methods.create(
        {
            "type": "us_bank_account",
            "us_bank_account": {"account_number": "000123456789", "routing_number": "110000000"},
        }
    )
    paid = sdk.v1.payment_intents.create({"amount": 500, "currency": "usd", "payment_method": bank.id, "confirm": True})
    assert paid.status == "processing"
    with pytest.raises(stripe.InvalidRequestError) as nowhere:
        sdk.raw_request("get", "/v1/wishes")
    assert nowhere.value.http_status == 404


def test_an_intent_changes_until_it_is_paid(sdk: stripe.StripeClient) -> None:
    made = sdk.v1.payment_intents.create({"amount": 500, "currency": "usd", "metadata": {"a": "1", "b": "2"}})
    changed = sdk.v1.payment_intents.update(made.id, {"amount": 700, "metadata": {"a": "", "c": "3"}})
    assert (changed.amount, changed.metadata.to_dict()) == (700, {"b": "2", "c": "3"})
    sdk.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_mastercard"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.payment_intents.update(made.id, {"amount": 1})
    assert refused.value.code == "payment_intent_unexpected_state"


def test_webhooks_that_prove_nothing_are_refused(payments: StripeGateway, platform: Platform) -> None:
    create(payments)
    platform.wait_for("payment_intent.created")
    hook, now = platform.hooks[0], datetime.now(UTC)
    good = hook.headers["Stripe-Signature"]
    time_, _, digest = good.partition(",")
    payments.verify_signature(hook.body, good, now)
    payments.verify_signature(hook.body, f"{time_},v1={'0' * 64},{digest},v0=whatever", now)
    wrong: list[tuple[str, bytes, str | None, datetime]] = [
        ("no header", hook.body, None, now),
        ("an empty header", hook.body, "", now),
        ("no time", hook.body, digest, now),
        ("two times", hook.body, f"{time_},t=1,{digest}", now),
        ("no digest", hook.body, time_, now),
        ("a digest of another scheme", hook.body, good.replace("v1=", "v0="), now),
        ("a digest that is no digest", hook.body, f"{time_},v1=é", now),
        ("another time", hook.body, good.replace(time_, f"{time_}0"), now),
        ("another digest", hook.body, f"{time_},v1={'0' * 64}", now),
        ("another body", hook.body + b" ", good, now),
        ("a body that is no text", b"\xff", good, now),
        ("too old", hook.body, good, now + timedelta(seconds=302)),
        ("from the future", hook.body, good, now - timedelta(seconds=302)),
    ]
    for case, body, header, moment in wrong:
        assert _is_refused(payments, body, header, moment), case


def _is_refused(payments: StripeGateway, body: bytes, header: str | None, now: datetime) -> bool:
    try:
        payments.verify_signature(body, header, now)
    except WebhookRefused:
        return True
    return False


def test_without_a_secret_nothing_is_verified(platform: Platform, payments: StripeGateway) -> None:
    create(payments)
    platform.wait_for("payment_intent.created")
    bare = StripeGateway(api_key=STRIPE_KEY, webhook_secret=SecretStr(""), api_base="http://127.0.0.1:9")
    hook = platform.hooks[0]
    with pytest.raises(WebhookRefused):
        bare.verify_signature(hook.body, hook.headers["Stripe-Signature"], datetime.now(UTC))
