"""Use cases of the places."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import psycopg

from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.places import rules, store

ZoneKind = Literal["STORAGE", "RECEIVING", "STAGING", "SHIPPING", "QUALITY", "DAMAGE"]
BinKind = Literal["Pickable", "PickableStaging", "Staging", "RobotBox"]


class CodeTaken(Conflict):
    """Codes are unique: of warehouses and bin barcodes in all, of zones and bins in a warehouse."""

    code = "code_taken"
    sentence = "This code is taken"


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


def create_warehouse(
    uow: UnitOfWork, *, code: str, name: str, address: str = "", preference: int = 100
) -> store.Warehouse:
    """A warehouse with its accounts outbound and missing and its hidden default bin. Raises CodeTaken.

    Also makes the organization's outside accounts where they are missing, so stock can move from the first
    minute.
    """
    fields = {"code": code, "name": name, "address": address, "preference": preference}
    made = store.create_warehouse(uow, fields, rules.OUTSIDE)
    if made is None:
        raise CodeTaken(f"There is a warehouse with the code {code}")
    uow.audit("create", "warehouse", made.id, after={"code": code, "name": name})
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
        raise CodeTaken(f"There is a zone with the code {code}") from None
    if made is None:
        raise NotFound("Warehouse not found")
    uow.audit("create", "zone", made, after={"code": code, "kind": kind, "warehouse_id": warehouse_id})
    return made


def create_bin(uow: UnitOfWork, new: NewBin) -> store.Bin:
    """One bin; see `create_bins`."""
    return create_bins(uow, [new])[0]


def create_bins(uow: UnitOfWork, bins: Sequence[NewBin]) -> list[store.Bin]:
    """Bins with their accounts, in one statement, in the order given. All or none.

    What lies in a zone of the kinds QUALITY and DAMAGE is on hand but not available. Raises CodeTaken,
    NotFound for a warehouse that is not there or a zone that is not in it.
    """
    rows = [{"line": line, **asdict(new)} for line, new in enumerate(bins)]
    try:
        made = store.create_bins(uow, rows, rules.UNAVAILABLE_ZONES)
    except psycopg.errors.UniqueViolation:
        raise CodeTaken("There is a bin with this code or barcode") from None
    if len(made) != len(bins):
        raise NotFound("Warehouse or zone not found")
    for new in made:
        uow.audit("create", "bin", new.id, after={"code": new.code, "warehouse_id": new.warehouse_id})
    return made


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
