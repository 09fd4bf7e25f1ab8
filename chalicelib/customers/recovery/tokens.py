"""Tokens that stand for a password: of the link in a mail, and of a telephone number that was proven by a code.

Only a hash is kept, in DynamoDB. A token is good for one purpose, once, and only as long as the account has the password
and the address or number it had when the token was made: the first change of the password ends all of them.
"""

from dataclasses import dataclass, field
from typing import Literal

from chalicelib.customers.store import Customer
from chalicelib.kernel import dynamo, ids
from chalicelib.kernel.uow import UnitOfWork

Purpose = Literal["password_reset", "phone_session"]
LASTS_S: dict[Purpose, int] = {"password_reset": 30 * 60, "phone_session": 10 * 60}
_SORT = "proof"


@dataclass(frozen=True)
class Proof:
    """What somebody has shown by coming with a token: that `reached`, an address or a number, is theirs."""

    customer_id: int
    reached: str = field(repr=False)
    password_changed_at: str

    def holds_for(self, customer: Customer | None, reached: str | None) -> bool:
        """Whether the account is as it was: open, with this address or number and the same password."""
        if customer is None or not customer.is_active or reached is None:
            return False
        is_same = self.reached.casefold() == reached.casefold()
        return is_same and self.password_changed_at == customer.password_changed_at.isoformat()


def issue(uow: UnitOfWork, purpose: Purpose, proof: Proof) -> str:
    """A new token; earlier ones keep working until one is used. Raises Unavailable."""
    token = ids.token()
    item = {
        "customer_id": str(proof.customer_id),
        "reached": proof.reached,
        "password_changed_at": proof.password_changed_at,
    }
    with dynamo.required():
        dynamo.put(_keys(uow, purpose, token)[0], _SORT, item, lasts_s=LASTS_S[purpose])
    return token


def look(uow: UnitOfWork, purpose: Purpose, token: str) -> Proof | None:
    """What a token proves, without using it up; None when it is nobody's, expired or used. Raises Unavailable."""
    with dynamo.required():
        for key in _keys(uow, purpose, token):
            item = dynamo.get(key, _SORT)
            if item is not None:
                return Proof(int(item["customer_id"]), item["reached"], item["password_changed_at"])
    return None


def use_up(uow: UnitOfWork, purpose: Purpose, token: str) -> bool:
    """Ends a token; whether this call was the one that did: of many at once, one. Raises Unavailable."""
    with dynamo.required():
        return any([dynamo.delete(key, _SORT) for key in _keys(uow, purpose, token)])


def _keys(uow: UnitOfWork, purpose: Purpose, token: str) -> list[str]:
    """Where the item of a token is: the first, or one of the others if it was made under an earlier hash key."""
    return [f"{purpose}#{uow.organization.id}#{hashed.hex()}" for hashed in ids.keyed_hashes(purpose, token)]
