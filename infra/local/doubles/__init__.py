"""Provider doubles: one process that plays Stripe, Twilio, SMTP, EasyPost, ElevenLabs, a language model and an integrator.

The real SDKs talk to it over HTTP (and smtplib over SMTP). It keeps state across a kill, sends signed
webhooks to the platform, and can be told to fail, answer late or never, repeat, reorder or forge. Its control
surface is in `control.py`; what reached customers is at ``GET /inbox``.

Why not `localstripe` (PyPI, 1.15.10, read before this was written): it is GPL-3.0 and a program of its own,
which as a tool would do, but it has no idempotency keys at all, refuses `description` and
`automatic_payment_methods` on a payment intent, answers 500 "Not implemented" to a confirm with a payment
method, keeps its state in a pickle under the system's temporary folder, sends each webhook once (no retries,
no `payment_intent.created`, `processing` or `charge.dispute.created`), signs with the event's creation time,
and cannot be told to misbehave. Those are the parts this project needs a Stripe for. The server here is
aiohttp, which the twilio SDK brings along anyway.
"""
