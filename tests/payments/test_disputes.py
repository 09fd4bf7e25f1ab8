"""Disputes: the money is booked, the customer's credit frozen, our evidence staged; in whatever order it is told."""

from typing import Any

import pytest

from tests.client import Client, Reply
from tests.factories.customers import Shopper, make_customer
from tests.factories.orders import order_body
from tests.factories.payments import Checkout, deliver_all, make_paid
from tests.factories.stock import make_shelf
from tests.providers import Providers, five_times_shuffled
from tests.tenant import Tenant

Case = tuple[Checkout, Shopper]


@pytest.fixture
def case(tenant: Tenant, providers: Providers) -> Case:
    """A paid order of a customer on terms."""
    checkout = make_paid(tenant, providers, delivery_email="ana@example.com", special_notes="ring twice")
    shopper = make_customer(tenant)
    tenant.rows("UPDATE sales_order SET customer_id = %(id)s RETURNING id", id=shopper.id)
    terms = "UPDATE customer SET payment_terms = 'net30', credit_limit_minor = 10000000 WHERE id = %(id)s RETURNING id"
    tenant.rows(terms, id=shopper.id)
    return checkout, shopper


def dispute(providers: Providers, checkout: Checkout, **more: Any) -> str:
    asked = {"payment_intent": checkout.intent_id, **more}
    return str(providers.ask("POST", "/control/stripe/dispute", asked)["id"])


def close(providers: Providers, dispute_id: str, status: str) -> None:
    providers.ask("POST", "/control/stripe/dispute/close", {"dispute": dispute_id, "status": status})


def order_on_terms(tenant: Tenant, shopper: Shopper) -> Reply:
    shelf = make_shelf(tenant, free=5)
    return shopper.client().post("/api/orders", order_body((shelf.product_id, 1), payment_method="net30"))


def test_an_open_dispute_freezes_credit_and_a_won_one_lifts_that(
    case: Case, tenant: Tenant, providers: Providers
) -> None:
    checkout, shopper = case
    assert order_on_terms(tenant, shopper).status == 201
    dispute_id = dispute(providers, checkout)
    deliver_all(tenant, providers, "charge.dispute.created")
    assert checkout.order() == ("confirmed", "disputed")
    refused = order_on_terms(tenant, shopper)
    assert (refused.status, refused.json["error"]) == (
        409,
        "Orders on terms are not possible for this account at present",
    )
    close(providers, dispute_id, "won")
    deliver_all(tenant, providers, "charge.dispute.closed")
    assert (checkout.order(), order_on_terms(tenant, shopper).status) == (("confirmed", "paid"), 201)
    assert checkout.entries() == [("charge", 2500), ("dispute", -2500), ("dispute", 2500)]


def test_a_lost_dispute_is_a_loss_and_freezes_until_somebody_forgives(
    case: Case, tenant: Tenant, providers: Providers
) -> None:
    from chalicelib.kernel.operations import operate

    checkout, shopper = case
    close(providers, dispute(providers, checkout), "lost")
    deliver_all(tenant, providers, "charge.dispute.closed")
    assert checkout.order() == ("confirmed", "disputed")
    assert checkout.entries() == [("charge", 2500), ("dispute", -2500)]
    assert (checkout.picture()["due"], order_on_terms(tenant, shopper).status) == ([], 409)
    asked = {
        "command": "forgive_dispute",
        "organization_id": tenant.id,
        "dispute_id": tenant.value("SELECT id FROM dispute"),
    }
    assert operate(asked) == {"result": True}
    tenant.work_off()
    assert order_on_terms(tenant, shopper).status == 201


def test_evidence_is_staged_and_submitted_by_a_person_only(case: Case, tenant: Tenant, providers: Providers) -> None:
    from chalicelib.kernel.operations import operate

    checkout, _ = case
    tenant.rows("UPDATE sales_order SET tracking_number = '1Z9', carrier = 'UPS' RETURNING id")
    dispute(providers, checkout)
    deliver_all(tenant, providers, "charge.dispute.created")
    kept = providers.records("stripe.dispute")[0]
    assert (kept["status"], kept["evidence_details"]["submission_count"]) == ("needs_response", 0)
    assert kept["evidence"]["shipping_tracking_number"] == "1Z9"
    assert checkout.number in kept["evidence"]["uncategorized_text"]
    assert "We have received your order" in kept["evidence"]["uncategorized_text"]
    asked = {
        "command": "submit_evidence",
        "organization_id": tenant.id,
        "dispute_id": tenant.value("SELECT id FROM dispute"),
    }
    assert operate(asked) == {"result": "submitted"}
    kept = providers.records("stripe.dispute")[0]
    assert (kept["status"], kept["evidence_details"]["submission_count"]) == ("under_review", 1)


def test_an_inquiry_takes_nothing_and_may_become_a_dispute(case: Case, tenant: Tenant, providers: Providers) -> None:
    checkout, shopper = case
    dispute_id = dispute(providers, checkout, is_inquiry=True)
    deliver_all(tenant, providers, "charge.dispute.created")
    assert (checkout.order(), order_on_terms(tenant, shopper).status) == (("confirmed", "paid"), 201)
    close(providers, dispute_id, "needs_response")
    deliver_all(tenant, providers, "charge.dispute.updated")
    assert (checkout.order(), order_on_terms(tenant, shopper).status) == (("confirmed", "disputed"), 409)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("end", ["won", "lost"])
def test_five_times_in_any_order_is_once(end: str, seed: int, case: Case, tenant: Tenant, providers: Providers) -> None:
    checkout, shopper = case
    close(providers, dispute(providers, checkout), end)
    told = [d for d in providers.webhooks("stripe", "charge.dispute.closed") if d.type.startswith("charge.dispute")]
    for delivery in five_times_shuffled(told, seed):
        assert delivery.send(Client(tenant.host)).status == 200
        tenant.work_off(rounds=1)
    tenant.work_off()
    row = tenant.rows("SELECT status, reason, amount_minor FROM dispute")[0]
    assert row == {"status": end, "reason": "fraudulent", "amount_minor": 2500}
    sums = sum(amount for kind, amount in checkout.entries() if kind == "dispute")
    frozen = order_on_terms(tenant, shopper).status == 409
    assert (sums, frozen) == ((0, False) if end == "won" else (-2500, True))
