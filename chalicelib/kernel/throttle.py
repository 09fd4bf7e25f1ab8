"""Throttles and lock-outs, counted in DynamoDB by the address that API Gateway saw, never by what a header says.

A throttle that cannot ask lets the call pass and raises an alarm: an unreachable counter must not close the shop. A
lock-out that cannot ask refuses: nobody may guess passwords while it is blind.
"""

import random
import time
from dataclasses import dataclass

from chalicelib.kernel import clock, dynamo
from chalicelib.kernel.errors import TooManyRequests
from chalicelib.kernel.log import count
from chalicelib.kernel.settings import settings

LOCKOUT_TRIES = 5
LOCKOUT_S = 15 * 60
PLACE_WAIT_S = 3.0
"""How long a try waits for others that are still being looked at; a password takes some 50 ms."""
PLACE_LOST_AFTER_S = 30
"""Longer than any request may take (API Gateway: 29 s); a process that died gives no place back."""


class Locked(TooManyRequests):
    """Too many wrong passwords; a right one is refused as well until the time is over."""

    code = "account_locked"
    sentence = "Account locked. Try again later."


@dataclass(frozen=True)
class Limit:
    """At most `calls` per `window_s` seconds, address and name; endpoints with the same name share the count."""

    name: str
    calls: int
    window_s: int = 60


def check_limit(limit: Limit, address: str) -> None:
    """Counts a call. Raises TooManyRequests with the seconds until the window ends."""
    if settings().limits == "off" and settings().is_local:
        return
    window, elapsed = divmod(int(clock.timestamp()), limit.window_s)
    key, lasts_s = f"limit#{limit.name}#{address}", 2 * limit.window_s
    hits = dynamo.ask_or(None, lambda: dynamo.increment(key, str(window), lasts_s=lasts_s))
    if hits is None:
        count("ThrottleBlind")
    elif hits > limit.calls:
        raise TooManyRequests(headers={"Retry-After": str(limit.window_s - elapsed)})


class Lockout:
    """Counts wrong passwords per account and per address; each alone locks, for 15 minutes from the fifth.

    A try takes one of five places before the password is looked at, and a wrong password keeps its place, so
    that parallel guesses are no more than five. A right one gives it back: a shift that signs in all at once
    through one address waits a moment for a place instead of being locked out.
    """

    def __init__(self, surface: str, account: str, address: str) -> None:
        self._account = f"lockout#{surface}#account#{account.casefold()}"
        self._address = f"lockout#{surface}#address#{address}"
        self.tries_left = LOCKOUT_TRIES

    def attempt(self) -> None:
        """Takes a place. Raises Locked when a counter is used up, Unavailable when it cannot be asked."""
        with dynamo.required():
            _take_place(self._address)
            try:
                _take_place(self._account)
            except TooManyRequests:
                dynamo.give_back(self._address, "tries")
                raise

    def failed(self) -> None:
        """The password was wrong. Raises Locked when that was the last try; else the caller answers."""
        with dynamo.required():
            failures = max(map(_keep_place, (self._account, self._address)))
        self.tries_left = LOCKOUT_TRIES - failures
        if self.tries_left <= 0:
            raise Locked(headers={"Retry-After": str(LOCKOUT_S)})

    def succeeded(self) -> None:
        """The password was right: the account's tries are forgotten, the address gets this one back."""
        with dynamo.required():
            dynamo.delete(self._account, "tries")
            dynamo.give_back(self._address, "tries")


def _take_place(key: str) -> None:
    """Takes one of a counter's five places; waits while others are looked at. Raises TooManyRequests."""
    deadline = time.monotonic() + PLACE_WAIT_S
    while True:
        taken = dynamo.take_place(key, "tries", most=LOCKOUT_TRIES, lasts_s=LOCKOUT_S, lost_after_s=PLACE_LOST_AFTER_S)
        if taken is None:
            return
        if taken.get("failures", 0) >= LOCKOUT_TRIES:
            raise Locked(headers={"Retry-After": str(max(1, taken["ttl"] - int(clock.timestamp())))})
        if time.monotonic() > deadline:
            raise TooManyRequests(headers={"Retry-After": "1"})
        time.sleep(random.uniform(0.01, 0.05))  # noqa: S311  # jitter, not a secret


def _keep_place(key: str) -> int:
    """Counts a failure; the failures so far. The last one starts the lock-out."""
    failures = dynamo.add(key, "tries", "failures", lasts_s=LOCKOUT_S)["failures"]
    if failures >= LOCKOUT_TRIES:
        dynamo.prolong(key, "tries", lasts_s=LOCKOUT_S)
    return failures
