"""What arrives from the voice agents' provider."""

from chalicelib.kernel.webhooks import WebhookArrived


class CallCompleted(WebhookArrived, topic="voice.call_completed", queue="webhooks"):
    """A call has ended."""
