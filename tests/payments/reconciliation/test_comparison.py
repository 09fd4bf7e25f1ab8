"""The night's comparison: nothing to say where all is well, every kind of difference listed, nothing mended."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.kernel import clock, schedules
from chalicelib.kernel.operations import operate
from chalicelib.payments.reconciliation import rules, service
from chalicelib.payments.reconciliation.events import ReconcileDue
from tests.factories.credit import balance_of, make_credit_order
from tests.factories.identity import make_staff
from tests.factories.payments import Checkout, make_checkout
from tests.providers import Providers
from tests.tenant import Clock, Tenant
from tests.threads import together

HOUR_S = 3600


def compare(tenant: Tenant, clock: Clock | None = None) -> list[tuple[str, str, str, str]]:
    """A comparison from beginning to end; (kind, subject, ours, theirs) of what is open then."""
    if clock is not None:
        clock.advance(seconds=HOUR_S + 60)
    with tenant.uow() as uow:
        started = service.start_now(uow)
    tenant.work_off(rounds=40)
    assert tenant.value("SELECT phase FROM reconciliation WHERE id = %(id)s", id=started) == "done"
    with tenant.uow() as uow:
        return [(d.kind, d.subject, d.ours, d.theirs) for d in service.open_differences(uow)]


def pay(checkout: Checkout, providers: Providers) -> None:
    providers.pay(checkout.intent_id)
    assert checkout.confirm().json["success"] is True


def payment_id(checkout: Checkout) -> int:
    return int(checkout.tenant.value("SELECT max(id) FROM payment WHERE order_id = %(id)s", id=checkout.order_id))


def test_where_all_is_well_nothing_differs(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    from chalicelib.adapters import payments as stripe

    paid, refunded, open_ = (make_checkout(tenant) for _ in range(3))
    pay(paid, providers)
    pay(refunded, providers)
    stripe.gateway().create_refund(
        intent_id=refunded.intent_id, amount_minor=1000, idempotency_key=f"r-{refunded.intent_id}", metadata={}
    )
    for delivery in providers.webhooks("stripe", "refund.created", subject=refunded.intent_id):
        delivery.send(_api(tenant))
    make_credit_order(tenant, credit_minor=4000).pay()
    tenant.work_off()
    assert open_.order() == ("pending", "unpaid")
    assert compare(tenant, clock) == []
    lines = tenant.rows("SELECT type, amount_minor FROM provider_transaction ORDER BY amount_minor, id")
    assert [tuple(line.values()) for line in lines] == [("refund", -1000), ("charge", 2500), ("charge", 2500)]


def _api(tenant: Tenant) -> Any:
    from tests.client import Client

    return Client(tenant.host)


def test_what_came_back_after_all_adds_up(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    """A debit that returned, a refund that failed, a dispute that was won: told in different words, the same sums."""
    from chalicelib.adapters import payments as stripe

    returned, failed, won = (make_checkout(tenant) for _ in range(3))
    providers.pay(returned.intent_id, card="bank")
    providers.webhooks("stripe", "payment_intent.succeeded", subject=returned.intent_id)
    providers.pay(failed.intent_id, card="refund_fails")
    providers.pay(won.intent_id)
    reason = {"payment_intent": returned.intent_id, "reason": "insufficient_funds"}
    providers.ask("POST", "/control/stripe/dispute", reason)
    dispute = providers.ask("POST", "/control/stripe/dispute", {"payment_intent": won.intent_id})
    providers.ask("POST", "/control/stripe/dispute/close", {"dispute": dispute["id"], "status": "won"})
    stripe.gateway().create_refund(
        intent_id=failed.intent_id, amount_minor=2500, idempotency_key=f"f-{failed.intent_id}", metadata={}
    )
    providers.webhooks("stripe", "refund.failed", "charge.dispute.closed")
    for delivery in providers.webhooks("stripe"):
        delivery.send(_api(tenant))
    tenant.work_off(rounds=20)
    assert compare(tenant, clock) == []
    sums = tenant.rows("SELECT provider_id, sum(amount_minor)::int AS minor FROM provider_transaction GROUP BY 1")
    assert {row["provider_id"]: row["minor"] for row in sums} == {
        returned.intent_id: 0,
        failed.intent_id: 2500,
        won.intent_id: 2500,
    }


def test_money_at_stripe_that_nobody_told_us_of(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    """The webhook was lost; listed, and not mended: that is the business of the webhook, which comes after all."""
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    expected = ("stripe_amount", f"payment:{payment_id(checkout)}", "0.00 USD", "25.00 USD")
    assert compare(tenant, clock) == [expected]
    assert (checkout.order(), checkout.entries()) == (("pending", "unpaid"), [])
    first = tenant.rows("SELECT id, first_seen_at FROM reconciliation_difference")
    assert compare(tenant, clock) == [expected]
    assert tenant.rows("SELECT id, first_seen_at FROM reconciliation_difference") == first
    assert checkout.confirm().json["success"] is True
    clock.advance(seconds=2 * HOUR_S)
    assert compare(tenant) == []
    closed = tenant.rows("SELECT id, closed_at IS NOT NULL AS is_closed FROM reconciliation_difference")
    assert closed == [{"id": first[0]["id"], "is_closed": True}]


def test_what_is_younger_than_an_hour_waits(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    checkout = make_checkout(tenant)
    providers.pay(checkout.intent_id)
    assert compare(tenant) == []
    clock.advance(seconds=HOUR_S + 60)
    assert len(compare(tenant)) == 1


def test_money_that_stripe_does_not_have(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    checkout = make_checkout(tenant)
    pay(checkout, providers)
    tenant.rows(
        "INSERT INTO payment_entry (payment_id, kind, external_id, amount_minor, currency, recorded_at)"
        " VALUES (%(id)s, 'dispute', 'du_invented', -900, 'USD', %(now)s) RETURNING id",
        id=payment_id(checkout),
        now=clock_now(),
    )
    found = compare(tenant, clock)
    assert ("stripe_amount", f"payment:{payment_id(checkout)}", "16.00 USD", "25.00 USD") in found
    assert ("order_state", f"order:{checkout.order_id}", "paid", "disputed") in found


def clock_now() -> datetime:
    return clock.now()


def test_an_intent_with_our_mark_that_nobody_knows(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    from chalicelib.adapters import payments as stripe

    make_checkout(tenant)  # without a payment of ours there is nothing to read
    marks = {"payment": "00000000-0000-4000-8000-000000000001", "organization": str(tenant.id)}
    known = {"currency": "USD", "description": "test"}
    ours = stripe.gateway().create_intent(amount_minor=700, idempotency_key=f"u{tenant.id}", metadata=marks, **known)
    foreign = stripe.gateway().create_intent(amount_minor=800, idempotency_key=f"f{tenant.id}", metadata={}, **known)
    for intent in (ours, foreign):
        providers.pay(intent.id)
    assert compare(tenant, clock) == [("stripe_unknown", f"intent:{ours.id}", "0.00 USD", "7.00 USD")]


@pytest.mark.parametrize("state", ["paid", "refunded", "processing"])
def test_an_order_that_says_what_no_payment_says(state: str, tenant: Tenant) -> None:
    order = make_credit_order(tenant)
    tenant.rows(
        "UPDATE sales_order SET payment_state = %(state)s WHERE id = %(id)s RETURNING id", state=state, id=order.id
    )
    assert compare(tenant) == [("order_state", f"order:{order.id}", state, "unpaid")]
    assert order.state() == ("pending", state)


def test_an_order_on_terms_that_is_overdue_is_not_different(tenant: Tenant) -> None:
    order = make_credit_order(tenant, credit_minor=500)
    order.pay()
    tenant.rows("UPDATE sales_order SET payment_state = 'overdue' WHERE id = %(id)s RETURNING id", id=order.id)
    assert compare(tenant) == []


def test_store_credit_that_was_edited_behind_our_back(tenant: Tenant) -> None:
    order = make_credit_order(tenant, credit_minor=4000)
    order.pay(amount=10)
    tenant.as_owner(
        "UPDATE store_credit_account SET balance_minor = 9999 WHERE customer_id = %(id)s", id=order.shopper.id
    )
    tenant.rows(
        "INSERT INTO payment_entry (payment_id, kind, external_id, amount_minor, currency, recorded_at)"
        " SELECT id, 'refund', 'lost', -400, 'USD', %(now)s FROM payment WHERE order_id = %(id)s RETURNING id",
        id=order.id,
        now=clock_now(),
    )
    paid = tenant.value("SELECT id FROM payment WHERE order_id = %(id)s", id=order.id)
    assert compare(tenant) == [
        ("credit_balance", f"customer:{order.shopper.id}", "99.99 USD", "30.00 USD"),
        ("credit_payment", f"payment:{paid}", "6.00 USD", "10.00 USD"),
    ]
    books = make_staff(tenant, wms_role="ADMIN").client().get("/api/books").json
    assert (books["is_whole"], books["payments"]["wrong_accounts"], books["payments"]["differences"]) == (False, 1, 2)


def test_staff_read_what_differs(tenant: Tenant) -> None:
    order = make_credit_order(tenant)
    tenant.rows("UPDATE sales_order SET payment_state = 'paid' WHERE id = %(id)s RETURNING id", id=order.id)
    compare(tenant)
    reply = make_staff(tenant, wms_role="ADMIN").client().get("/api/books/differences")
    (told,) = reply.json["differences"]
    assert (told["kind"], told["subject"], told["ours"], told["theirs"]) == (
        "order_state",
        f"order:{order.id}",
        "paid",
        "unpaid",
    )
    assert reply.statements <= 4
    asked = operate({"command": "list_differences", "organization_id": tenant.id})["result"]
    assert [each["subject"] for each in asked] == [f"order:{order.id}"]


def test_an_operator_compares_now(tenant: Tenant) -> None:
    started = operate({"command": "reconcile", "organization_id": tenant.id})["result"]
    tenant.work_off(rounds=40)
    assert tenant.value("SELECT phase FROM reconciliation WHERE id = %(id)s", id=started) == "done"


def test_pages_and_pieces_go_on_where_they_died(
    tenant: Tenant, providers: Providers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.adapters import stripe_statement

    monkeypatch.setattr(stripe_statement, "PAGE", 2)
    monkeypatch.setattr(rules, "PIECE", 2)
    lost = [make_checkout(tenant) for _ in range(5)]
    for checkout in lost:
        providers.pay(checkout.intent_id)
    clock.advance(seconds=HOUR_S + 60)
    with tenant.uow() as uow:
        service.start_now(uow)
    providers.fail("stripe", "balance_transactions.list", skip=1, status=500)  # the second page, once
    tenant.work_off(rounds=3)
    assert tenant.value("SELECT phase FROM reconciliation ORDER BY id DESC LIMIT 1") == "statement"
    providers.recover()
    for _ in range(4):
        clock.advance(seconds=120)
        tenant.work_off(rounds=40)
    with tenant.uow() as uow:
        assert len(service.open_differences(uow)) == 5
    assert tenant.value("SELECT count(*) FROM provider_transaction") == 5


def test_a_piece_that_comes_again_changes_nothing(tenant: Tenant) -> None:
    order = make_credit_order(tenant)
    tenant.rows("UPDATE sales_order SET payment_state = 'paid' WHERE id = %(id)s RETURNING id", id=order.id)
    compare(tenant)
    before = tenant.rows("SELECT * FROM reconciliation_difference")
    tenant.rows("UPDATE outbox SET closed_at = NULL WHERE topic = 'payments.reconcile' RETURNING id")
    tenant.work_off(rounds=40)
    assert tenant.rows("SELECT * FROM reconciliation_difference") == before
    assert tenant.value("SELECT count(*) FROM outbox WHERE topic = 'payments.reconcile' AND closed_at IS NULL") == 0


def test_a_night_has_one_comparison(tenant: Tenant, clock: Clock) -> None:
    while clock_now().hour < rules.NIGHT_HOUR:
        clock.advance(seconds=HOUR_S)

    def start(_: int) -> int | None:
        with tenant.uow() as uow:
            return service.start_nightly(uow)

    assert sorted(n is None for n in together(8, start)) == [False] + [True] * 7
    schedules.reconcile_payments({}, None)
    assert tenant.value("SELECT count(*) FROM reconciliation") == 1


@pytest.mark.parametrize(
    ("utc", "zone", "night"),
    [
        ("2026-11-25T01:59", "UTC", None),
        ("2026-11-25T02:00", "UTC", "night:2026-11-25"),
        ("2026-11-25T02:00", "America/Chicago", "night:2026-11-24"),
        ("2026-11-25T07:59", "America/Chicago", None),
        ("2026-11-25T08:00", "America/Chicago", "night:2026-11-25"),
    ],
)
def test_nights_are_the_organizations(utc: str, zone: str, night: str | None) -> None:
    assert rules.night_of(datetime.fromisoformat(utc).replace(tzinfo=UTC), zone) == night


def test_it_takes_few_statements_whatever_there_is(tenant: Tenant) -> None:
    for _ in range(3):
        order = make_credit_order(tenant, credit_minor=2500)
        order.pay()
        assert balance_of(order.shopper) == 0
    with tenant.uow() as uow:
        number = service.start_now(uow)
        uow.flush()
        before = uow.statements
        found = service.find_due(uow, ReconcileDue(reconciliation_id=number, phase="orders"))
        assert found is not None
        service.compare_piece(uow, found)
        assert uow.statements - before <= 4
