"""Use cases of consent: a form asks for a number, the number says yes or stop, the provider says that it said stop."""

from typing import TYPE_CHECKING, Any

from chalicelib.kernel import ids
from chalicelib.kernel.errors import BadRequest, Invalid
from chalicelib.kernel.phones import region_of
from chalicelib.kernel.throttle import Limit, check_limit
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.messaging import service
from chalicelib.messaging.consent import rules, store
from chalicelib.messaging.rules import is_phone

if TYPE_CHECKING:
    from chalicelib.messaging.consent.shapes import IncomingText, OptIn

DAY_S = 24 * 3600
TO_ONE_NUMBER = Limit("sms-asked-number", calls=2, window_s=DAY_S)
TO_ONE_PREFIX = Limit("sms-asked-prefix", calls=30, window_s=3600)
"""Numbers that are tried one after the other, as whoever earns on texts to a range does, lie in one range."""
BY_ONE_ADDRESS = Limit("sms-asked-address", calls=20, window_s=DAY_S)


class ConsentMissing(BadRequest):
    """The box was not ticked, so there is nothing to keep and nobody to ask."""

    code = "consent_required"
    sentence = "Please agree to receive text messages first"


def ask(uow: UnitOfWork, form: "OptIn", *, address: str) -> None:
    """Keeps a form as it was filled in, and asks the number itself whether it agrees: a stranger may have typed it.

    A number that is subscribed or has said STOP is not asked. Raises ConsentMissing, Invalid, TooManyRequests.
    """
    if not form.consent:
        raise ConsentMissing
    version = form.wording_version or rules.CURRENT_WORDING
    if version not in rules.WORDINGS:
        raise Invalid.field("body", "wording_version", message="There is no such wording")
    _check_region(uow, form.phone)
    _check_limits(uow, form.phone, address)
    said = {
        "phone": form.phone,
        "event": "asked",
        "source": "form",
        "wording_version": version,
        "wording": wording(uow, version),
        "first_name": form.first_name,
        "last_name": form.last_name,
        "email": form.email,
        "address": address,
    }
    if _take_in(uow, said) == "asked":
        question = rules.QUESTION.format(organization=_short_name(uow))
        service.send_sms(uow, form.phone, question, kind="sms_optin", is_expected=True)


def wording(uow: UnitOfWork, version: str) -> str:
    """What the form shows beside its box, in the organization's name."""
    return rules.WORDINGS[version].format(organization=uow.organization.name)


def take_text(uow: UnitOfWork, text: "IncomingText") -> None:
    """Takes in what somebody replied, once per message id. What is no word for us is not kept: it is none of our business."""
    found = rules.event_of(text.body or "", text.opt_out_type or "")
    if found is None or not text.message_sid or not is_phone(text.from_) or text.from_ is None:
        return
    event, word = found
    said = {"phone": text.from_, "event": event, "source": "reply", "word": word, "external_id": text.message_sid}
    if _take_in(uow, said, tells_change=True) == "subscribed":
        welcome = rules.WELCOME.format(organization=_short_name(uow))
        service.send_sms(uow, text.from_, welcome, kind="sms_welcome")


def refused_by_recipient(uow: UnitOfWork, phone: str, provider_id: str) -> None:
    """The provider would not send because the number said STOP to it: from now on it has said so to us as well."""
    _take_in(uow, {"phone": phone, "event": "stop", "source": "provider", "external_id": f"refused {provider_id}"})


def _take_in(uow: UnitOfWork, said: dict[str, Any], *, tells_change: bool = False) -> rules.Standing | None:
    """Keeps what was said and moves the number; where it stands then. None for what was said before.

    With `tells_change` also None where nothing has moved.
    """
    if not store.insert_event(uow, said):
        return None
    phone: str = said["phone"]
    stood = store.lock_standing(uow, phone)
    was_asked = stood.was_asked or said["event"] == "asked"
    state = rules.after(stood.state, said["event"], was_asked=was_asked)
    if (state, was_asked) != (stood.state, stood.was_asked):
        store.set_standing(uow, phone, state, was_asked=was_asked)
    return None if tells_change and state == stood.state else state


def _check_region(uow: UnitOfWork, phone: str) -> None:
    regions = uow.organization.settings.get("sms_regions") or rules.REGIONS
    if region_of(phone) not in regions:
        raise Invalid.field("body", "phone", message="We cannot text numbers of this country", type="phone_region")


def _check_limits(uow: UnitOfWork, phone: str, address: str) -> None:
    """Numbers are hashed: what is counted by must not be read."""
    tenant = uow.organization.id
    check_limit(BY_ONE_ADDRESS, f"{tenant}/{address}")
    check_limit(TO_ONE_PREFIX, f"{tenant}/{rules.prefix(phone)}")
    check_limit(TO_ONE_NUMBER, f"{tenant}/{ids.keyed_hash('sms-limit', phone).hex()}")


def _short_name(uow: UnitOfWork) -> str:
    """Names are long and a text is not: two segments hold the question."""
    return uow.organization.name[:60]
