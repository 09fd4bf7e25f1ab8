"""Links that prove an e-mail address: made for a mail, good for 24 hours and any number of clicks.

Programs that look into mails open links before people do, so opening one twice must do no harm. Only a hash of the token
is kept, in DynamoDB and longer than it is good, so that a late click is told so.
"""

from typing import Literal

from chalicelib import orders
from chalicelib.customers import store
from chalicelib.kernel import clock, dynamo, ids
from chalicelib.kernel.settings import settings
from chalicelib.kernel.uow import UnitOfWork

VALID_H = 24
KEPT_S = 30 * 24 * 3600
PATH = "/api/auth/verify-email/"
_SORT = "verify_email"

Outcome = Literal["success", "expired", "invalid"]


def make_link(uow: UnitOfWork, customer_id: int, email: str) -> str:
    """A link with a new token. Earlier ones keep working. Raises Unavailable."""
    token = ids.token()
    expires_at = int(clock.timestamp()) + VALID_H * 3600
    item = {"customer_id": str(customer_id), "email": email, "expires_at": str(expires_at)}
    with dynamo.required():
        dynamo.put(_keys(uow, token)[0], _SORT, item, lasts_s=KEPT_S)
    return settings().public_url.rstrip("/") + PATH + token


def use_token(uow: UnitOfWork, token: str) -> Outcome:
    """Verifies the address that a token was sent to, if it still is or is to become the customer's; may be repeated.

    The order for which the account was made becomes its own. An expired token still says ``success`` to somebody whose
    address is verified already. Raises Unavailable.
    """
    with dynamo.required():
        item = next(filter(None, (dynamo.get(key, _SORT) for key in _keys(uow, token))), None)
    if item is None:
        return "invalid"
    is_expired = int(item["expires_at"]) <= clock.timestamp()
    customer_id, email = int(item["customer_id"]), item["email"]
    if store.verify_email(uow, customer_id, email, only_again=is_expired):
        orders.link_claimed(uow, customer_id)
        return "success"
    if is_expired:
        return "expired"
    return "success" if _take_over(uow, customer_id, email) else "invalid"


def _take_over(uow: UnitOfWork, customer_id: int, email: str) -> bool:
    """Whether the pending address is the customer's now; another click on the same link may have been quicker."""
    if store.adopt_email(uow, customer_id, email):
        uow.audit("change_email", "customer", customer_id)
        return True
    return store.verify_email(uow, customer_id, email, only_again=True)


def landing(outcome: Outcome) -> str:
    """Where a click ends: always our own front page."""
    return f"{settings().public_url.rstrip('/')}/?email_verified={outcome}"


def _keys(uow: UnitOfWork, token: str) -> list[str]:
    """Where the item of a token is: the first, or one of the others if it was made under an earlier hash key."""
    return [f"verify#{uow.organization.id}#{hashed.hex()}" for hashed in ids.keyed_hashes("verify_email", token)]
