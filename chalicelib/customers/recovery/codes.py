"""One-time codes for a telephone number: six digits, ten minutes, five tries in all, a minute between two of them.

Asking for a code starts a round, whether or not the number is anybody's; a worker then makes the code, if it is. So the
request and the tries do the same work for every number. A new round ends the one before, with its code. A try counts
before the code is looked at, in one atomic step: of any number at once, five are looked at.
"""

import hmac
from dataclasses import dataclass, field

from chalicelib.customers.recovery.tokens import Proof
from chalicelib.customers.store import Customer
from chalicelib.kernel import clock, dynamo, ids
from chalicelib.kernel.errors import TooManyRequests
from chalicelib.kernel.uow import UnitOfWork

LASTS_S = 10 * 60
TRIES = 5
PAUSE_S = 60
_NO_CODE = "0" * 64
"""Compared with where there is no code, so that a try costs the same."""


@dataclass(frozen=True)
class _Round:
    """The latest request for a code, the only one whose code counts."""

    key: str = field(repr=False)
    id: str
    expires_at: int


def start(uow: UnitOfWork, phone: str) -> str:
    """Starts a round; its id, for `make`. Raises TooManyRequests before the pause is over, Unavailable."""
    key, now = _key(uow, phone), int(clock.timestamp())
    with dynamo.required():
        asked = dynamo.add(key, "pause", "hits", lasts_s=PAUSE_S)
        if asked["hits"] > 1:
            raise TooManyRequests(headers={"Retry-After": str(max(1, asked["ttl"] - now))})
        round_id = ids.token()
        dynamo.put(key, "round", {"id": round_id, "expires_at": str(now + LASTS_S)}, lasts_s=LASTS_S)
    return round_id


def make(uow: UnitOfWork, customer: Customer, phone: str, round_id: str) -> str | None:
    """The code of a round, for a customer; None when a newer round was started or time is up. Raises Unavailable.

    A repeat makes another one, which replaces the first.
    """
    with dynamo.required():
        current = _latest(_key(uow, phone))
        if current.id != round_id:
            return None
        code = ids.one_time_code()
        item = {
            "code_hash": ids.keyed_hash("one_time_code", _said(current, code)).hex(),
            "customer_id": str(customer.id),
            "password_changed_at": customer.password_changed_at.isoformat(),
        }
        lasts_s = max(1, current.expires_at - int(clock.timestamp()))
        dynamo.put(current.key, f"code#{current.id}", item, lasts_s=lasts_s)
    return code


def check(uow: UnitOfWork, phone: str, code: str) -> Proof | None:
    """Whose number a code proves, once; None for a wrong, old, used or too often tried one. Raises Unavailable."""
    with dynamo.required():
        current = _latest(_key(uow, phone))
        tries = dynamo.add(current.key, f"tries#{current.id}", "hits", lasts_s=LASTS_S)["hits"]
        item = dynamo.get(current.key, f"code#{current.id}")
        is_right = _is_right(current, code, _NO_CODE if item is None else item["code_hash"])
        if item is None or not is_right or tries > TRIES or not dynamo.delete(current.key, f"code#{current.id}"):
            return None
    return Proof(int(item["customer_id"]), phone, item["password_changed_at"])


def _is_right(current: _Round, code: str, code_hash: str) -> bool:
    hashes = [hashed.hex() for hashed in ids.keyed_hashes("one_time_code", _said(current, code))]
    return any([hmac.compare_digest(code_hash, hashed) for hashed in hashes])


def _said(current: _Round, code: str) -> str:
    return f"{current.key}#{current.id}#{code}"


def _latest(key: str) -> _Round:
    item = dynamo.get(key, "round") or {"id": "none", "expires_at": "0"}
    return _Round(key, item["id"], int(item["expires_at"]))


def _key(uow: UnitOfWork, phone: str) -> str:
    """By a hash of the number: the table holds none."""
    return f"one_time_code#{uow.organization.id}#{ids.keyed_hash('one_time_code_of', phone).hex()}"
