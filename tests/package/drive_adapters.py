"""Makes every call that our adapters make of an SDK, with the libraries of the package, against provider doubles.

Run by the target interpreter with the package on its path; QM_DOUBLES_URL says where the doubles are. Prints JSON.
"""

import base64
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

from chalicelib.adapters import mail, payments, sms
from chalicelib.adapters.errors import ProviderRefused, WebhookRefused
from chalicelib.identity import passwords
from chalicelib.insights.scores import scoring
from chalicelib.kernel import images
from chalicelib.kernel.phones import e164
from chalicelib.messaging.rendering import render
from chalicelib.platform import files

NOW = datetime.now(UTC)
PHONE = "+13125550123"
PICTURES = {
    "jpeg": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////"
        "////////////////////wAALCAABAAEBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUF"
        "BAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVW"
        "V1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi"
        "4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/AJ6//9k="
    ),
    "png": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGM4AQAAygDJmcpdfgAAAABJRU5ErkJggg==",
    "gif": "R0lGODdhAQABAIEAAMjIyAAAAAAAAAAAACwAAAAAAQABAAAIBAABBAQAOw==",
    "webp": "UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAB0CWJaQAA3AA/ukQAAA=",
}
CALLBACK = "https://shop.example.test/api/sms/status-callback"


def control(path: str, body: dict[str, Any]) -> None:
    """Tells the doubles something."""
    url = os.environ["QM_DOUBLES_URL"] + path
    urlopen(Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}), timeout=10).close()


def refusal(call: Callable[[], object]) -> str:
    """The code of a refusal, or its class when it has none."""
    try:
        call()
    except ProviderRefused as refused:
        return refused.code
    except WebhookRefused as refused:
        return type(refused).__name__
    return "not refused"


def drive_stripe() -> dict[str, Any]:
    """Intents, refunds, refusals and the signature of a webhook."""
    stripe = payments.gateway()
    made = [
        stripe.create_intent(amount_minor=1250, currency="USD", idempotency_key=key, metadata={}, description="x")
        for key in ("one", "two")
    ]
    cancelled = stripe.cancel_intent(made[1].id, idempotency_key="three")
    control("/control/stripe/pay", {"payment_intent": made[0].id})
    paid = stripe.get_intent(made[0].id)
    refund = stripe.create_refund(intent_id=paid.id, amount_minor=1250, idempotency_key="four", metadata={})
    return {
        "intent": [made[0].status, made[0].amount_minor, made[0].currency],
        "cancelled": cancelled.status,
        "paid": paid.status,
        "refund": [refund.status, refund.amount_minor],
        "intent, unknown": refusal(lambda: stripe.get_intent("pi_nobody")),
        "webhook, forged": refusal(lambda: stripe.verify_signature(b"{}", f"t={time.time():.0f},v1={'0' * 64}", NOW)),
    }


def drive_twilio() -> dict[str, Any]:
    """Messages sent, fetched and listed, a refusal, and the signature of a callback."""
    twilio = sms.gateway()
    sent = twilio.send(to=PHONE, body="hello", status_callback=CALLBACK)
    listed = twilio.list_recent(to=PHONE, since=NOW - timedelta(minutes=1))
    return {
        "message": [sent.to, sent.body],
        "message, fetched": twilio.get(sent.sid).body,
        "message, listed": [each.sid for each in listed] == [sent.sid],
        "message, refused": refusal(lambda: twilio.send(to="+15005550001", body="hello")),
        "callback, forged": refusal(lambda: twilio.verify_callback(CALLBACK, {"MessageSid": "SM1"}, "forged")),
    }


def drive_pictures() -> dict[str, Any]:
    """A picture of every kind that we take, drawn anew: the decoders are there, and what draws."""
    return {kind: images.redraw(base64.b64decode(PICTURES[kind])).content[:3].hex() for kind in images.PIXELS_MAX}


def drive_scores() -> dict[str, Any]:
    """Forty customers' histories, from which both models are fitted: what is left of numpy is enough."""
    days = [number % 5 + 1 for number in range(40)]
    first, last = [number * 3 for number in range(40)], [number * 3 + 20 * (number % 5) for number in range(40)]
    scores = scoring.score(days, first, last, today=300)
    return {"models": [learned.source for learned in scores.models], "customers": len(scores.p_alive)}


def drive_the_rest() -> dict[str, Any]:
    """Mail, telephone numbers, passwords, pages and templates."""
    key = mail.message_id("boot", "Shop <shop@example.com>")
    mail.mailer().send(mail.Mail("ana@example.com", "Hello", "text", key, NOW, html="<p>text</p>"))
    kept = passwords.hash_password("Walnut-Pallet-42")
    assets = {name: len(files.asset(name).content) > 100 for name in (*files.OWN_ASSETS, *files.SWAGGER_ASSETS)}
    context = {"name": "Ana", "link": "https://shop.example.test/x", "hours": 24, "organization": "Shop"}
    return {
        "mail": "sent",
        "phone": e164("(212) 555-0100"),
        "password": [passwords.matches(kept, "Walnut-Pallet-42"), passwords.matches(kept, "Walnut-Pallet-43")],
        "assets": all(assets.values()),
        "document": files.openapi().media_type,
        "template": render("verify_email", context).subject,
    }


SAID = {
    "stripe": drive_stripe(),
    "twilio": drive_twilio(),
    "pictures": drive_pictures(),
    "scores": drive_scores(),
    "rest": drive_the_rest(),
}
sys.stdout.write(json.dumps(SAID) + "\n")
