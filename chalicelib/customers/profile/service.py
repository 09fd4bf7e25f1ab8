"""Use cases of customers' own records."""

from chalicelib import identity, messaging, orders, payments
from chalicelib.customers import service as accounts
from chalicelib.customers import store as customers
from chalicelib.customers.events import EmailChangeAsked, PhoneChanged, VerificationDue
from chalicelib.customers.profile import store
from chalicelib.customers.profile.shapes import ChangeProfile
from chalicelib.customers.recovery import fresh
from chalicelib.customers.service import DuplicateCustomer
from chalicelib.customers.store import Customer
from chalicelib.kernel.errors import Conflict, NotFound, Unauthenticated
from chalicelib.kernel.throttle import check_limit
from chalicelib.kernel.uow import UnitOfWork


class AccountInUse(Conflict):
    """Something is still to be done or paid between the customer and us."""

    code = "account_in_use"
    sentence = "The account cannot be closed while orders are open or unpaid, or store credit is left"


def own(uow: UnitOfWork, user_id: int) -> Customer:
    """The signed-in customer, if the id is theirs. Raises NotFound for any other, whether it exists or not."""
    check_own(uow, user_id)
    return accounts.own_account(uow)


def check_own(uow: UnitOfWork, user_id: int) -> None:
    """Raises NotFound for any id but the caller's own."""
    if user_id != uow.actor.id:
        raise NotFound


def change(uow: UnitOfWork, user_id: int, wanted: ChangeProfile) -> Customer:
    """Changes the caller's own record. May be repeated.

    Another e-mail address waits until it is proven; until then the old one, which is told, stays. Another number counts
    at once, but opens the account only after some days. Raises NotFound, DuplicateCustomer when address or number are
    another account's, TooManyRequests, Unavailable.
    """
    customer = own(uow, user_id)
    email = wanted.email if wanted.email and not _is_same(wanted.email, customer.email) else None
    phone = wanted.phone if wanted.phone and wanted.phone != customer.phone else None
    if email is not None or phone is not None:
        taken = customers.find_taken(uow, username=None, email=email, phone=phone, but_id=customer.id)
        if taken is not None:
            raise DuplicateCustomer.of(taken)
    if email is not None:
        _ask_for_proof(uow, customer, email)
    given = wanted.model_dump(exclude_unset=True, exclude={"email"})
    fields = given if email is None else {**given, "pending_email": email}
    changed = store.update(uow, customer.id, fields)
    if changed is None:
        raise Unauthenticated
    if changed.phone != customer.phone:
        if phone is not None:
            fresh.note(uow, customer.id, phone)
        uow.publish(PhoneChanged(customer_id=customer.id).message())
    uow.audit("update", "customer", customer.id, after={"fields": sorted(fields)})
    return changed


def _is_same(email: str, known: str | None) -> bool:
    return known is not None and email.casefold() == known.casefold()


def _ask_for_proof(uow: UnitOfWork, customer: Customer, email: str) -> None:
    """Has the new address asked and the old one told, so often an hour for one account and for one address."""
    for key in (f"id/{customer.id}", f"name/{email.casefold()}"):
        check_limit(accounts.MAILS_TO_ONE, f"{uow.organization.id}/{key}")
    uow.publish(VerificationDue(customer_id=customer.id).message())
    uow.publish(EmailChangeAsked(customer_id=customer.id).message())


def close(uow: UnitOfWork, user_id: int) -> None:
    """Closes the caller's own account for good; orders and their money stay (infra/decisions/0033).

    Raises NotFound, AccountInUse while orders are open or unpaid or store credit is left, Unauthenticated when it was
    closed meanwhile.
    """
    check_own(uow, user_id)
    customer = store.lock(uow, user_id)
    if customer is None:
        raise Unauthenticated
    if orders.has_unsettled(uow, customer.id) or payments.credit_balance_minor(uow, customer.id):
        raise AccountInUse
    if customer.email is not None:
        context = {"name": customer.display_name, "closed_at": uow.now.strftime("%Y-%m-%d %H:%M UTC")}
        messaging.send_mail(uow, customer.email, "account_closed", context, kind="account_closed")
    store.close(uow, customer.id, unusable=identity.UNUSABLE)
    uow.audit("close", "customer", customer.id)
