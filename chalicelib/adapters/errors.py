"""What may go wrong with a provider, for contexts: its calls (kernel/providers.py) and its webhooks."""

from chalicelib.kernel.providers import CircuitOpen, ProviderRefused, ProviderUnavailable

__all__ = ["CircuitOpen", "ProviderRefused", "ProviderUnavailable", "WebhookRefused"]


class WebhookRefused(Exception):
    """A webhook that does not prove where it comes from or when it was sent. Nothing of it may be used."""
