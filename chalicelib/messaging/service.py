"""Use cases of messaging: write a message down, hand it over, take in what became of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.errors import ProviderRefused
from chalicelib.kernel import webhooks
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.messaging import rules, store
from chalicelib.messaging.events import MailDue, SmsDue, SmsReported
from chalicelib.messaging.rules import Draft, Message, Outcome

if TYPE_CHECKING:
    from chalicelib.adapters import sms
    from chalicelib.messaging.shapes import StatusCallback

CALLBACK_PATH = "/api/sms/status-callback"
CLOCKS_APART = timedelta(minutes=1)
"""How far the provider's clock may be behind ours when we look for a message that it may have."""


def send_sms(
    uow: UnitOfWork,
    to: str,
    body: str,
    *,
    kind: str,
    order_id: int | None = None,
    is_secret: bool = False,
    is_expected: bool = False,
) -> int:
    """Queues a text message in the caller's transaction; its id. One statement.

    `to` is E.164 and `body` at most 1600 characters, else ValueError: the caller asks `is_phone` first. `is_secret`
    erases the text once the provider has it (codes, links that sign in). Whether the number may be texted is looked at when
    it leaves: a number that said STOP gets nothing, and one that has not consented only what is about an order, or a secret,
    or otherwise what somebody waits for at this moment (`is_expected`); see consent/rules.py.
    """
    if not rules.is_phone(to):
        raise ValueError("not a telephone number in E.164 form")
    if not 0 < len(body) <= rules.SMS_LENGTH_MAX:
        raise ValueError(f"a text message has 1 to {rules.SMS_LENGTH_MAX} characters")
    columns = {"channel": "sms", "subject": None, "body_text": body, "body_html": None}
    needs_consent = not (is_expected or is_secret or order_id is not None)
    message_id = store.insert_message(
        uow,
        {
            **columns,
            "kind": kind,
            "recipient": to,
            "order_id": order_id,
            "is_secret": is_secret,
            "needs_consent": needs_consent,
        },
    )
    uow.publish(SmsDue(message_id=message_id).message())
    return message_id


def send_mail(
    uow: UnitOfWork,
    to: str,
    template: str,
    context: Mapping[str, Any],
    *,
    kind: str,
    order_id: int | None = None,
    is_secret: bool = False,
) -> int:
    """Queues a mail in the caller's transaction; its id. One statement.

    Renders ``templates/<template>.txt`` and ``.html`` now, so that the mail says what was true when it was promised; a
    variable that `context` lacks raises here. `organization` is always there. `is_secret`: see `send_sms`.
    """
    from chalicelib.messaging.rendering import render

    if not to:
        raise ValueError("a mail needs a recipient")
    mail = render(template, {"organization": uow.organization.name, **context})
    columns = {"channel": "mail", "subject": mail.subject, "body_text": mail.text, "body_html": mail.html}
    message_id = store.insert_message(
        uow,
        {
            **columns,
            "kind": kind,
            "recipient": to,
            "order_id": order_id,
            "is_secret": is_secret,
            "needs_consent": False,
        },
    )
    uow.publish(MailDue(message_id=message_id).message())
    return message_id


def messages_of_order(uow: UnitOfWork, order_id: int) -> list[Message]:
    """What was said to the customer about an order, oldest first."""
    return store.list_by_order(uow, order_id)


def take_report(uow: UnitOfWork, report: "StatusCallback") -> None:
    """Keeps a delivery report once per message and status and queues it. One that names no message is passed over.

    Numbers are left out: the message has them, and what is kept here stays for good.
    """
    if not report.message_sid or not report.message_status:
        return
    webhooks.receive(
        uow,
        SmsReported,
        source="twilio",
        external_id=f"{report.message_sid} {report.message_status}",
        event_type=report.message_status,
        payload={
            "sid": report.message_sid,
            "status": report.message_status,
            "error_code": report.error_code,
            "error_message": report.error_message,
        },
    )


def hand_over_sms(draft: Draft) -> Outcome:
    """Gives a text message to Twilio, or finds the one that an earlier try left there. Runs outside a transaction.

    Twilio has no idempotency keys. So a repeat first looks for a message with this text to this number, made since the
    first try, that belongs to no other message of ours. Raises ProviderUnavailable: try again later.
    """
    from chalicelib.adapters import sms
    from chalicelib.kernel.settings import settings

    gateway = sms.gateway()
    try:
        sent = _find_sent(gateway, draft) if draft.is_repeat else None
        if sent is None:
            callback = settings().public_url.rstrip("/") + CALLBACK_PATH
            sent = gateway.send(to=draft.recipient, body=draft.body_text, status_callback=callback)
    except ProviderRefused as refused:
        return Outcome(None, "failed", refused.code)
    error_code = None if sent.error_code is None else str(sent.error_code)
    return Outcome(sent.sid, rules.state_of_twilio(sent.status) or "sending", error_code)


def _find_sent(gateway: "sms.SmsGateway", draft: Draft) -> "sms.Sms | None":
    """The oldest message at Twilio that can only be this one."""
    recent = gateway.list_recent(to=draft.recipient, since=draft.first_tried_at - CLOCKS_APART)
    ours = [m for m in recent if m.body == draft.body_text and m.sid not in draft.taken]
    return min(ours, key=lambda message: message.created_at, default=None)


def hand_over_mail(draft: Draft) -> Outcome:
    """Gives a mail to the server. Runs outside a transaction.

    SMTP cannot be asked what it has; a repeat after a lost answer is the same mail with the same Message-ID, which
    readers' programs show once (RFC 5322, 3.6.4). Raises ProviderUnavailable: try again later.
    """
    from chalicelib.adapters import mail
    from chalicelib.kernel.settings import settings

    name = f"message-{draft.id}-{int(draft.created_at.timestamp() * 1000)}"
    message_id = mail.message_id(name, settings().mail_from)
    letter = mail.Mail(
        to=draft.recipient,
        subject=draft.subject or "",
        text=draft.body_text,
        html=draft.body_html,
        message_id=message_id,
        sent_at=draft.first_tried_at,
    )
    try:
        mail.mailer().send(letter)
    except ProviderRefused as refused:
        return Outcome(None, "failed", refused.code)
    return Outcome(message_id, "sent")
