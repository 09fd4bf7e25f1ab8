"""A mail server that delivers to its inbox."""

import asyncio
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from html.parser import HTMLParser
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from chalicelib.kernel import clock
from infra.local.doubles.faults import FaultRule, Faults, die
from infra.local.doubles.store import Doc, Store

MAIL_MAX_BYTES = 25_000_000
_URL = re.compile(r"https?://[^\s<>\"')\]]+")


class Inbox:
    """aiosmtpd's handler: takes every mail, unless a fault (``mail``, ``send``) says otherwise."""

    def __init__(self, store: Store, rules: Faults) -> None:
        self._store = store
        self._faults = rules
        self._tasks: set[asyncio.Task[str]] = set()

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd looks for this name
        """aiosmtpd calls this with the whole mail. Returns the SMTP answer.

        It cancels the call when the client hangs up; a real server delivers all the same, hence the task.
        """
        work = asyncio.get_running_loop().create_task(self._receive(server, envelope))
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)
        return await asyncio.shield(work)

    async def _receive(self, server: SMTP, envelope: Envelope) -> str:
        fault = self._faults.take("mail", "send") or FaultRule(provider="mail")
        refusal = f"{fault.status} A fault that was asked for" if fault.status else None
        await asyncio.sleep(fault.delay_s)
        die(fault, "before")
        if fault.drop == "before":
            return _cut(server)
        if refusal and not fault.is_after:
            return refusal
        self._keep(envelope)
        die(fault, "after")
        if fault.drop == "after":
            return _cut(server)
        return refusal or "250 OK"

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        seq = len(self._store.all("sms")) + len(self._store.all("mail")) + 1
        shown = read(content)
        sent = {"seq": seq, "at": clock.now().isoformat(), "recipients": list(envelope.rcpt_tos)}
        self._store.put("mail", str(seq), {**shown, **sent})


async def serve(handler: Inbox, port: int) -> asyncio.Server:
    """Listen on loopback; port 0 means any."""
    loop = asyncio.get_running_loop()

    def factory() -> Any:
        return SMTP(handler, hostname="localhost", data_size_limit=MAIL_MAX_BYTES, enable_SMTPUTF8=True)

    return await loop.create_server(factory, "127.0.0.1", port)


def read(content: bytes) -> Doc:
    """A mail as a person sees it: sender, subject, text, HTML, links, names of attachments, all headers."""
    mail = message_from_bytes(content, policy=default_policy)
    text, html = _part(mail, "plain"), _part(mail, "html")
    return {
        "from": str(mail["From"] or ""),
        "to": str(mail["To"] or ""),
        "subject": str(mail["Subject"] or ""),
        "message_id": str(mail["Message-ID"] or "").strip(),
        "text": text,
        "html": html,
        "links": _links(text, html),
        "attachments": [part.get_filename() or "" for part in mail.iter_attachments()],
        "headers": {name: str(value) for name, value in mail.items()},
    }


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else ""


def _links(text: str, html: str) -> list[str]:
    """Links of both parts, each once, in order."""
    finder = _LinkFinder()
    finder.feed(html)
    return list(dict.fromkeys([*_URL.findall(text), *finder.found]))


class _LinkFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def _cut(server: SMTP) -> str:
    if server.transport:
        server.transport.abort()
    return "421 Connection dropped"
