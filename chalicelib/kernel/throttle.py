"""Throttles and lock-outs, counted in DynamoDB by the address that API Gateway saw, never by what a header says.

A throttle that cannot ask lets the call pass and raises an alarm: an unreachable counter must not close the shop. A
lock-out that cannot ask refuses: nobody may guess passwords while it is blind.
"""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.kernel import clock, dynamo
from chalicelib.kernel.errors import TooManyRequests, Unavailable
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.settings import settings

LOCKOUT_TRIES = 5
LOCKOUT_S = 15 * 60


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
    try:
        hits = dynamo.increment(f"limit#{limit.name}#{address}", str(window), lasts_s=2 * limit.window_s)
    except (BotoCoreError, ClientError) as error:
        count("ThrottleBlind")
        logger.error("throttle cannot count", extra={"limit": limit.name, "error": type(error).__name__})
        return
    if hits > limit.calls:
        raise TooManyRequests(headers={"Retry-After": str(limit.window_s - elapsed)})


class Lockout:
    """Counts wrong passwords per account and per address; each counter alone locks.

    A try is counted before the password is looked at, so parallel guesses do not slip through, and taken back when it
    was right. The window starts with the first try.
    """

    def __init__(self, surface: str, account: str, address: str) -> None:
        self._keys = (f"lockout#{surface}#account#{account.casefold()}", f"lockout#{surface}#address#{address}")

    def attempt(self) -> None:
        """Counts a try. Raises Locked when one of the counters is used up, Unavailable when they cannot be asked."""
        try:
            hits = [dynamo.increment(key, "tries", lasts_s=LOCKOUT_S) for key in self._keys]
        except (BotoCoreError, ClientError) as error:
            count("LockoutBlind")
            raise Unavailable from error
        self.tries = max(hits)
        if self.tries > LOCKOUT_TRIES:
            raise Locked(headers={"Retry-After": str(LOCKOUT_S)})

    def failed(self) -> None:
        """The password was wrong. Raises Locked when that was the last try; else the caller answers as usual."""
        if self.tries >= LOCKOUT_TRIES:
            raise Locked(headers={"Retry-After": str(LOCKOUT_S)})

    def succeeded(self) -> None:
        """The password was right: the account's tries are forgotten, the address gets this one back."""
        account, address = self._keys
        dynamo.delete(account, "tries")
        dynamo.give_back(address, "tries")
