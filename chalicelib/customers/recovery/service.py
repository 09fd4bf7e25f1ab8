"""Use cases of recovery."""

from chalicelib import identity, orders
from chalicelib.customers import store as accounts
from chalicelib.customers.events import CodeAsked, PasswordChanged, ResetAsked, UsernameAsked
from chalicelib.customers.recovery import codes, fresh, rules, store, tokens
from chalicelib.customers.recovery.tokens import Proof, Purpose
from chalicelib.customers.store import Customer
from chalicelib.kernel.errors import BadRequest
from chalicelib.kernel.throttle import Limit, check_limit
from chalicelib.kernel.uow import UnitOfWork

MAILS_TO_ONE = Limit("recovery-mails", calls=5, window_s=3600)
"""Mails that one name or address can be made to receive."""
CODES_FROM_ONE = Limit("codes-address", calls=30, window_s=3600)
CODES_TO_ONE = Limit("codes-number", calls=6, window_s=3600)
CODES_TO_ONE_A_DAY = Limit("codes-number-day", calls=12, window_s=24 * 3600)
"""With five tries each, sixty guesses a day at one of a million codes."""
CODES_TO_NEIGHBOURS = Limit("codes-neighbours", calls=20, window_s=3600)
"""Numbers that earn money by every text message come in rows (Twilio, "Preventing Fraud in Programmable Messaging")."""
CODES_IN_ALL = Limit("codes-organization", calls=600, window_s=3600)


class InvalidToken(BadRequest):
    """The token is nobody's, expired, used, or older than the password: which of them is not said."""

    code = "invalid_token"
    sentence = "This link or session is not valid any more; please ask for a new one"


class InvalidCode(BadRequest):
    """The code is wrong, old, used, or was tried too often: which of them is not said."""

    code = "invalid_code"
    sentence = "The code is wrong or not valid any more"


def ask_for_reset(uow: UnitOfWork, name: str) -> None:
    """Has a link mailed to the account with a user name or address, if there is one. Raises TooManyRequests."""
    customer = _find(uow, name)
    uow.publish(ResetAsked(customer_id=_id_with_address(customer)).message())


def ask_for_username(uow: UnitOfWork, email: str) -> None:
    """Has the user name mailed to the address of an account, if it is one. Raises TooManyRequests."""
    customer = _find(uow, email)
    uow.publish(UsernameAsked(customer_id=_id_with_address(customer)).message())


def _find(uow: UnitOfWork, name: str) -> Customer | None:
    canonical = identity.canonical_name(name)
    check_limit(MAILS_TO_ONE, f"{uow.organization.id}/{canonical.casefold()}")
    return accounts.find_by_name(uow, canonical)


def _id_with_address(customer: Customer | None) -> int | None:
    return customer.id if customer is not None and customer.is_active and customer.email else None


def send_code(uow: UnitOfWork, phone: str, *, address: str) -> None:
    """Has a code sent to a number, if it is a customer's. Raises TooManyRequests, Unavailable.

    Narrow limits come first, so that what they refuse does not use up the wide ones.
    """
    here = uow.organization.id
    for limit, key in (
        (CODES_FROM_ONE, address),
        (CODES_TO_ONE, phone),
        (CODES_TO_ONE_A_DAY, phone),
        (CODES_TO_NEIGHBOURS, rules.neighbourhood(phone)),
        (CODES_IN_ALL, ""),
    ):
        check_limit(limit, f"{here}/{key}")
    round_id = codes.start(uow, phone)
    customer = store.find_by_phone(uow, phone)
    customer_id = customer.id if customer is not None and customer.is_active else None
    uow.publish(CodeAsked(customer_id=customer_id, round_id=round_id).message())


def verify_code(uow: UnitOfWork, phone: str, code: str) -> str:
    """A token for one action in the name of the number's owner. Raises InvalidCode, Unavailable."""
    proof = codes.check(uow, phone, code)
    if proof is None:
        raise InvalidCode
    return tokens.issue(uow, "phone_session", proof)


def use_phone_session(uow: UnitOfWork, token: str) -> Customer:
    """The customer who has proven the number of a token, which is used up. Raises InvalidToken, Unavailable."""
    customer = _owner(uow, "phone_session", token)
    if not tokens.use_up(uow, "phone_session", token):
        raise InvalidToken
    return customer


def look_username_up(uow: UnitOfWork, token: str) -> str:
    """The user name with stars, for a phone session, which is used up. Raises InvalidToken, Unavailable."""
    return rules.masked(use_phone_session(uow, token).username)


def reset_password(uow: UnitOfWork, purpose: Purpose, token: str, password: str) -> None:
    """Gives the account of a token another password and ends all its sessions; the customer is told by mail.

    By mail, it also proves the address, and removes a telephone number that may be somebody else's: one that came with
    an unproven address, or was entered lately. Of many at once one succeeds; a refused password leaves the token good.
    Raises InvalidToken, WeakPassword, Unavailable.
    """
    customer = _owner(uow, purpose, token)
    identity.check_strength(password, names=(customer.username, customer.email))
    by_mail = purpose == "password_reset"
    is_changed = store.reset_password(
        uow,
        customer.id,
        seen=customer.password_changed_at,
        new_hash=identity.hash_password(password),
        proves_email=by_mail,
        drops_phone=by_mail and (not customer.is_verified or fresh.is_fresh(uow, customer)),
    )
    if not is_changed or not tokens.use_up(uow, purpose, token):
        raise InvalidToken
    if by_mail:
        orders.link_claimed(uow, customer.id)
    identity.end_other_sessions(uow, "customer", customer.id, kept_id=None)
    uow.publish(PasswordChanged(customer_id=customer.id).message())
    uow.audit("reset_password", "customer", customer.id, after={"by": purpose})


def _owner(uow: UnitOfWork, purpose: Purpose, token: str) -> Customer:
    """Whose token this is, if the account is still as it was when the token was made. Raises InvalidToken."""
    proof = tokens.look(uow, purpose, token)
    customer = None if proof is None else accounts.find_customer(uow, proof.customer_id)
    if proof is None or customer is None or not proof.holds_for(customer, _reached(purpose, customer)):
        raise InvalidToken
    return customer


def _reached(purpose: Purpose, customer: Customer) -> str | None:
    return customer.email if purpose == "password_reset" else customer.phone


def make_reset_token(uow: UnitOfWork, customer: Customer) -> str:
    """A token for the mail to the account's address, which it has. Raises Unavailable."""
    assert customer.email is not None
    proof = Proof(customer.id, customer.email, customer.password_changed_at.isoformat())
    return tokens.issue(uow, "password_reset", proof)
