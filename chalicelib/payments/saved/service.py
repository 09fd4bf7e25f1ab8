"""Saving cards and bank accounts through SetupIntents (Stripe, Save and reuse)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from chalicelib.adapters import payments as stripe
from chalicelib.adapters.errors import ProviderRefused
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments.patience import patiently
from chalicelib.payments.saved import store
from chalicelib.payments.saved.store import SavedMethod, StripeCustomer

Reply = TypeVar("Reply")
EVENTS = frozenset({"setup_intent.succeeded", "payment_method.detached"})
KINDS = frozenset({"card", "us_bank_account"})


@dataclass(frozen=True)
class SavingStarted:
    """What the customer's browser needs to take the card or bank account; the secret is never stored."""

    setup_id: str
    client_secret: str = field(repr=False)


def prepare(
    uow: UnitOfWork,
    customer_id: int,
    *,
    name: str,
    email: str | None,
    then: Callable[[UnitOfWork, SavingStarted], Reply],
) -> Outside[Any, Reply]:
    """Prepares the saving of a card or bank account, and goes on with `then`. Each call prepares another.

    Makes the customer known to Stripe when they are not, once. Between the transactions PaymentRefused, Unavailable.
    """
    known = store.ensure_customer(uow, customer_id)
    metadata = {"customer": str(customer_id), "organization": str(uow.organization.id)}
    key = f"setup-{uuid4()}"

    def ask() -> tuple[str, stripe.Setup]:
        gateway = stripe.gateway()
        provider_id = known.provider_id or gateway.create_customer(
            name=name, email=email, idempotency_key=f"customer-{known.idempotency_key}", metadata=metadata
        )
        return provider_id, gateway.create_setup(customer_id=provider_id, idempotency_key=key, metadata=metadata)

    def finish(uow: UnitOfWork, answer: tuple[str, stripe.Setup]) -> Reply:
        store.attach_customer(uow, customer_id, answer[0])
        return then(uow, SavingStarted(answer[1].id, answer[1].client_secret))

    return Outside(partial(patiently, ask), finish)


def list_methods(uow: UnitOfWork, customer_id: int) -> list[SavedMethod]:
    """What a customer has saved and not removed, oldest first."""
    return store.list_methods(uow, customer_id)


def remove(uow: UnitOfWork, customer_id: int, method_id: int) -> Outside[None, None]:
    """Forgets a saved method, at Stripe first. Raises NotFound for another customer's."""
    found = next((m for m in store.list_methods(uow, customer_id) if m.id == method_id), None)
    if found is None:
        raise NotFound("Saved method not found")
    return Outside(partial(patiently, partial(_detach, found.provider_id)), partial(_removed, found.provider_id))


def _detach(provider_id: str) -> None:
    try:
        stripe.gateway().detach_method(provider_id)
    except ProviderRefused:
        if stripe.gateway().get_method(provider_id).customer_id is not None:
            raise


def _removed(provider_id: str, uow: UnitOfWork, _nothing: None = None) -> None:
    method_id = store.remove_method(uow, provider_id)
    if method_id is not None:
        uow.audit("saved_method.removed", "saved_method", method_id)


def take_in(uow: UnitOfWork, event_type: str, payload: dict[str, Any]) -> Outside[stripe.Method, None] | None:
    """Takes in that a method was saved, or detached at Stripe. May be repeated, in any order.

    An event about saving names the method alone; what it looks like, and whether it is still there, is asked.
    """
    record = payload["object"]
    if event_type == "payment_method.detached":
        _removed(record["id"], uow)
        return None
    customer = store.find_customer(uow, str(record.get("customer")))
    if customer is None or record.get("payment_method") is None:
        return None
    return Outside(partial(stripe.gateway().get_method, record["payment_method"]), partial(_saved, customer))


def _saved(customer: StripeCustomer, uow: UnitOfWork, method: stripe.Method) -> None:
    if method.kind not in KINDS or method.customer_id != customer.provider_id:
        return
    method_id = store.save_method(
        uow,
        customer.customer_id,
        provider_id=method.id,
        kind=method.kind,
        brand=method.brand,
        last4=method.last4,
        expires_on=method.expires_on,
    )
    if method_id is not None:
        uow.audit("saved_method.saved", "saved_method", method_id, after={"kind": method.kind})
