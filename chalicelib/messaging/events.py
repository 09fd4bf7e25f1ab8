"""What messaging tells itself: a message to hand over, a report to take in."""

from chalicelib.kernel.outbox import Event
from chalicelib.kernel.webhooks import WebhookArrived


class SmsDue(Event, topic="messaging.sms", queue="messages"):
    """A text message waits to be handed to the provider."""

    message_id: int


class MailDue(Event, topic="messaging.mail", queue="messages"):
    """A mail waits to be handed to the server."""

    message_id: int


class SmsReported(WebhookArrived, topic="messaging.sms_report", queue="webhooks"):
    """The provider said what became of a text message."""
