"""Refresh tokens of the storage surface: each is used once; a second use ends the family.

A family is a session: its row in PostgreSQL says whether it lives, one item in DynamoDB holds the hash of its newest
token. Without the item nothing is revived, one signs in again. After: RFC 9700, 4.14.2 (refresh token rotation).
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from chalicelib.identity.rules import SESSION_LASTS_MAX
from chalicelib.kernel import dynamo, ids

PREFIX = "qmr_"
_SORT = "family"


@dataclass(frozen=True)
class RefreshToken:
    """A token taken apart: the session it belongs to and its secret."""

    session_id: str
    secret: str

    @property
    def text(self) -> str:
        """What the client keeps."""
        return f"{PREFIX}{self.session_id}.{self.secret}"

    @property
    def hashes(self) -> list[str]:
        """What is stored is the first; the others are what earlier hash keys made of it."""
        return [hashed.hex() for hashed in ids.keyed_hashes("refresh_token", self.text)]


def parse(text: str) -> RefreshToken | None:
    """The parts of a token, or None for what is not one of ours."""
    session_id, _, secret = text.removeprefix(PREFIX).partition(".")
    try:
        is_canonical = str(UUID(session_id)) == session_id
    except ValueError:
        return None
    return RefreshToken(session_id, secret) if is_canonical and secret and text.startswith(PREFIX) else None


def start(session_id: str) -> str:
    """The first token of a family. Raises Unavailable."""
    first = RefreshToken(session_id, ids.token())
    with dynamo.required():
        dynamo.put(_key(session_id), _SORT, {"hash": first.hashes[0]}, lasts_s=int(SESSION_LASTS_MAX.total_seconds()))
    return first.text


@dataclass(frozen=True)
class Rotation:
    """What became of a token. ``reused``: the family's newest is another one, so this or that is stolen."""

    kind: Literal["next", "reused", "unknown"]
    text: str = ""


def rotate(used: RefreshToken) -> Rotation:
    """The next token of a family; of several uses at once one succeeds, the others end the family. Raises Unavailable."""
    following = RefreshToken(used.session_id, ids.token())
    key = _key(used.session_id)
    with dynamo.required():
        if any(dynamo.swap(key, _SORT, "hash", old=old, new=following.hashes[0]) for old in used.hashes):
            return Rotation("next", following.text)
        return Rotation("reused" if dynamo.delete(key, _SORT) else "unknown")


def _key(session_id: str) -> str:
    return f"refresh#{session_id}"
