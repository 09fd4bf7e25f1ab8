"""Use cases of paper checks: uploading, approving, rejecting, and looking at them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from chalicelib import orders
from chalicelib.adapters import objects
from chalicelib.kernel import images, sealing
from chalicelib.kernel.endpoint import Binary, Outside
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments import rules as payment_rules
from chalicelib.payments import service as payments
from chalicelib.payments import store as payments_store
from chalicelib.payments.checks import closing, rules, store
from chalicelib.payments.credit import rules as credit_rules
from chalicelib.payments.credit import store as credit_store
from chalicelib.payments.events import CheckRejected
from chalicelib.payments.rules import Account, Movement

Reply = TypeVar("Reply")
CHARGE = "approved"
"""The name of a check's one charge."""


@dataclass(frozen=True)
class NewCheck:
    """A check as it is uploaded. Pictures are as they came; without an amount it is what the order still costs."""

    order_number: str
    front: bytes = field(repr=False)
    back: bytes | None = field(repr=False)
    amount_minor: int | None = None
    number: str = ""
    routing_number: str | None = field(default=None, repr=False)
    account_number: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Prepared:
    """What may be stored of a check: pictures that we drew, sealed numbers."""

    pictures: Mapping[str, bytes] = field(repr=False)
    """By key."""
    columns: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Uploaded:
    """Under which names the pictures are kept."""

    front_name: str
    back_name: str | None
    account_last4: str | None


@dataclass(frozen=True)
class Decided:
    """What a decision made of the order."""

    order: Order
    is_bounced: bool = False


def upload(uow: UnitOfWork, new: NewCheck, said: Callable[["Uploaded"], Reply]) -> Outside[Any, Reply]:
    """Takes in a check: drawn anew and sealed outside of any transaction, its keys reserved before a picture is written.

    A payment in processing is the result, told by `said`, which keeps the order's stock. Of several uploads at once one
    succeeds. Raises NotFound, NotPayable, AlreadyPaid, CheckWaiting, PaymentUnderWay; between the transactions BadImage,
    Unavailable.
    """
    _locked(uow, new.order_number)
    prepare = partial(_prepare, new, uow.organization.id)
    return Outside(prepare, partial(_reserve, new, said))


def _locked(uow: UnitOfWork, number: str) -> tuple[Order, list[Account], int]:
    """An order that may be paid by check, its payments, and what is left to pay."""
    order = orders.lock_by_number(uow, number)
    payment_rules.check_payable(is_cancelled=order.state == "cancelled", payment_state=order.payment_state)
    accounts = payments_store.lock_accounts(uow, payment_id=None, order_id=order.id)
    if rules.waiting(accounts) is not None:
        raise rules.CheckWaiting
    open_minor = payment_rules.open_minor(order.total_minor, accounts)
    if open_minor <= 0:
        raise credit_rules.PaymentUnderWay
    return order, accounts, open_minor


def _prepare(new: NewCheck, organization_id: int) -> Prepared:
    name = f"{rules.PREFIX}{organization_id}/{uuid4()}"
    sides = {f"{name}-front.jpg": new.front, f"{name}-back.jpg": new.back}
    pictures = {
        key: images.redraw(content, side_max=rules.SIDE_MAX).content for key, content in sides.items() if content
    }
    numbers = {"routing_number": new.routing_number, "account_number": new.account_number}
    told = {what: text for what, text in numbers.items() if text}
    columns = {
        "front_key": f"{name}-front.jpg",
        "back_key": f"{name}-back.jpg" if new.back else None,
        "number": new.number,
        "account_last4": new.account_number[-4:] if new.account_number else None,
        "sealed": sealing.seal(told, sealing.Binding(organization_id, "bank_check")) if told else {},
    }
    return Prepared(pictures, columns)


def _reserve(
    new: NewCheck, said: Callable[[Uploaded], Reply], uow: UnitOfWork, prepared: Prepared
) -> Outside[Any, Reply]:
    order, accounts, open_minor = _locked(uow, new.order_number)
    earlier = [
        a.payment.id for a in accounts if a.payment.provider == "check" and a.balance.state in ("created", "failed")
    ]
    if earlier:
        closing.drop(uow, store.give_up(uow, earlier))
    columns = {
        "order_id": order.id,
        "provider": "check",
        "currency": order.currency,
        "payer_name": None,
        "payer_email": None,
    }
    payment = payments_store.insert_payment(uow, {**columns, "amount_minor": new.amount_minor or open_minor})
    store.reserve(uow, payment.id, prepared.columns)

    def finish(uow: UnitOfWork, _written: None) -> Reply:
        return said(_finish(uow, order.id, payment.id, prepared))

    return Outside(partial(_write, prepared), finish)


def _write(prepared: Prepared) -> None:
    for key, content in prepared.pictures.items():
        objects.put(key, content, media_type=images.MEDIA_TYPE)


def _finish(uow: UnitOfWork, order_id: int, payment_id: int, prepared: Prepared) -> Uploaded:
    order = orders.lock_order(uow, order_id)
    if not store.finish(uow, payment_id):
        raise rules.UploadOvertaken
    accounts = payments_store.lock_accounts(uow, payment_id=payment_id, order_id=order_id)
    payments.settle_order(uow, order, accounts)
    uow.audit("check.uploaded", "payment", payment_id, after={"order": order.number})
    back_key = prepared.columns["back_key"]
    return Uploaded(
        front_name=_name_of(prepared.columns["front_key"]),
        back_name=_name_of(back_key) if back_key else None,
        account_last4=prepared.columns["account_last4"],
    )


def _name_of(key: str) -> str:
    return key.rpartition("/")[2]


def approve(uow: UnitOfWork, number: str) -> Decided:
    """The check of an order is good: its amount is there. What it pays too much becomes the customer's store credit.

    Raises NotFound, NotPayable for a cancelled order, NoSuchCheck, CheckDecided.
    """
    order = orders.lock_by_number(uow, number)
    if order.state == "cancelled":
        raise payment_rules.NotPayable("This order is cancelled")
    accounts = payments_store.lock_accounts(uow, payment_id=None, order_id=order.id)
    account = rules.waiting(accounts)
    if account is None:
        raise _undecidable(uow, number)
    payment = account.payment
    charge = Movement("charge", CHARGE, payment.amount_minor, payment.currency)
    store.approve(uow, payment.id, charge)
    uow.audit("check.approved", "payment", payment.id, after=charge.as_row())
    paid = replace(
        account,
        payment=replace(payment, state="succeeded"),
        balance=replace(account.balance.after(None, charge), state="succeeded"),
    )
    settled, _ = payments.settle_order(uow, order, [paid if a is account else a for a in accounts])
    return Decided(settled)


def reject(uow: UnitOfWork, number: str, *, reason: str, is_bounced: bool) -> Decided:
    """The check of an order is no good. One that was approved has bounced: the order is unpaid again, and stops.

    The customer is told. Raises NotFound, NoSuchCheck, CheckDecided, also for one that was approved within the last minute
    unless the caller says that it bounced.
    """
    order = orders.lock_by_number(uow, number)
    accounts = payments_store.lock_accounts(uow, payment_id=None, order_id=order.id)
    account = rules.waiting(accounts)
    if account is not None:
        changed = _rejected(uow, account, reason)
    else:
        account = rules.approved(accounts)
        if account is None:
            raise _undecidable(uow, number)
        rules.check_may_bounce(store.get(uow, account.payment.id), uow.now, says_so=is_bounced)
        changed = _bounced(uow, order, account, reason)
    now = [changed if a is account else a for a in accounts]
    settled, _ = payments.settle_order(uow, order, now)
    has_bounced = changed.balance.charged_minor > 0
    open_minor = payment_rules.open_minor(order.total_minor, now)
    uow.publish(CheckRejected(order_id=order.id, is_bounced=has_bounced, open_minor=open_minor).message())
    return Decided(settled, is_bounced=has_bounced)


def _undecidable(uow: UnitOfWork, number: str) -> rules.CheckDecided | rules.NoSuchCheck:
    return rules.NoSuchCheck() if store.find_latest(uow, number) is None else rules.CheckDecided()


def _rejected(uow: UnitOfWork, account: Account, reason: str) -> Account:
    store.reject(uow, account.payment.id, failure_code=rules.REJECTED, reason=reason)
    uow.audit("check.rejected", "payment", account.payment.id)
    return replace(account, balance=replace(account.balance, state="failed"))


def _bounced(uow: UnitOfWork, order: Order, account: Account, reason: str) -> Account:
    """The account once the bank has the money back, and we what is left of the credit that came of it."""
    payment = account.payment
    store.reject(uow, payment.id, failure_code=rules.BOUNCED, reason=reason)
    movements = [rules.bounce_of(account)]
    if order.customer_id is not None and account.balance.refunded_minor > 0:
        balance_minor = credit_store.lock_account(uow, order.customer_id, payment.currency) or 0
        back = rules.taken_back(account, balance_minor)
        if back is not None:
            movements.append(back)
            source = f"payment:{payment.id}:reversed"
            reversal = credit_rules.Posting("reversed", -back.amount_minor, source, payment.id, order.id)
            credit_store.post(uow, order.customer_id, [reversal])
    for movement in movements:
        payments_store.record_each(uow, {payment.id: movement})
        uow.audit(f"payment.{movement.kind}", "payment", payment.id, after=movement.as_row())
        account = replace(account, balance=account.balance.after(None, movement))
    count("CheckBounced")
    logger.warning("a check has bounced", extra={"payment_id": payment.id, "order_id": order.id})
    return account


def picture(uow: UnitOfWork, number: str, side: str) -> Outside[bytes, Binary]:
    """A side of the check of an order that was uploaded last. Raises NoSuchCheck; between the transactions Unavailable."""
    check = store.find_latest(uow, number)
    key = None if check is None else check.front_key if side == "front" else check.back_key
    if key is None:
        raise rules.NoSuchCheck
    headers = {"Cache-Control": "no-store", "Content-Disposition": "inline"}
    return Outside(partial(_read, key), lambda _uow, content: Binary(content, images.MEDIA_TYPE, headers))


def _read(key: str) -> bytes:
    try:
        return objects.get(key)
    except objects.NoSuchObject:
        logger.error("a check's picture is gone")
        raise rules.NoSuchCheck from None
