"""Builds a robot storage: levels, balconies, carriers, boxes, robots. Administration and demo data call this."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from chalicelib import places
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.places import NewBin
from chalicelib.robots import sections
from chalicelib.robots.errors import SectionTaken
from chalicelib.robots.fleet import store


@dataclass(frozen=True, kw_only=True)
class NewCarrier:
    """A carrier and its place. `code` is its id on the wire."""

    code: str
    level_id: int
    position_x: int
    position_y: int
    depth: int = 0


@dataclass(frozen=True, kw_only=True)
class NewBox:
    """A box on a carrier. `section_code` has up to 8, 16 or 32 binary digits; `items_max` None: as much as fits."""

    carrier_id: int
    code: str
    section_code: str | int
    zone_id: int | None = None
    height_max_mm: int = 300
    items_max: int | None = None


@dataclass(frozen=True)
class Box:
    """A box; `id` is that of its bin."""

    id: int
    account_id: int
    carrier_id: int
    code: str


@dataclass(frozen=True)
class Balcony:
    """A balcony; people put what they take from carriers into the bin of `staging_account_id`."""

    id: int
    staging_account_id: int


def create_level(uow: UnitOfWork, *, warehouse_id: int, height_mm: int) -> int:
    """A level of the storage; its id."""
    return store.insert_level(uow, warehouse_id=warehouse_id, height_mm=height_mm)


def create_balcony(
    uow: UnitOfWork, *, warehouse_id: int, name: str, zone_id: int | None = None, pick_sequence: int = 0
) -> Balcony:
    """A balcony with a staging bin of the same name, which pickers pick from. Raises places.CodeTaken, NotFound."""
    new = NewBin(
        warehouse_id=warehouse_id, code=name, zone_id=zone_id, kind="PickableStaging", pick_sequence=pick_sequence
    )
    staging = places.create_bin(uow, new)
    balcony_id = store.insert_balcony(uow, warehouse_id=warehouse_id, name=name, account_id=staging.account_id)
    uow.audit("create", "balcony", balcony_id, after={"name": name, "warehouse_id": warehouse_id})
    return Balcony(balcony_id, staging.account_id)


def register_bots(
    uow: UnitOfWork, *, warehouse_id: int, serials: Sequence[str], level_id: int | None = None
) -> list[int]:
    """Robots by their serials, which no organization may have twice; their ids. They count as away until they speak."""
    made = store.insert_bots(uow, warehouse_id=warehouse_id, level_id=level_id, serials=serials)
    for bot_id, serial in zip(made, serials, strict=True):
        uow.audit("create", "bot", bot_id, after={"serial": serial, "warehouse_id": warehouse_id})
    return made


def create_carriers(
    uow: UnitOfWork, carriers: Sequence[NewCarrier], *, warehouse_id: int, height_max_mm: int = 300
) -> list[int]:
    """Empty carriers, in one statement; their ids in the order given."""
    rows = [asdict(carrier) for carrier in carriers]
    return store.insert_carriers(uow, rows, warehouse_id=warehouse_id, height_max_mm=height_max_mm)


def create_boxes(uow: UnitOfWork, boxes: Sequence[NewBox]) -> list[Box]:
    """Boxes, each a bin of kind RobotBox, in a fixed number of statements; in the order given.

    Raises SectionTaken where the carrier has no room for one, sections.BadSectionCode, places.CodeTaken, NotFound.
    """
    free = store.lock_free_space(uow, sorted({box.carrier_id for box in boxes}))
    codes = [sections.canonical(box.section_code) for box in boxes]
    for box, code in zip(boxes, codes, strict=True):
        if box.carrier_id not in free:
            raise NotFound("Carrier not found")
        space = free[box.carrier_id]
        if sections.overlap(code, sections.without(sections.FULL, space.section_code)):
            raise SectionTaken(f"Box {box.code} overlaps another on carrier {space.code}")
        free[box.carrier_id] = space.less(code)
    bins = places.create_bins(
        uow,
        [
            NewBin(warehouse_id=free[b.carrier_id].warehouse_id, code=b.code, zone_id=b.zone_id, kind="RobotBox")
            for b in boxes
        ],
    )
    rows = [
        {
            "carrier_id": box.carrier_id,
            "bin_id": made.id,
            "account_id": made.account_id,
            "section_code": code,
            "height_max_mm": box.height_max_mm,
            "items_max": box.items_max,
        }
        for box, code, made in zip(boxes, codes, bins, strict=True)
    ]
    store.insert_boxes(uow, rows, list(free.values()))
    return [Box(made.id, made.account_id, b.carrier_id, b.code) for b, made in zip(boxes, bins, strict=True)]
