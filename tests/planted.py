"""Planted values: what tests put in that no log line may ever hold, and the watch over every line of a whole run.

Factories and the environment of the tests use only values that one of these marks recognises (tests/house/test_marks.py).
"""

import logging
import re
from collections.abc import Iterable

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

MARKS: dict[str, str] = {
    "an e-mail address": r"[\w.+-]+@[\w-]+\.\w+",
    "a telephone number": r"\+1\d{10}\b",
    "a name": r"Ana Reyes|Robin Alder|Corner Shop \d|Product \d+ for ",
    "an address": r"12 Harbor Street|401 N Wabash",
    "a user name": r"\b(?:shopper|staff)\d+\b",
    "a password": r"correct horse 7|velvet lantern 9|Walnut-Pallet",
    "a token": r"\beyJ[\w-]{8,}",
    "a session": r"\bqm_(?:session|staff)=",
    "an API key": r"\bqmk_",
    "an order's token": r"\bqmo_",
    "a card or its payment's secret": r"\b4\d{15}\b|pi_\w+_secret_",
    "a provider's secret": r"sk_test_|whsec_|wsec_|test-twilio-token|shop-token",
    "a key of ours": r"test-hash-key|test-sealing-key|0123456789abcdef0123456789abcdef|fedcba9876543210fedcba9876543210",
    "a database's password": r"postgres(?:ql)?://\w+:",
}
PLANTED = re.compile("|".join(f"(?P<m{n}>{pattern})" for n, pattern in enumerate(MARKS.values())))

NOT_OURS = (
    "aiohttp",
    "aiosmtpd",
    "amqtt",
    "asyncio",
    "hypothesis",
    "mail",
    "ministack",
    "moto",
    "responses",
    "transitions",
)
"""Loggers of the doubles, the emulators and the test tools, which run in the same process here and nowhere else."""


def leak(line: str) -> str | None:
    """Which mark a line holds, with the line; None when it holds none."""
    found = PLANTED.search(line)
    return f"{list(MARKS)[int(str(found.lastgroup)[1:])]}: {line}" if found else None


class Watch(logging.Handler):
    """Looks at every record of every logger, DEBUG too, in the form in which it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self._ours = LambdaPowertoolsFormatter()
        self._found: list[str] = []
        self.lines = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Notes a line that holds a mark. May be called from any thread."""
        if record.name.partition(".")[0] in NOT_OURS:
            return
        self.lines += 1
        line = self._ours.format(record)
        found = leak(line)
        if found:
            self._found.append(f"{record.name} {found}")

    def take(self) -> list[str]:
        """What was found since the last time."""
        found, self._found = self._found, []
        return found


def watch_all(watch: Watch, quiet: Iterable[logging.Handler]) -> None:
    """Lets every logger speak at DEBUG to the watch; `quiet` handlers go on writing warnings only."""
    for handler in quiet:
        handler.setLevel(logging.WARNING)
    for name in NOT_OURS:
        logging.getLogger(name).setLevel(logging.WARNING)
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    root.addHandler(watch)
