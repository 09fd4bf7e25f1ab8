"""What customers hear about their orders, and through which channel. Orders without an address hear nothing."""

from dataclasses import replace
from datetime import datetime

from chalicelib.kernel.emails import is_email
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.messaging import rules, service
from chalicelib.orders import Order

QUIET_CHANNELS = frozenset({"wms", "inventory"})
"""Orders that another system entered: that system confirms them. What ships is announced all the same."""


def order_placed(uow: UnitOfWork, order: Order) -> None:
    """A mail with the lines and the total."""
    if order.channel not in QUIET_CHANNELS:
        _mail(uow, order, "order_placed")


def order_paid(uow: UnitOfWork, order: Order) -> None:
    """A mail that says that the money has arrived."""
    _mail(uow, order, "order_paid")


def order_shipped(uow: UnitOfWork, order: Order) -> None:
    """A text message where there is a number, a mail where there is an address."""
    if order.delivery_phone is not None and rules.is_phone(order.delivery_phone):
        service.send_sms(uow, order.delivery_phone, shipped_text(order), kind="order_shipped", order_id=order.id)
    _mail(uow, order, "order_shipped")


def order_cancelled(
    uow: UnitOfWork, order: Order, *, reason: str, refund_due_minor: int, credited_minor: int = 0
) -> None:
    """A mail that says why, and what happens to the money: what we return, and what is store credit already."""
    if order.channel not in QUIET_CHANNELS:
        money = {"refund_due_minor": refund_due_minor, "credited_minor": credited_minor}
        _mail(uow, order, "order_cancelled", reason=reason, **money)


def payment_link(uow: UnitOfWork, order: Order, *, amount_minor: int, link: str, expires_at: datetime) -> None:
    """A mail with the page on which the order can be paid."""
    _mail(uow, order, "payment_link", amount_minor=amount_minor, link=link, expires_at=expires_at)


def refund_sent(uow: UnitOfWork, order: Order, *, amount_minor: int, reason: str) -> None:
    """A mail that says that money is on its way back."""
    _mail(uow, order, "refund_sent", amount_minor=amount_minor, reason=reason)


def payment_returned(uow: UnitOfWork, order: Order, *, outstanding_minor: int, link: str) -> None:
    """Mails that say that the bank took the payment back: to the customer, who has to pay again, and to staff."""
    is_shipped = order.state in ("shipped", "delivered")
    _mail(uow, order, "payment_returned", outstanding_minor=outstanding_minor, link=link, is_shipped=is_shipped)
    _tell_staff(uow, order, "payment_returned", amount_minor=outstanding_minor)


def refund_failed(uow: UnitOfWork, order: Order, *, amount_minor: int, why: str | None) -> None:
    """A mail to staff: the customer is still owed the money."""
    _tell_staff(uow, order, "refund_failed", amount_minor=amount_minor, why=why)


def order_revived(uow: UnitOfWork, order: Order) -> None:
    """A mail that says that the order stands after all."""
    _mail(uow, order, "order_revived")


def _tell_staff(uow: UnitOfWork, order: Order, what: str, *, amount_minor: int, why: str | None = None) -> None:
    """To ``payments_email`` of the organization's settings; without one, the alarm and the books still say it."""
    address = uow.organization.settings.get("payments_email")
    if isinstance(address, str) and is_email(address):
        context = {"order": order, "what": what, "amount_minor": amount_minor, "why": why}
        service.send_mail(uow, address, "staff_payment", context, kind=f"staff_{what}", order_id=order.id)


def check_rejected(uow: UnitOfWork, order: Order, *, is_bounced: bool, open_minor: int) -> None:
    """A mail that asks for another way to pay: the check was not accepted, or bounced after it had been."""
    if order.state != "cancelled":
        _mail(uow, order, "check_rejected", is_bounced=is_bounced, open_minor=open_minor)


def shipped_text(order: Order) -> str:
    """``Your order QM-7F3K9-X2M4P has shipped with UPS, tracking 1Z999AA10123456784.``"""
    carrier = f" with {order.carrier}" if order.carrier else ""
    tracking = f", tracking {order.tracking_number}" if order.tracking_number else ""
    return f"Your order {order.number} has shipped{carrier}{tracking}."


def _mail(uow: UnitOfWork, order: Order, template: str, **more: object) -> None:
    if order.delivery_email and is_email(order.delivery_email):
        context = {"order": _shown(order), **more}
        service.send_mail(uow, order.delivery_email, template, context, kind=template, order_id=order.id)


def _shown(order: Order) -> Order:
    """As a mail shows it: a guest's without the name, for a stranger may have chosen both name and address, and would have us
    send his words to somebody else."""
    return order if order.customer_id is not None else replace(order, delivery_name="")
