"""Conversations that we remember: in DynamoDB, for an hour after the last word. Losing one loses no business fact.

A session belongs to the customer who opened it, or to whoever has its id where nobody was signed in: 256 bits, of which only
a hash is kept. Somebody else's session looks like none. Of two messages at once the later one's turn is remembered.
"""

import json
from dataclasses import dataclass

from chalicelib.insights.chat import rules
from chalicelib.kernel import dynamo, ids
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork

LASTS_S = 3600
_SORT = "chat"


class NoSuchSession(NotFound):
    """It is over, never was, or is somebody else's; open another one."""

    code = "no_such_session"
    sentence = "This conversation is over; please open a new one"


@dataclass(frozen=True, slots=True)
class Session:
    """What was said so far, as (role, text)."""

    key: str
    owner: str
    turns: tuple[tuple[str, str], ...]


def open_session(uow: UnitOfWork) -> str:
    """The id of a new, empty session of this caller. Raises Unavailable."""
    session_id = ids.token()
    with dynamo.required():
        _write(Session(_keys(uow, session_id)[0], _owner(uow), ()))
    return session_id


def find(uow: UnitOfWork, session_id: str) -> Session:
    """The caller's session. Raises NoSuchSession, Unavailable."""
    owner = _owner(uow)
    with dynamo.required():
        for key in _keys(uow, session_id):
            item = dynamo.get(key, _SORT)
            if item is not None and item["owner"] == owner:
                return Session(key, owner, tuple((role, text) for role, text in json.loads(item["turns"])))
    raise NoSuchSession


def remember(session: Session, said: str, answered: str) -> None:
    """Adds a question and its answer; a table that is away forgets them."""
    turns = rules.kept([*session.turns, ("user", said), ("assistant", answered)])
    dynamo.ask_or(None, lambda: _write(Session(session.key, session.owner, tuple(turns))))


def _write(session: Session) -> None:
    item = {"owner": session.owner, "turns": json.dumps(session.turns)}
    dynamo.put(session.key, _SORT, item, lasts_s=LASTS_S)


def _owner(uow: UnitOfWork) -> str:
    return f"customer/{uow.actor.id}" if uow.actor.kind == "customer" else "guest"


def _keys(uow: UnitOfWork, session_id: str) -> list[str]:
    """Where it is: under the newest hash key, or an earlier one."""
    return [f"chat#{uow.organization.id}#{hashed.hex()}" for hashed in ids.keyed_hashes("chat_session", session_id)]
