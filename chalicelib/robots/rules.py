"""Decisions about requests and jobs: states, feedback codes, which boxes a request takes. No I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from chalicelib.kernel.states import Machine
from chalicelib.stock import FreeStock

RequestType = Literal[
    "FULFILLMENT", "REPLENISHMENT", "FETCH", "ONBOARDING", "OFFBOARDING", "RFID_WRITE", "PAUSE", "RESUME",
    "CHARGING", "UNCHARGING", "CARRIER_ONBOARDING",
]  # fmt: skip
RequestStatus = Literal["CREATED", "ACCEPTED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
JobType = Literal["FULFILLMENT", "REPLENISHMENT", "FETCH", "CHARGING", "UNCHARGING"]
JobStatus = Literal["CREATED", "ACCEPTED", "RUNNING", "WAITING", "COMPLETED", "FAILED", "CANCELLED"]
JobEvent = Literal["accept", "run", "dock", "retry", "finish", "succeed", "fail", "cancel"]
RequestEvent = Literal["accept", "run", "complete", "fail", "cancel"]
EntityType = Literal["Sku", "Carrier", "Bot", "Balcony"]
OPEN = ("CREATED", "ACCEPTED", "RUNNING", "WAITING")
TRIES_MAX = 3
"""How often robots may fail at one job before the job fails."""

# CREATED: no robot has acknowledged it. WAITING: its carrier stands at a balcony and a person works on it.
JOB: Machine[JobStatus, JobEvent] = Machine(
    "job",
    {
        ("CREATED", "accept"): "ACCEPTED",
        ("CREATED", "run"): "RUNNING",
        ("CREATED", "dock"): "WAITING",
        ("CREATED", "retry"): "CREATED",
        ("CREATED", "finish"): "COMPLETED",
        ("CREATED", "fail"): "FAILED",
        ("CREATED", "cancel"): "CANCELLED",
        ("ACCEPTED", "run"): "RUNNING",
        ("ACCEPTED", "dock"): "WAITING",
        ("ACCEPTED", "retry"): "CREATED",
        ("ACCEPTED", "finish"): "COMPLETED",
        ("ACCEPTED", "fail"): "FAILED",
        ("RUNNING", "dock"): "WAITING",
        ("RUNNING", "retry"): "CREATED",
        ("RUNNING", "finish"): "COMPLETED",
        ("RUNNING", "fail"): "FAILED",
        ("WAITING", "succeed"): "COMPLETED",
        ("WAITING", "fail"): "FAILED",
        ("WAITING", "cancel"): "CANCELLED",
    },
)
REQUEST: Machine[RequestStatus, RequestEvent] = Machine(
    "request",
    {
        ("CREATED", "accept"): "ACCEPTED",
        ("CREATED", "run"): "RUNNING",
        ("CREATED", "complete"): "COMPLETED",
        ("CREATED", "fail"): "FAILED",
        ("CREATED", "cancel"): "CANCELLED",
        ("ACCEPTED", "run"): "RUNNING",
        ("ACCEPTED", "complete"): "COMPLETED",
        ("ACCEPTED", "fail"): "FAILED",
        ("ACCEPTED", "cancel"): "CANCELLED",
        ("RUNNING", "complete"): "COMPLETED",
        ("RUNNING", "fail"): "FAILED",
        ("RUNNING", "cancel"): "CANCELLED",
    },
)

# The contract shows the first two; the rest is ours, in a range of its own.
NOT_ENOUGH = ("0x5082", "Not enough quantity")
UNKNOWN = ("0x5083", "{type} does not exist")
ALREADY_ASKED = ("0x50F0", "Carrier is already asked for")
BOT_AWAY = ("0x50F1", "Bot is not connected")
BOT_BUSY = ("0x50F2", "Bot has work that is not done")
NO_SPACE = ("0x50F3", "No box has space for it")
CANNOT = ("0x50F4", "The fleet cannot do this")
NO_BOT = ("0x50F5", "No bot that this could mean")
NAMED_TWICE = ("0x50F6", "Named twice")
SENTENCES = dict((NOT_ENOUGH, UNKNOWN, ALREADY_ASKED, BOT_AWAY, BOT_BUSY, NO_SPACE, CANNOT, NO_BOT, NAMED_TWICE))
"""Feedback code -> what it says."""


@dataclass(frozen=True)
class Feedback:
    """What is wrong with one entity of a request."""

    entity_id: str
    entity_type: EntityType
    error_code: str
    human_string: str

    @classmethod
    def of(cls, entity_type: EntityType, entity_id: object, error: tuple[str, str]) -> "Feedback":
        """Feedback from the table of codes."""
        name = {"Sku": "SKU"}.get(entity_type, entity_type)
        return cls(str(entity_id), entity_type, error[0], error[1].replace("{type}", name))

    def __str__(self) -> str:
        return f"{self.entity_id}: {self.error_code} - {self.human_string}"


@dataclass(frozen=True)
class Entity:
    """One line of a request."""

    entity_type: Literal["Sku", "Carrier"]
    entity_id: str
    job_type: str
    total: int


@dataclass(frozen=True)
class NewJob:
    """One job of a request that is about to be stored. Places are account ids."""

    id: str
    entity_position: int | None
    type: JobType
    quantity: int = 1
    box_account_id: int | None = None
    carrier_id: int | None = None
    bot_id: int | None = None
    balcony_id: int | None = None
    variant_id: int | None = None
    lot_id: int | None = None
    from_account_id: int | None = None
    to_account_id: int | None = None
    pick_task_id: int | None = None


@dataclass(frozen=True)
class RobotPick:
    """A pick task whose units, already allocated, lie in a box."""

    task_id: int
    box_account_id: int
    variant_id: int
    lot_id: int | None
    quantity: int


@dataclass(frozen=True)
class Wanted:
    """One line of a request for units: `position` in the request, of which variant how much."""

    position: int
    variant_id: int
    sku: str
    quantity: int


@dataclass(frozen=True)
class Piece:
    """Units that one job takes from (or puts into) one level."""

    position: int
    stock: FreeStock
    quantity: int


@dataclass
class _Shelf:
    """What is left of the levels while lines are served one after the other."""

    carriers: Mapping[int, int]
    """account -> carrier"""
    taken: dict[tuple[int, int | None, int], int] = field(default_factory=lambda: defaultdict(int))
    chosen: set[int] = field(default_factory=set)
    """Carriers that come anyway."""

    def left(self, level: FreeStock) -> int:
        return level.free - self.taken[level.account_id, level.lot_id, level.variant_id]

    def take(self, wanted: Wanted, level: FreeStock, quantity: int) -> Piece:
        self.taken[level.account_id, level.lot_id, level.variant_id] += quantity
        self.chosen.add(self.carriers[level.account_id])
        return Piece(wanted.position, level, quantity)


def choose_boxes(
    wanted: Sequence[Wanted], levels: Iterable[FreeStock], carriers: Mapping[int, int]
) -> tuple[list[Piece], list[Wanted]]:
    """Which box gives how much, and the lines for which all boxes together have too little.

    First expired, first out; among units that expire on the same day few carriers: those that come anyway, then one
    that has all that is missing, then the fullest. `levels` are in first-expired order, `carriers` maps accounts of
    boxes to carriers; levels elsewhere are passed over.
    """
    by_variant: dict[int, list[FreeStock]] = defaultdict(list)
    for level in levels:
        if level.account_id in carriers:
            by_variant[level.variant_id].append(level)
    shelf, pieces, short = _Shelf(carriers), [], []
    for want in wanted:
        own = by_variant[want.variant_id]
        if sum(shelf.left(level) for level in own) < want.quantity:
            short.append(want)
        else:
            pieces += _take(shelf, want, own)
    return pieces, short


def _take(shelf: _Shelf, want: Wanted, levels: Sequence[FreeStock]) -> list[Piece]:
    pieces: list[Piece] = []
    missing = want.quantity
    for _, same_day in groupby(levels, key=lambda level: level.expires_on):
        candidates = [level for level in same_day if shelf.left(level) > 0]
        while missing and candidates:
            carrier = _next_carrier(shelf, candidates, missing)
            for level in [c for c in candidates if shelf.carriers[c.account_id] == carrier]:
                quantity = min(missing, shelf.left(level))
                if quantity:
                    pieces.append(shelf.take(want, level, quantity))
                    missing -= quantity
            candidates = [c for c in candidates if shelf.carriers[c.account_id] != carrier]
    return pieces


def _next_carrier(shelf: _Shelf, candidates: Sequence[FreeStock], missing: int) -> int:
    load: dict[int, int] = defaultdict(int)
    for level in candidates:
        load[shelf.carriers[level.account_id]] += shelf.left(level)
    return min(load, key=lambda c: (c not in shelf.chosen, load[c] < missing, -min(load[c], missing), c))


@dataclass(frozen=True)
class Box:
    """A box as replenishment sees it. `variant_id` is None while it is empty."""

    account_id: int
    carrier_id: int
    items_max: int | None
    variant_id: int | None
    on_hand: int


def choose_space(pieces: Sequence[Piece], boxes: Iterable[Box]) -> tuple[list[tuple[Piece, Box, int]], list[Piece]]:
    """Which box takes how much of each piece, and the pieces for which there is no room.

    A box holds one SKU, and is filled from one piece at a time: those that hold the SKU already come first, then empty
    ones.
    """
    ordered = sorted(boxes, key=lambda b: (b.variant_id is None, b.account_id))
    used: set[int] = set()
    placed: list[tuple[Piece, Box, int]] = []
    full: list[Piece] = []
    for piece in pieces:
        missing, own = piece.quantity, []
        for box in ordered:
            room = missing if box.items_max is None else min(missing, box.items_max - box.on_hand)
            if room > 0 and box.account_id not in used and box.variant_id in (None, piece.stock.variant_id):
                own.append((piece, box, room))
                missing -= room
        if missing:
            full.append(piece)
        else:
            used |= {box.account_id for _, box, _ in own}
            placed += own
    return placed, full


def request_end(*, succeeded: int, failed: int) -> RequestEvent:
    """How a request ends whose jobs have all ended: failed if one did, cancelled if none succeeded."""
    if failed:
        return "fail"
    return "complete" if succeeded else "cancel"
