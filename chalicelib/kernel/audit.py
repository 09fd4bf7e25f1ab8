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
import re
import time
from dataclasses import dataclass, field
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
VERIFY_BATCH = 5000


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
    """How far a check has come: the last link that was found whole. As text it is signed, so that nobody makes one up."""

    number: int
    link: bytes

    def signed(self, organization_id: int) -> str:
        """``number.hash.signature``, to go on from later."""
        return f"{self.number}.{self.link.hex()}.{self._signatures(organization_id)[0]}"

    @classmethod
    def read(cls, text: str, organization_id: int) -> "Checkpoint | None":
        """The checkpoint that a text stands for; None when it is not one of this organization's that we signed."""
        found = _CHECKPOINT.fullmatch(text)
        if found is None:
            return None
        read = cls(int(found[1]), bytes.fromhex(found[2]))
        is_ours = any(hmac.compare_digest(s, found[3]) for s in read._signatures(organization_id))
        return read if is_ours else None

    def _signatures(self, organization_id: int) -> list[str]:
        said = f"{organization_id} {self.number} {self.link.hex()}"
        return [mac.hex() for mac in ids.keyed_hashes("audit checkpoint", said)]


_CHECKPOINT = re.compile(r"(\d{1,18})\.([0-9a-f]{64})\.([0-9a-f]{64})", re.ASCII)
START = Checkpoint(0, GENESIS)


@dataclass(frozen=True)
class Verification:
    """What a check of the chain found: `broken_at` is the first number that does not fit, None when all do."""

    sealed: int
    """The last link that was looked at and found whole."""
    unchained: int
    """Entries that were never on their way into the chain, or were removed on it; counted once the end is reached."""
    broken_at: int | None
    reason: str | None
    reached: Checkpoint = field(default=START, compare=False)
    is_complete: bool = True
    """False when the time was over before the end of the chain: go on from `reached`."""

    @property
    def is_whole(self) -> bool:
        """True when no entry was edited, removed or slipped in, as far as was looked."""
        return self.broken_at is None and self.unchained == 0


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
    for row in uow.rows(store.LIST_UNSEALED, {"limit": SEAL_BATCH}):
        number += 1
        link = _link(link, number, row, _again(row["before"]), _again(row["after"]))
        seals.append({"number": number, "audit_id": row["id"], "hash": link.hex()})
    if seals:
        faults.point("audit.sealing")
        uow.execute(store.SEAL, {"seals": Jsonb(seals), "audit_ids": [s["audit_id"] for s in seals]})
        faults.point("audit.sealed")
        logger.info("audit sealed", extra={"organization": uow.organization.id, "head": number, "hash": link.hex()})
    return len(seals)


def verify(uow: "UnitOfWork", after: Checkpoint = START, *, for_s: float = math.inf) -> Verification:
    """Walks the chain of the organization from a checkpoint on, for so many seconds, some thousand links at a time.

    The link of the checkpoint must still be the one that was found whole. A million entries take some half a minute.
    """
    ends_at = time.monotonic() + for_s
    reached = after
    while time.monotonic() < ends_at:
        # From the second stretch on the last link is looked at again, which costs nothing and tells a missing one.
        rows = uow.rows(store.LIST_SEALED, {"after_number": max(0, reached.number - 1), "limit": VERIFY_BATCH})
        if reached.number and not _is_still_there(rows, reached):
            return _broken(reached.number, "a link was edited or removed since it was found whole", reached)
        new = rows[1:] if reached.number else rows
        if not new:
            return Verification(reached.number, uow.value(store.COUNT_UNCHAINED), None, None, reached)
        for row in new:
            reason = _flaw(row, reached, uow.organization.id)
            if reason is not None:
                return _broken(reached.number + 1, reason, reached)
            reached = Checkpoint(row["number"], bytes(row["hash"]))
    return Verification(reached.number, 0, None, None, reached, is_complete=False)


def _is_still_there(rows: list[dict[str, Any]], reached: Checkpoint) -> bool:
    return bool(rows) and (rows[0]["number"], bytes(rows[0]["hash"])) == (reached.number, reached.link)


def _broken(number: int, reason: str, reached: Checkpoint) -> Verification:
    count("AuditChainBroken")
    return Verification(number - 1, 0, number, reason, reached)


def _flaw(row: dict[str, Any], reached: Checkpoint, organization_id: int) -> str | None:
    number = reached.number + 1
    if row["number"] != number:
        return "a link is missing"
    if row["id"] is None:
        return "an entry was removed"
    before, after = _again(row["before"]), _again(row["after"])
    if _link(reached.link, number, row, before, after) != bytes(row["hash"]):
        return "an entry or a link was edited"
    entry = Entry(row["action"], row["entity"], row["entity_id"], before, after)
    expected = macs_of(entry, organization_id, row["at"], row["actor"], row["request_id"])
    is_ours = any(hmac.compare_digest(mac, bytes(row["mac"])) for mac in expected)
    return None if is_ours else "an entry was edited before it was sealed"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _again(stored: str | None) -> str | None:
    """The canonical text of what jsonb made of it."""
    if stored is None:
        return None
    return _write_canonical(_read(stored))


def _link(previous: bytes, number: int, row: dict[str, Any], before: str | None, after: str | None) -> bytes:
    said = [number, row["id"], _iso(row["at"]), row["actor"], row["action"], row["entity"], row["entity_id"]]
    rest = [before, after, row["request_id"], bytes(row["mac"]).hex()]
    return hashlib.sha256(previous + _write([*said, *rest]).encode()).digest()


# Made once: a check of a million entries writes four million texts.
_write = json.JSONEncoder().encode
_write_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_read = json.JSONDecoder(parse_float=_number).decode
