"""The demo company's day, played by people and programs that do not give up: ``python -m tests.faults.day URL``.

They repeat what got no answer, a 503 or "still running", as a sane client does: with the same Idempotency-Key. A 500 or a
502 is our mistake and ends the day.
"""

import sys
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from uuid import uuid4

from infra.local.demo.day import play
from infra.local.demo.day.caller import Caller, DayFailed, Reply

PATIENCE_S = 60.0
PAUSE_S = 0.25
PAYING = "/sandbox/doubles/control/stripe/pay"


@dataclass
class PersistentCaller(Caller):
    """A caller who repeats a request until it is answered for good."""

    def quiet(self, method: str, path: str, body: Any = None) -> Reply:
        """Any call, any final status. Raises DayFailed when there is none within a minute."""
        headers = {**self.headers, "Idempotency-Key": str(uuid4())} if method == "POST" else self.headers
        deadline, is_repeat = time.monotonic() + PATIENCE_S, False
        while True:
            reply = self._try(method, path, body, headers)
            if reply is not None and _is_final(path, reply):
                return _paid_before(reply) if is_repeat and path == PAYING else reply
            if time.monotonic() > deadline:
                raise DayFailed(f"{method} {path} got no final answer within {PATIENCE_S:.0f} seconds: {reply}")
            is_repeat = True
            time.sleep(PAUSE_S)

    def _try(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply | None:
        try:
            return self.send(method, path, body, headers)
        except (OSError, HTTPException):
            return None


def _is_final(path: str, reply: Reply) -> bool:
    """Whether there is no point in asking again. Our own 503 must say when that would make sense."""
    if reply.status == 503:
        if "retry-after" not in reply.headers and not path.startswith("/sandbox/"):
            raise DayFailed(f"{path} answered 503 without Retry-After: {reply.data}")
        return False
    return reply.status != 409 or "Idempotency-Key is still running" not in str(reply.data)


def _paid_before(reply: Reply) -> Reply:
    """Stripe refuses to charge a card twice: then the try whose answer got lost has done it."""
    was_paid = reply.status == 400 and "already succeeded" in str(reply.data)
    return Reply(200, reply.headers, reply.data) if was_paid else reply


if __name__ == "__main__":
    sys.exit(play(sys.argv[1], PersistentCaller(sys.argv[1])))
