"""How often we look at Stripe for what we have not heard of."""

from datetime import timedelta

FIRST = timedelta(minutes=15)
"""How long webhooks have before we look."""
SELDOM = timedelta(days=1)
GIVEN_UP_AFTER = timedelta(days=30)
"""An intent that nobody has paid for so long is cancelled: whoever wants to pay after all gets another."""
