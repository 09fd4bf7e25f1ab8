"""Making payment links."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from chalicelib import orders
from chalicelib.adapters import payments as stripe
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import NotFound, Unavailable
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments import attempts, store
from chalicelib.payments.events import LinkMade
from chalicelib.payments.links import rules
from chalicelib.payments.links import store as links
from chalicelib.payments.links.rules import PaymentLink
from chalicelib.payments.pages import pay_page
from chalicelib.payments.patience import patiently
from chalicelib.payments.rules import NotPayable, Payment, PaymentRefused, is_abandoned
from chalicelib.payments.shapes import CreateLink, LinkCreated

Making = LinkCreated | Outside[Any, LinkCreated]


def create(uow: UnitOfWork, actor: Actor, asked: CreateLink) -> Making:
    """The page on which what is outstanding of an order can be paid: the open one, else a new one. Locks the order.

    An intent that is open is cancelled at Stripe first: an order is never to be paid on two ways at once. When Stripe cannot
    be reached the reply says so and where else the customer can pay. Raises NotFound, for another customer's order too,
    NotPayable, AlreadyPaid.
    """
    order = orders.lock_by_number(uow, asked.order_number)
    if actor.kind == "customer" and order.customer_id != actor.id:
        raise NotFound("Order not found")
    outstanding_minor, known = attempts.lock_outstanding(uow, order)
    link = links.find_link(uow, known.id) if known is not None and known.is_link else None
    if known is not None and link is not None and link.url is None and is_abandoned(known, uow.now):
        links.close(uow, known.id)
        store.give_up(uow, known.id)
        known = None
    if known is None:
        return _ask(uow, order, _open(uow, actor, order, asked, outstanding_minor))
    if link is None or known.amount_minor != outstanding_minor or not rules.is_good(link, uow.now):
        return _without_stripe(
            order, outstanding_minor, attempts.replace(uow, known, lambda u: create(u, actor, asked))
        )
    if asked.expires_in_hours is not None:
        links.extend(uow, known.id, expires_at=_ends_at(uow, actor, order, asked))
    return _ask(uow, order, known)


def _open(uow: UnitOfWork, actor: Actor, order: Order, asked: CreateLink, amount_minor: int) -> Payment:
    payment = store.insert_payment(
        uow, {"order_id": order.id, "amount_minor": amount_minor, "currency": order.currency, "is_link": True}
    )
    links.insert(uow, payment.id, expires_at=_ends_at(uow, actor, order, asked))
    return payment


def _ends_at(uow: UnitOfWork, actor: Actor, order: Order, asked: CreateLink) -> datetime:
    """When the link ends. For one of ours the order keeps its stock so long, three days at most; a customer's ends with it."""
    if actor.kind == "customer":
        return rules.expiry(uow.now, asked.expires_in_hours, order_ends_at=order.hold_expires_at)
    ends_at = rules.expiry(uow.now, asked.expires_in_hours)
    orders.keep_held(uow, order.id, min(ends_at, uow.now + rules.KEPT))
    return ends_at


def _ask(uow: UnitOfWork, order: Order, payment: Payment) -> Making:
    """The page that a payment has, or the one that Stripe makes under the row's key."""
    link = links.find_link(uow, payment.id)
    if link is not None and link.url is not None:
        return _shown(order, payment, link)
    organization_id = uow.organization.id

    def make() -> stripe.Link:
        return stripe.gateway().create_link(
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            name=f"Order {order.number}",
            idempotency_key=f"link-{payment.idempotency_key}",
            metadata={
                "payment": payment.idempotency_key,
                "order_number": order.number,
                "organization": str(organization_id),
            },
        )

    made = Outside(partial(patiently, make), partial(_made, order, payment))
    return _without_stripe(order, payment.amount_minor, made)


def _made(order: Order, payment: Payment, uow: UnitOfWork, made: stripe.Link) -> Making:
    """Hands the page out, unless its attempt was given up meanwhile: then nobody is told of it, and it is closed again."""
    orders.lock_order(uow, order.id)
    known = links.find_link(uow, payment.id)
    assert known is not None
    if known.closed_at is not None:
        return Outside(partial(stripe.gateway().deactivate_link, made.id), _closed_again)
    links.attach(uow, payment.id, provider_id=made.id, url=made.url)
    if known.url is None and uow.actor.kind != "customer":
        uow.publish(LinkMade(payment_id=payment.id).message())
    return _shown(order, payment, replace(known, provider_id=made.id, url=made.url))


def _closed_again(_uow: UnitOfWork, _link: stripe.Link) -> LinkCreated:
    raise NotPayable


def _shown(order: Order, payment: Payment, link: PaymentLink) -> LinkCreated:
    return LinkCreated(
        success=True,
        payment_url=link.url,
        order_number=order.number,
        amount=payment.amount_minor,
        expires_at=link.expires_at,
    )


def _without_stripe(order: Order, amount_minor: int, asking: Outside[Any, LinkCreated]) -> Outside[Any, LinkCreated]:
    """As `asking`; where Stripe is away or refuses, a reply that says where else the customer can pay."""

    def do() -> Any:
        try:
            return asking.do()
        except (PaymentRefused, Unavailable) as error:
            return LinkCreated(
                success=False,
                order_number=order.number,
                amount=amount_minor,
                error=error.message,
                fallback_url=pay_page(order.number),
            )

    def then(uow: UnitOfWork, answer: Any) -> Making:
        return answer if isinstance(answer, LinkCreated) else asking.then(uow, answer)

    return Outside(do, then)
