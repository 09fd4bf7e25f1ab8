"""What we have not heard of for long is asked at Stripe, until it has come to an end."""

from tests.client import Client
from tests.factories.payments import make_checkout, make_paid
from tests.providers import Providers
from tests.tenant import Clock, Tenant


def look(tenant: Tenant, clock: Clock, seconds: float = 16 * 60) -> None:
    from chalicelib.kernel import schedules

    clock.advance(seconds=seconds)
    schedules.settle_payments({}, None)
    tenant.work_off()


def test_a_payment_whose_webhook_was_lost_is_found(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    look(tenant, clock)
    assert checkout.order() == ("confirmed", "paid")


def test_a_debit_that_bounced_unheard_is_found(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id, card="bank_bounces")
    providers.webhooks("stripe", "payment_intent.payment_failed")
    look(tenant, clock)
    assert checkout.order() == ("pending", "failed")


def test_looking_grows_seldom(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    make_checkout(tenant)
    tenant.rows("UPDATE sales_order SET hold_expires_at = NULL RETURNING id")
    providers.count("stripe", "payment_intents.retrieve")
    asked = []
    for minutes in (16, 17, 16, 30):
        look(tenant, clock, seconds=minutes * 60)
        asked.append(providers.asked("stripe", "payment_intents.retrieve"))
    assert asked == [1, 2, 2, 3]


def test_an_intent_that_nobody_pays_is_cancelled_after_a_month(
    tenant: Tenant, providers: Providers, clock: Clock
) -> None:
    checkout = make_checkout(tenant)
    tenant.rows("UPDATE sales_order SET hold_expires_at = NULL RETURNING id")
    look(tenant, clock, seconds=31 * 24 * 3600)
    assert [i["status"] for i in providers.records("stripe.payment_intent")] == ["canceled"]
    assert checkout.order() == ("pending", "unpaid")


def test_a_refund_whose_end_was_lost_is_found(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    from chalicelib import orders

    checkout = make_paid(tenant, providers, card="pending_refund")
    with tenant.uow() as uow:
        orders.cancel(uow, checkout.order_id, reason="customer")
    tenant.work_off()
    providers.webhooks("stripe", "refund.updated")
    look(tenant, clock)
    assert tenant.value("SELECT state FROM refund") == "succeeded"


def test_a_dispute_whose_end_was_lost_is_found(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    checkout = make_paid(tenant, providers)
    asked = {"payment_intent": checkout.intent_id}
    made = providers.ask("POST", "/control/stripe/dispute", asked)
    told = providers.webhooks("stripe", "charge.dispute.created")
    next(d for d in told if d.type == "charge.dispute.created").send(Client(tenant.host))
    tenant.work_off()
    providers.ask("POST", "/control/stripe/dispute/close", {"dispute": made["id"], "status": "won"})
    look(tenant, clock)
    assert checkout.order() == ("confirmed", "paid")
