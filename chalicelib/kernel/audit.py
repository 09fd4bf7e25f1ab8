"""The audit log: who did what to which record, so that an edited or removed row is found.

Writers do not wait for one another: each adds its entries to its own transaction, with an HMAC over the entry under a key
that the database does not have. A schedule (`seal`) then chains what was committed: one row per entry with a gapless
number and ``hash = SHA-256(previous hash + entry)``, per organization. An entry edited later breaks its HMAC and the
chain, a removed one leaves a number without an entry, a removed tail shows against the head that every sealing logs.
"""

import hashlib
import hmac
import json
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb
from pydantic import BaseModel

from chalicelib.kernel import faults, ids, store
from chalicelib.kernel.log import count, logger

if TYPE_CHECKING:
    from chalicelib.kernel.uow import UnitOfWork

GENESIS = b"\0" * 32
SEAL_BATCH = 1000
VERIFY_BATCH = 10_000


@dataclass(frozen=True)
class Entry:
    """One thing somebody did, not yet written. `before` and `after` are canonical JSON texts."""

    action: str
    entity: str
    entity_id: str
    before: str | None
    after: str | None

    @classmethod
    def of(
        cls,
        action: str,
        entity: str,
        entity_id: object,
        *,
        before: BaseModel | dict[str, Any] | None,
        after: BaseModel | dict[str, Any] | None,
    ) -> "Entry":
        """An entry from models or plain dicts."""
        return cls(action, entity, str(entity_id), _canonical(before), _canonical(after))

    def as_row(self) -> dict[str, Any]:
        """The entry as FLUSH takes it."""
        return {
            "action": self.action,
            "entity": self.entity,
            "entity_id": self.entity_id,
            "before": None if self.before is None else json.loads(self.before),
            "after": None if self.after is None else json.loads(self.after),
        }


@dataclass(frozen=True)
class Checkpoint:
    """A link up to which the chain was found whole."""

    number: int
    link: bytes

    def token(self, organization_id: int) -> str:
        """What a caller gets to go on with; signed, so that nobody skips a part of the chain."""
        said = f"{self.number}.{self.link.hex()}"
        return f"{said}.{ids.keyed_hash('audit-checkpoint', f'{organization_id}.{said}').hex()}"

    @classmethod
    def read(cls, token: str, organization_id: int) -> "Checkpoint | None":
        """The checkpoint of a token of this organization; None for what is none."""
        said, _, signature = token.rpartition(".")
        number, _, link = said.partition(".")
        expected = [each.hex() for each in ids.keyed_hashes("audit-checkpoint", f"{organization_id}.{said}")]
        if not any(hmac.compare_digest(each.encode(), signature.encode(errors="replace")) for each in expected):
            return None
        return cls(int(number), bytes.fromhex(link))


@dataclass(frozen=True)
class Verification:
    """What a check of the chain found: `broken_at` is the first number that does not fit, None when all do."""

    sealed: int
    unchained: int
    """Entries that were never on their way into the chain, or were removed on it."""
    broken_at: int | None
    reason: str | None
    rest: "Checkpoint | None" = None
    """Where to go on, when the walk was stopped."""

    @property
    def is_whole(self) -> bool:
        """True when no entry was edited, removed or slipped in."""
        return self.broken_at is None and self.unchained == 0


START = Checkpoint(0, GENESIS)


def _canonical(value: BaseModel | dict[str, Any] | None) -> str | None:
    if value is None:
        return None
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    text = json.dumps(plain, default=str, allow_nan=False)
    return json.dumps(json.loads(text, parse_float=_number), sort_keys=True, separators=(",", ":"))


def _number(text: str) -> int | float:
    """As jsonb gives it back: whole numbers without a fraction or exponent, and no negative zero."""
    number = float(text)
    return int(number) if number.is_integer() else number


def mac_of(entry: Entry, organization_id: int, at: datetime, actor: str, request_id: str) -> bytes:
    """HMAC over everything an entry says."""
    return macs_of(entry, organization_id, at, actor, request_id)[0]


def macs_of(entry: Entry, organization_id: int, at: datetime, actor: str, request_id: str) -> list[bytes]:
    """The same under each hash key, for entries that were written before a rotation."""
    said = [organization_id, _iso(at), actor, request_id, entry.action, entry.entity, entry.entity_id]
    return ids.keyed_hashes("audit", _write([*said, entry.before, entry.after]))


def seal(uow: "UnitOfWork") -> int:
    """Chains up to `SEAL_BATCH` committed entries of the organization; how many. May be repeated at any time.

    Two at once: the second does nothing. Entries that commit late are simply sealed later.
    """
    if not uow.value(store.LOCK_SEALING, {"organization_id": uow.organization.id}):
        return 0
    head = uow.row(store.LAST_SEAL) or {"number": 0, "hash": GENESIS}
    number, link = head["number"], bytes(head["hash"])
    seals: list[dict[str, Any]] = []
    for row in map(_canonical_row, uow.rows(store.LIST_UNSEALED, {"limit": SEAL_BATCH})):
        number += 1
        link = _link(link, number, row)
        seals.append({"number": number, "audit_id": row["id"], "hash": link.hex()})
    if seals:
        faults.point("audit.sealing")
        uow.execute(store.SEAL, {"seals": Jsonb(seals), "audit_ids": [s["audit_id"] for s in seals]})
        faults.point("audit.sealed")
        logger.info("audit sealed", extra={"organization": uow.organization.id, "head": number, "hash": link.hex()})
    return len(seals)


def verify(uow: "UnitOfWork", since: Checkpoint = START, *, for_s: float | None = None) -> Verification:
    """Walks the chain of the organization from a checkpoint on, ten thousand links at a time.

    The checkpoint's own link must still be as it was. `for_s`: stops after so many seconds; `rest` then says where to go
    on. Without it the whole chain is walked.
    """
    number, link, ends_at = since.number, since.link, time.monotonic() + (math.inf if for_s is None else for_s)
    if number and not _is_still_there(uow, since):
        count("AuditChainBroken")
        told = "a link was edited or removed since it was found whole"
        return Verification(sealed=number - 1, unchained=0, broken_at=number, reason=told)
    while rows := uow.rows(store.LIST_SEALED, {"after_number": number, "limit": VERIFY_BATCH}):
        for row in rows:
            reason = _flaw(row, number + 1, link, uow.organization.id)
            if reason is not None:
                count("AuditChainBroken")
                return Verification(sealed=number, unchained=0, broken_at=number + 1, reason=reason)
            number, link = row["number"], bytes(row["hash"])
        if time.monotonic() >= ends_at and len(rows) == VERIFY_BATCH:
            return Verification(sealed=number, unchained=0, broken_at=None, reason=None, rest=Checkpoint(number, link))
    return Verification(sealed=number, unchained=uow.value(store.COUNT_UNCHAINED), broken_at=None, reason=None)


def _is_still_there(uow: "UnitOfWork", checkpoint: Checkpoint) -> bool:
    found = uow.row(store.LIST_SEALED, {"after_number": checkpoint.number - 1, "limit": 1})
    return found is not None and (found["number"], bytes(found["hash"])) == (checkpoint.number, checkpoint.link)


def _flaw(found: dict[str, Any], number: int, link: bytes, organization_id: int) -> str | None:
    row = _canonical_row(found)
    if row["number"] != number:
        return "a link is missing"
    if row["id"] is None:
        return "an entry was removed"
    if _link(link, number, row) != bytes(row["hash"]):
        return "an entry or a link was edited"
    entry = Entry(row["action"], row["entity"], row["entity_id"], row["before"], row["after"])
    expected = macs_of(entry, organization_id, row["at"], row["actor"], row["request_id"])
    is_ours = any(hmac.compare_digest(mac, bytes(row["mac"])) for mac in expected)
    return None if is_ours else "an entry was edited before it was sealed"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _canonical_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the canonical texts of what jsonb made of `before` and `after`."""
    return {**row, "before": _again(row["before"]), "after": _again(row["after"])}


def _again(stored: str | None) -> str | None:
    return None if stored is None else _write_canonical(_read(stored))


def _link(previous: bytes, number: int, row: dict[str, Any]) -> bytes:
    said = [number, row["id"], _iso(row["at"]), row["actor"], row["action"], row["entity"], row["entity_id"]]
    rest = [row["before"], row["after"], row["request_id"], bytes(row["mac"]).hex()]
    return hashlib.sha256(previous + _write([*said, *rest]).encode()).digest()


# Made once: a check of a million entries reads two million texts and writes four.
_read = json.JSONDecoder(parse_float=_number).decode
_write = json.JSONEncoder().encode
_write_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
