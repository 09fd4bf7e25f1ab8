"""Whom we may text, and what a number's own words change about it. No I/O.

A number that said STOP gets nothing. Otherwise a text about an order goes to the number that was given for its delivery, and
a text that somebody waits for at this moment (a one-time code, the question whether to subscribe) to the number that was
typed in for it. Everything else needs consent that the number itself confirmed (47 CFR 64.1200(a)(2); CTIA, Messaging
Principles, 5.1: opt-in by reply).
"""

from typing import Literal

Event = Literal["asked", "yes", "stop"]
"""A form asks for a number; the number itself says the rest."""
Standing = Literal["open", "asked", "subscribed", "stopped"]
"""``open``: nothing stands against a text that needs no consent, and there is none."""

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
YES_WORDS = frozenset({"START", "YES", "UNSTOP"})
"""Twilio, Support for opt-out keywords. Twilio itself answers these, and HELP and INFO, so we do not."""
_BY_TWILIO: dict[str, Event] = {"STOP": "stop", "START": "yes"}
"""Twilio, Advanced Opt-Out: OptOutType says what a word of any language meant; HELP changes nothing."""

OPTED_OUT_AT_TWILIO = "21610"
"""Twilio, error 21610: the recipient has replied with STOP."""

CURRENT_WORDING = "2026-11"
WORDINGS = {
    CURRENT_WORDING: (
        "I agree to receive recurring text messages about offers and news from {organization} at this number. Consent is not"
        " a condition of purchase. Message and data rates may apply. Reply STOP to end, HELP for help."
    ),
}
"""By version; one that was ever shown stays, for proofs name it."""
QUESTION = (
    "{organization}: reply YES to get offers and news by text message. Msg & data rates may apply. Reply STOP to end, HELP"
    " for help."
)
WELCOME = "{organization}: you are subscribed to our text messages. Reply STOP to end, HELP for help."
REGIONS = ("US", "CA", "PR")
"""Where texts of forms go unless the organization's settings say otherwise (`sms_regions`): fraud has texts sent to dear
places, some of them behind +1."""


def event_of(body: str, opt_out_type: str = "") -> tuple[Event, str] | None:
    """What a text from a number says about texting it, with the word it says it by; None for any other text.

    Case, blanks and signs do not count: ``Stop!`` and ``opt out`` are words, ``please stop the car`` is none.
    """
    if opt_out_type:
        found = _BY_TWILIO.get(opt_out_type.upper())
        return (found, opt_out_type.upper()[:20]) if found else None
    word = "".join(filter(str.isalpha, body[:100])).upper()
    if word in STOP_WORDS:
        return "stop", word
    return ("yes", word) if word in YES_WORDS else None


def after(standing: Standing, event: Event, *, was_asked: bool) -> Standing:
    """Where a number stands after an event.

    A form moves nobody who has spoken for himself. ``yes`` is consent only to what a form has asked; to a number that was
    never asked it takes back its own STOP and no more.
    """
    if event == "stop":
        return "stopped"
    if event == "asked":
        return "asked" if standing == "open" else standing
    return "subscribed" if was_asked else "open"


def prefix(phone: str) -> str:
    """The range of ten million numbers that a number lies in: of +1 the country and the area code."""
    return phone[: max(3, len(phone) - 7)]
