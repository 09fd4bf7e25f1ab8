"""Mail behind a Protocol: over SMTP here, or through Amazon SES (ses.py); the setting `mail_provider` chooses.

A Message-ID comes from the caller, so that a mail sent twice (our retry after a lost answer) is one mail to
the reader's program and can be recognised in the inbox of the local stage.
"""

import re
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Protocol

from pydantic import SecretStr

from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.kernel import circuit
from chalicelib.kernel.settings import Secrets, Settings, settings
from chalicelib.kernel.vault import secrets

__all__ = ["Mail", "Mailer", "ProviderRefused", "ProviderUnavailable", "SmtpMailer", "mailer", "message_id"]

TIMEOUT_S = 15.0
"""For the whole conversation: a server that is slow at every step is not waited for ten times."""
_NO_PASSWORD = SecretStr("")
_ENHANCED = re.compile(r"(5\.\d{1,3}\.\d{1,3})\b", re.ASCII)
"""What a refusal's sentence begins with: class, subject, detail (RFC 3463)."""
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+>", re.ASCII)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person. `message_id`, made by `message_id()`, is the same at every try of the mail."""

    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    message_id: str
    sent_at: datetime
    html: str | None = field(default=None, repr=False)


class Mailer(Protocol):
    """Raises ProviderUnavailable (try again) or ProviderRefused (never again).

    The code is SMTP's (``550``, ``550 5.1.1``) or SES's (``MessageRejected``).
    """

    def send(self, mail: Mail) -> None:
        """Hand a mail to the server. A repeat is a second mail with the same Message-ID."""
        ...


class SmtpMailer:
    """The real one: a connection per mail, so nothing is left open between two invocations."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sender: str,
        username: str = "",
        password: SecretStr = _NO_PASSWORD,
        starttls: bool = True,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._host, self._port = host, port
        self._sender = sender
        self._username, self._password = username, password
        self._starttls = starttls
        self._timeout_s = timeout_s

    @classmethod
    def from_settings(cls, settings: Settings, secrets: Secrets) -> "SmtpMailer":
        """The mailer that the environment and the secrets describe."""
        return cls(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.mail_from,
            username=settings.smtp_username,
            password=secrets.smtp_password,
            starttls=settings.smtp_starttls,
        )

    def send(self, mail: Mail) -> None:
        """See `Mailer.send`. With STARTTLS asked for, nothing is ever sent in the clear."""
        message = _compose(mail, self._sender)
        circuit.ask("smtp", lambda: self._send(message), takes_s=self._timeout_s)

    def _send(self, message: EmailMessage) -> None:
        with self._connect() as server:
            try:
                server.send_message(message)
            except (OSError, smtplib.SMTPException) as error:
                raise _translate(error, maybe_done=True) from error

    @contextmanager
    def _connect(self) -> Iterator[smtplib.SMTP]:
        """A connection that has been greeted, encrypted and logged in as configured."""
        try:
            server = _Bounded(self._host, self._port, timeout=self._timeout_s)
        except (OSError, smtplib.SMTPException) as error:
            raise _translate(error, maybe_done=False) from error
        with closing(server):
            try:
                self._secure(server)
            except (OSError, smtplib.SMTPException) as error:
                raise _translate(error, maybe_done=False) from error
            yield server
            # What the server says after it has taken the mail changes nothing any more.
            with suppress(OSError, smtplib.SMTPException):
                server.quit()

    def _secure(self, server: smtplib.SMTP) -> None:
        if self._starttls:
            server.starttls(context=ssl.create_default_context())
        if self._username:
            server.login(self._username, self._password.get_secret_value())


class _Bounded(smtplib.SMTP):
    """A conversation that ends after its time-out, whatever the server does between two lines."""

    def __init__(self, host: str, port: int, *, timeout: float) -> None:
        self._ends_at = time.monotonic() + timeout
        super().__init__(host, port, timeout=timeout)

    def putcmd(self, cmd: str, args: str = "") -> None:
        """smtplib's step of every command."""
        self._shorten()
        super().putcmd(cmd, args)

    def getreply(self) -> tuple[int, bytes]:
        """smtplib's step of every answer, the greeting's too."""
        self._shorten()
        return super().getreply()

    def _shorten(self) -> None:
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the mail server takes too long")
        if self.sock is not None:
            self.sock.settimeout(left_s)


@lru_cache(maxsize=1)
def _mailer(of: Settings, secrets: Secrets) -> Mailer:
    if of.mail_provider == "ses":
        from chalicelib.adapters.ses import SesMailer

        return SesMailer.from_settings(of)
    return SmtpMailer.from_settings(of, secrets)


def mailer() -> Mailer:
    """The process's mailer, as its settings and secrets describe it now."""
    return _mailer(settings(), secrets())


def message_id(key: str, sender: str) -> str:
    """The Message-ID of the mail that `key` names (an outbox id), at the sender's domain."""
    _, at, domain = parseaddr(sender)[1].rpartition("@")
    made = f"<{key}{at}{domain}>"
    if not _MESSAGE_ID.fullmatch(made):
        raise ValueError(f"not usable in a Message-ID: {key!r} at {domain!r}")
    return made


def _compose(mail: Mail, sender: str) -> EmailMessage:
    """Raises ProviderRefused for an address or subject that would add header lines of its own."""
    message = EmailMessage(policy=SMTP_POLICY)
    try:
        message["From"] = sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(mail.sent_at)
        message["Message-ID"] = mail.message_id
    except ValueError as error:
        raise ProviderRefused("smtp", "invalid_header", str(error)) from error
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    return message


def _translate(error: Exception, *, maybe_done: bool) -> ProviderUnavailable | ProviderRefused:
    """5xx is final, 4xx is for now (RFC 5321, 4.2.1), and 421 says that the server itself goes away (4.2.3).

    Another 4xx is about this mail (a busy mailbox, greylisting). A refused login or missing STARTTLS is our configuration.
    """
    if isinstance(error, smtplib.SMTPAuthenticationError | smtplib.SMTPNotSupportedError):
        return ProviderUnavailable("smtp", type(error).__name__, maybe_done=False, cause="ours")
    code, sentence = _answer(error)
    if 500 <= code < 600 and maybe_done:
        enhanced = _ENHANCED.match(sentence)
        return ProviderRefused("smtp", f"{code} {enhanced[1]}" if enhanced else str(code), sentence)
    is_about_this_mail = 400 <= code < 500 and code != 421 and maybe_done
    return ProviderUnavailable(
        "smtp",
        f"{type(error).__name__} {code}",
        maybe_done=maybe_done and code == 0,
        cause="deferred" if is_about_this_mail else "outage",
    )


def _answer(error: Exception) -> tuple[int, str]:
    """The code and sentence of the server's answer; code 0 when there was none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, sentence = next(iter(error.recipients.values()))
        return code, sentence.decode(errors="replace")
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return error.smtp_code, text.decode(errors="replace") if isinstance(text, bytes) else text
    return 0, str(error)
