"""A Stripe with a memory: payment intents, charges, refunds, disputes, customers, events, webhooks.

Source of behaviour: Stripe's API reference (payment intents, errors, idempotent requests, pagination,
expanding) and its testing page (test payment methods). Amounts are minor units, times Unix seconds, as there.
"""
