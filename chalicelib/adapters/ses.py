"""Mail through Amazon SES, API version 2. Sources: SES API v2 reference, SendEmail; SES developer guide, Suppression lists.

SES gives every mail a Message-ID of its own in place of ours, also through its SMTP endpoint: a mail that is sent twice after
a lost answer is two mails to its reader. Addresses that bounced or complained SES itself leaves alone (the account's
suppression list, on by default).
"""

import threading
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.adapters import aws_errors
from chalicelib.adapters.mail import Mail
from chalicelib.kernel import circuit
from chalicelib.kernel.settings import Settings

CONNECT_S, READ_S, TRIES = 2.0, 8.0, 1
TAKES_S = TRIES * (CONNECT_S + READ_S)
"""One try: a lost answer must not become two mails without anybody's knowing; the outbox tries again."""
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _client() -> Any:
    config = Config(
        connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": TRIES, "mode": "standard"}
    )
    return boto3.client("sesv2", config=config)


def client() -> Any:
    """The process's client; boto3 clients may be shared by threads, their making may not."""
    with _lock:
        return _client()


class SesMailer:
    """Sends in parts and not as raw MIME: SES writes the headers, and the role needs ``ses:SendEmail`` alone."""

    def __init__(self, *, sender: str) -> None:
        self._sender = sender

    @classmethod
    def from_settings(cls, settings: Settings) -> "SesMailer":
        """The mailer that the environment describes; whose domain SES has to know."""
        return cls(sender=settings.mail_from)

    def send(self, mail: Mail) -> None:
        """See `Mailer.send`. A repeat is a second mail."""
        body = {"Text": _part(mail.text)} | ({} if mail.html is None else {"Html": _part(mail.html)})

        def hand_over() -> None:
            with aws_errors.translated("ses"):
                client().send_email(
                    FromEmailAddress=self._sender,
                    Destination={"ToAddresses": [mail.to]},
                    Content={"Simple": {"Subject": _part(mail.subject), "Body": body}},
                )

        circuit.ask("ses", hand_over, takes_s=TAKES_S)


def _part(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
