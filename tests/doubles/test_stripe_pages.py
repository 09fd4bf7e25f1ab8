"""Payment links, refunds and disputes of the Stripe double, through the real SDK."""

import pytest

from chalicelib.adapters.payments import ProviderRefused
from chalicelib.adapters.stripe_api import StripeGateway
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.server import in_thread
from tests.doubles.conftest import Control, Platform, stripe_gateway, until


def make_link(payments: StripeGateway, key: str = "l1") -> str:
    made = payments.create_link(
        amount_minor=1999, currency="USD", name="Order Q-1", idempotency_key=key, metadata={"payment": "p"}
    )
    assert made.is_active
    return made.id


def test_a_link_is_completed_once_however_many_visit_it(
    payments: StripeGateway, control: Control, platform: Platform
) -> None:
    link_id = make_link(payments)
    first, second = (control.post("/control/stripe/visit", {"payment_link": link_id})["id"] for _ in range(2))
    control.post("/control/stripe/checkout", {"session": first})
    control.post("/control/stripe/checkout", {"session": second}, status=400)
    control.post("/control/stripe/visit", {"payment_link": link_id}, status=400)
    statuses = {session.id: session.status for session in payments.list_sessions(link_id)}
    assert statuses == {first: "complete", second: "open"}
    assert payments.expire_session(second).status == "expired"
    with pytest.raises(ProviderRefused):
        payments.expire_session(first)


def test_the_intent_of_a_visit_carries_the_links_metadata(payments: StripeGateway, control: Control) -> None:
    link_id = make_link(payments)
    session = control.post("/control/stripe/visit", {"payment_link": link_id})["id"]
    control.post("/control/stripe/checkout", {"session": session})
    (done,) = payments.list_sessions(link_id)
    assert done.intent_id is not None
    paid = payments.get_intent(done.intent_id)
    assert (paid.status, paid.metadata) == ("succeeded", {"payment": "p"})
    assert payments.get_charge(paid.id).captured_minor == 1999


def test_a_switched_off_link_takes_no_visits(payments: StripeGateway, control: Control) -> None:
    link_id = make_link(payments)
    assert [payments.deactivate_link(link_id).is_active for _ in range(2)] == [False, False]
    control.post("/control/stripe/visit", {"payment_link": link_id}, status=400)


def test_a_refund_on_its_way_goes_on_after_a_restart(settings: DoublesSettings, platform: Platform) -> None:
    slow = settings.model_copy(update={"doubles_step_s": 30.0})
    with in_thread(slow) as before:
        gateway, control = stripe_gateway(before), Control(before.url)
        made = gateway.create_intent(
            amount_minor=1999, currency="USD", idempotency_key="k", metadata={}, description="x"
        )
        control.pay(made.id, "pending_refund")
        refund = gateway.create_refund(
            intent_id=made.id, amount_minor=999, idempotency_key="r", metadata={"refund": "u"}
        )
        assert refund.status == "pending"
        control.close()
    with in_thread(settings) as after:
        again = stripe_gateway(after)
        until(lambda: again.get_refund(refund.id).status == "succeeded")
        assert [r.metadata for r in again.list_refunds(made.id)] == [{"refund": "u"}]


def test_evidence_is_kept_until_it_is_submitted(payments: StripeGateway, control: Control) -> None:
    made = payments.create_intent(amount_minor=1999, currency="USD", idempotency_key="k", metadata={}, description="x")
    control.pay(made.id)
    dispute_id = control.post("/control/stripe/dispute", {"payment_intent": made.id})["id"]
    for is_final, status in ((False, "needs_response"), (True, "under_review")):
        answered = payments.stage_evidence(
            dispute_id, {"customer_name": "Ana"}, is_final=is_final, idempotency_key=f"e{is_final}"
        )
        assert answered.status == status
    assert payments.get_dispute(dispute_id).evidence_due_at is not None
    with pytest.raises(ProviderRefused):
        payments.stage_evidence(dispute_id, {"customer_name": "Bo"}, is_final=True, idempotency_key="late")
