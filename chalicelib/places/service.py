"""Use cases of the places."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import psycopg

from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.places import rules, store
from chalicelib.places.errors import CodeTaken
from chalicelib.places.rules import BinKind, BinProblem, ZoneKind


@dataclass(frozen=True, kw_only=True)
class NewBin:
    """A bin to be created. Without a barcode it gets ``<warehouse code>-<bin code>``."""

    warehouse_id: int
    code: str
    zone_id: int | None = None
    barcode: str | None = None
    kind: BinKind = "Pickable"
    aisle: str = ""
    row_num: str = ""
    level_num: str = ""
    position_num: str = ""
    pick_sequence: int = 0
    putaway_sequence: int = 0
    description: str = ""


def create_warehouse(
    uow: UnitOfWork, *, code: str, name: str, address: str = "", preference: int = 100
) -> store.Warehouse:
    """A warehouse with its accounts outbound and missing and its hidden default bin. Raises CodeTaken.

    Also makes the organization's outside accounts where they are missing, so stock can move from the first
    minute.
    """
    fields = {"code": code, "name": name, "address": address, "preference": preference}
    try:
        made = store.create_warehouse(uow, fields, rules.OUTSIDE)
    except psycopg.errors.UniqueViolation:
        raise CodeTaken("bin barcode", rules.default_barcode(code)) from None
    if made is None:
        raise CodeTaken("warehouse code", code)
    uow.audit("create", "warehouse", made.id, after=fields)
    return made


def ensure_outside_accounts(uow: UnitOfWork) -> None:
    """Makes the organization's outside accounts where they are missing; may be repeated."""
    store.ensure_outside(uow, rules.OUTSIDE)


def create_zone(uow: UnitOfWork, *, warehouse_id: int, code: str, name: str = "", kind: ZoneKind = "STORAGE") -> int:
    """The new zone's id. Raises CodeTaken, NotFound for a warehouse that is not there."""
    fields = {"warehouse_id": warehouse_id, "code": code, "name": name, "kind": kind}
    try:
        made = store.create_zone(uow, fields)
    except psycopg.errors.UniqueViolation:
        raise CodeTaken("zone code", code) from None
    except psycopg.errors.ForeignKeyViolation:  # the warehouse is being deleted
        made = None
    if made is None:
        raise NotFound("Warehouse not found")
    uow.audit("create", "zone", made, after=fields)
    return made


def create_bin(uow: UnitOfWork, new: NewBin) -> store.Bin:
    """One bin; see `create_bins`."""
    return create_bins(uow, [new])[0]


def create_bins(uow: UnitOfWork, bins: Sequence[NewBin]) -> list[store.Bin]:
    """Bins with their accounts, in the order given, all or none: one statement for any number of them, two for a refusal.

    What lies in a zone of the kinds QUALITY and DAMAGE is on hand but not available. Raises CodeTaken, ZoneClosed,
    NotFound for a warehouse that is not there or a zone that is not in it: of the first line that cannot be.
    `check_bins` says it of every line.
    """
    made, problems = try_create_bins(uow, bins)
    if problems:
        raise problems[0].refusal()
    return made


def try_create_bins(uow: UnitOfWork, bins: Sequence[NewBin]) -> tuple[list[store.Bin], list[BinProblem]]:
    """The bins or, if not all of them can be, what is in the way; then the caller must give the transaction up."""
    rows = [{"line": line, **asdict(new)} for line, new in enumerate(bins)]
    try:
        made = store.create_bins(uow, rows, rules.UNAVAILABLE_ZONES)
    except psycopg.errors.ForeignKeyViolation:  # a warehouse is being deleted
        raise NotFound("Warehouse not found") from None
    if len(made) != len(bins):
        return [], rules.bin_problems(store.check_bins(uow, rows, [b.id for b in made]))
    for bin_, new in zip(made, bins, strict=True):
        uow.audit("create", "bin", bin_.id, after={**asdict(new), "barcode": bin_.barcode})
    return made, []


def check_bins(uow: UnitOfWork, bins: Sequence[NewBin]) -> list[BinProblem]:
    """What keeps bins from being made, by the place in the list: unknown places, codes that are taken or named twice.

    Nothing is made or locked; `create_bins` may still meet somebody who was quicker. One statement for any number.
    """
    return rules.bin_problems(store.check_bins(uow, [{"line": n, **asdict(new)} for n, new in enumerate(bins)]))


def warehouse_ids(uow: UnitOfWork) -> list[int]:
    """Active warehouses in the order in which orders are served from them."""
    return store.list_warehouse_ids(uow)


def find_bins(uow: UnitOfWork, bin_ids: Iterable[int]) -> dict[int, store.BinPlace]:
    """Bins by id, closed ones too; those that are not there are left out. One statement for any number."""
    return {found.id: found for found in store.find_bins(uow, sorted(set(bin_ids)))}


def list_locations(uow: UnitOfWork) -> list[store.Location]:
    """All warehouses, closed ones too: stock may still lie in them."""
    return store.list_warehouses(uow, ids=None, with_inactive=True)


def list_own_warehouses(uow: UnitOfWork, actor: Actor) -> list[store.Location]:
    """The active warehouses that a warehouse user may choose; an ADMIN may choose all."""
    ids = None if actor.wms_role == "ADMIN" else actor.warehouse_ids
    return store.list_warehouses(uow, ids=ids, with_inactive=False)
