"""Payment links: pages at Stripe on which an order can be paid once, until they expire."""

from chalicelib.payments.links.rules import PaymentLink
from chalicelib.payments.links.store import close, find_link, provider_id

__all__ = ["PaymentLink", "close", "find_link", "provider_id"]
