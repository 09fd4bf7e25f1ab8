"""Whatever Stripe's events tell, in any order and any number of times: one end state."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.client import Client
from tests.factories.payments import Checkout, make_checkout
from tests.factories.stock import check_books
from tests.providers import Delivery, Providers
from tests.tenant import Tenant


@dataclass(frozen=True)
class Story:
    """What happens at Stripe, the events that must have come of it, and how it ends here."""

    card: str
    types: tuple[str, ...]
    order: tuple[str, str]
    entries: tuple[tuple[str, int], ...]
    refund_minor: int = 0
    dispute: str = ""
    dispute_end: str = ""
    stopped: str | None = None
    paid_mails: int = 1


SUCCEEDED = "payment_intent.succeeded"
STORIES = {
    "paid": Story("success", (SUCCEEDED,), ("confirmed", "paid"), (("charge", 2500),)),
    "part of it went back": Story(
        "success",
        (SUCCEEDED, "refund.created"),
        ("confirmed", "part-refunded"),
        (("charge", 2500), ("refund", -1000)),
        refund_minor=1000,
    ),
    "what went back came back": Story(
        "refund_fails",
        (SUCCEEDED, "refund.created", "refund.failed"),
        ("confirmed", "paid"),
        (("charge", 2500), ("refund", -1000), ("refund", 1000)),
        refund_minor=1000,
    ),
    "a debit came back": Story(
        "bank",
        ("payment_intent.processing", SUCCEEDED, "charge.dispute.created", "charge.dispute.closed"),
        ("confirmed", "failed"),
        (("charge", 2500), ("return", -2500)),
        dispute="incorrect_account_details",
        stopped="payment_returned",
    ),
    "a dispute was won": Story(
        "success",
        (SUCCEEDED, "charge.dispute.created", "charge.dispute.closed", "charge.dispute.funds_reinstated"),
        ("confirmed", "paid"),
        (("charge", 2500), ("dispute", -2500), ("dispute", 2500)),
        dispute="fraudulent",
        dispute_end="won",
    ),
    "a dispute was lost after a refund": Story(
        "success",
        (SUCCEEDED, "refund.created", "charge.dispute.created", "charge.dispute.closed"),
        ("confirmed", "disputed"),
        (("charge", 2500), ("dispute", -1500), ("refund", -1000)),
        refund_minor=1000,
        dispute="product_not_received",
        dispute_end="lost",
    ),
    "a debit bounced": Story(
        "bank_bounces",
        ("payment_intent.processing", "payment_intent.payment_failed"),
        ("pending", "failed"),
        (),
        paid_mails=0,
    ),
}


def play(story: Story, checkout: Checkout, providers: Providers) -> list[Delivery]:
    """Does at the double what the story says; its webhooks."""
    from chalicelib.adapters import payments as stripe

    providers.pay(checkout.intent_id, card=story.card)
    if story.card.startswith("bank"):
        providers.webhooks("stripe", *story.types[:2], subject=checkout.intent_id)
    if story.refund_minor:
        stripe.gateway().create_refund(
            intent_id=checkout.intent_id,
            amount_minor=story.refund_minor,
            idempotency_key=f"x-{checkout.intent_id}",
            metadata={},
        )
    if story.dispute:
        asked = {"payment_intent": checkout.intent_id, "reason": story.dispute}
        made = providers.ask("POST", "/control/stripe/dispute", asked)
        if story.dispute_end:
            closed = {"dispute": made["id"], "status": story.dispute_end}
            providers.ask("POST", "/control/stripe/dispute/close", closed)
    return providers.webhooks("stripe", *story.types, subject=checkout.intent_id)


def end(checkout: Checkout) -> dict[str, Any]:
    """What must not depend on how it was told."""
    stopped = "SELECT stopped_because FROM sales_order WHERE id = %(id)s"
    picture = checkout.picture()
    return {
        "order": picture["order"],
        "entries": tuple(picture["entries"]),
        "due": picture["due"],
        "paid_mails": picture["paid_mails"],
        "stopped": checkout.tenant.value(stopped, id=checkout.order_id),
    }


@pytest.mark.parametrize("name", STORIES)
def test_any_order_and_number_of_deliveries_end_alike(name: str, tenant: Tenant, providers: Providers) -> None:
    story, api = STORIES[name], Client(tenant.host)
    expected = {
        "order": story.order,
        "entries": story.entries,
        "due": [],
        "paid_mails": story.paid_mails,
        "stopped": story.stopped,
    }

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def told(data: st.DataObject) -> None:
        checkout = make_checkout(tenant)
        deliveries = play(story, checkout, providers)
        again = data.draw(st.lists(st.sampled_from(range(len(deliveries))), max_size=4), label="again")
        for number in data.draw(st.permutations([*range(len(deliveries)), *again]), label="order"):
            assert deliveries[number].send(api).status == 200
            tenant.work_off(rounds=1)
        tenant.work_off()
        assert end(checkout) == expected

    told()
    check_books(tenant)
