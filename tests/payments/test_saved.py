"""Cards and bank accounts that customers save: through SetupIntents, without a number of theirs in our hands."""

from typing import Any

import pytest

from tests.client import Client
from tests.factories.customers import Shopper, make_customer
from tests.factories.payments import deliver_all
from tests.providers import Providers
from tests.tenant import Tenant
from tests.threads import together


def start(shopper: Shopper) -> Any:
    """What an endpoint would do: between two transactions, Stripe is asked."""
    from chalicelib import payments

    with shopper.tenant.uow() as uow:
        step = payments.prepare_saving(
            uow, shopper.id, name="Ana", email="ana@example.com", then=lambda _, started: started
        )
    answer = step.do()
    with shopper.tenant.uow() as uow:
        return step.then(uow, answer)


def saved(shopper: Shopper) -> list[tuple[str, str, str]]:
    from chalicelib import payments

    with shopper.tenant.uow() as uow:
        return [(m.kind, m.brand, m.last4) for m in payments.list_saved_methods(uow, shopper.id)]


@pytest.mark.parametrize(
    ("card", "shown"),
    [("success", ("card", "visa", "4242")), ("bank", ("us_bank_account", "stripe test bank", "6789"))],
)
def test_a_method_is_saved_and_removed(
    card: str, shown: tuple[str, str, str], tenant: Tenant, providers: Providers
) -> None:
    from chalicelib import payments

    shopper = make_customer(tenant)
    started = start(shopper)
    assert started.client_secret not in repr(started)
    providers.ask("POST", "/control/stripe/save", {"setup_intent": started.setup_id, "card": card})
    for _ in range(2):
        deliver_all(tenant, providers, "setup_intent.succeeded")
        assert saved(shopper) == [shown]
    with tenant.uow() as uow:
        method = payments.list_saved_methods(uow, shopper.id)[0]
        step = payments.remove_saved_method(uow, shopper.id, method.id)
    step.do()
    with tenant.uow() as uow:
        step.then(uow, None)
    deliver_all(tenant, providers, "payment_method.detached", "setup_intent.succeeded")
    assert saved(shopper) == []


def test_a_customer_is_made_known_once(tenant: Tenant, providers: Providers) -> None:
    shopper = make_customer(tenant)
    started = together(8, lambda _: start(shopper))
    assert len({each.setup_id for each in started}) == 8
    assert len(providers.records("stripe.customer")) == 1


def test_nobody_removes_what_is_anothers(tenant: Tenant, providers: Providers) -> None:
    from chalicelib import payments
    from chalicelib.kernel.errors import NotFound

    owner, other = make_customer(tenant), make_customer(tenant)
    providers.ask("POST", "/control/stripe/save", {"setup_intent": start(owner).setup_id})
    deliver_all(tenant, providers, "setup_intent.succeeded")
    with tenant.uow() as uow, pytest.raises(NotFound):
        payments.remove_saved_method(uow, other.id, payments.list_saved_methods(uow, owner.id)[0].id)
    assert len(saved(owner)) == 1


def test_an_event_about_somebody_elses_customer_changes_nothing(tenant: Tenant, providers: Providers) -> None:
    import json

    from tests.providers import Delivery

    event = {
        "id": "evt_x",
        "type": "setup_intent.succeeded",
        "created": 1,
        "data": {"object": {"id": "seti_x", "object": "setup_intent", "customer": "cus_x", "payment_method": "pm_x"}},
    }
    told = Delivery("stripe", "setup_intent.succeeded", json.dumps(event), "application/json")
    assert told.send(Client(tenant.host)).status == 200
    tenant.work_off()
    assert tenant.value("SELECT count(*) FROM saved_method") == 0
