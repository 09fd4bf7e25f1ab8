"""SQL of consent: an append-only log, and where each number stands."""

from dataclasses import dataclass
from typing import Any

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.messaging.consent.rules import Standing

INSERT_EVENT = """
    INSERT INTO sms_consent (phone, event, source, wording_version, wording, first_name, last_name, email, address, word,
                             external_id, happened_at)
    VALUES (%(phone)s, %(event)s, %(source)s, %(wording_version)s, %(wording)s, %(first_name)s, %(last_name)s, %(email)s,
            %(address)s, %(word)s, %(external_id)s, %(now)s)
        ON CONFLICT (organization_id, external_id) DO NOTHING
    RETURNING id
"""
# A number that is new gets its row, so that whoever comes at the same moment waits for it.
LOCK_STANDING = """
    INSERT INTO sms_standing AS s (phone, state, was_asked, changed_at) VALUES (%(phone)s, 'open', false, %(now)s)
        ON CONFLICT (organization_id, phone) DO UPDATE SET state = s.state
    RETURNING state, was_asked
"""
SET_STANDING = """
    UPDATE sms_standing SET state = %(state)s, was_asked = %(was_asked)s, changed_at = %(now)s WHERE phone = %(phone)s
"""
FIND_RECIPIENT = "SELECT recipient FROM message WHERE provider_id = %(provider_id)s"
_NOTHING = dict.fromkeys(
    ("wording_version", "wording", "first_name", "last_name", "email", "address", "word", "external_id")
)


@dataclass(frozen=True)
class Stood:
    """Where a number stands; `was_asked`: whether a form ever asked for it."""

    state: Standing
    was_asked: bool


def insert_event(uow: UnitOfWork, columns: dict[str, Any]) -> bool:
    """Writes down what was said; False when it was before (the same external id)."""
    return uow.value(INSERT_EVENT, {**_NOTHING, **columns, "now": uow.now}) is not None


def lock_standing(uow: UnitOfWork, phone: str) -> Stood:
    """Where a number stands; its row stays locked."""
    found = uow.fetch(Stood, LOCK_STANDING, {"phone": phone, "now": uow.now})
    assert found is not None
    return found


def set_standing(uow: UnitOfWork, phone: str, state: Standing, *, was_asked: bool) -> None:
    """Where it stands from now on."""
    uow.execute(SET_STANDING, {"phone": phone, "state": state, "was_asked": was_asked, "now": uow.now})


def find_recipient(uow: UnitOfWork, provider_id: str) -> str | None:
    """The number that a message went to, or None when no message has this id."""
    recipient: str | None = uow.value(FIND_RECIPIENT, {"provider_id": provider_id})
    return recipient
