"""Use cases of the bins."""

from dataclasses import dataclass
from typing import Any

from chalicelib import stock
from chalicelib.kernel.errors import IntegrityViolation, NotFound
from chalicelib.kernel.paging import paged
from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.places import rules
from chalicelib.places import service as places
from chalicelib.places.bins import store
from chalicelib.places.bins.shapes import BinContent, BinDetail, BinPage, BinQuery, BinView, ChangedBin, NewBin
from chalicelib.places.errors import InUse, PlacesDiffer, ZoneClosed

_COLUMNS = {"bin_code": "code", "bin_barcode": "barcode", "bin_type": "kind"}
"""Field of the contract -> column, where they differ."""


def browse(uow: UnitOfWork, query: BinQuery) -> BinPage:
    """A page of bins that people made, or of one kind; none for a warehouse or zone that is not there."""
    rows, total = store.list_bins(uow, query, rules.SHELF_KINDS)
    return BinPage(bins=[BinView.of(row) for row in rows], **paged(query, total))


def show(uow: UnitOfWork, bin_id: int) -> BinDetail:
    """A bin of any kind with what lies in it. Raises NotFound."""
    rows = store.show_bin(uow, bin_id)
    if not rows:
        raise NotFound("Bin not found")
    return BinDetail(bin=BinView.of(rows[0]), inventory=[_content(row) for row in rows if row["item_id"] is not None])


def _content(row: Row) -> BinContent:
    return BinContent(
        item_id=row["item_id"],
        sku=row["sku"],
        item_name=row["item_name"],
        lot_number=row["lot_number"],
        quantity_on_hand=row["on_hand"],
        quantity_allocated=row["allocated"],
        quantity_available=row["on_hand"] - row["allocated"],
    )


def create(uow: UnitOfWork, new: NewBin) -> BinView:
    """A bin in a zone. Raises CodeTaken, PlacesDiffer, ZoneClosed, IntegrityViolation for an unknown zone or warehouse."""
    wanted = places.NewBin(
        warehouse_id=new.warehouse_id,
        zone_id=new.zone_id,
        code=new.bin_code,
        barcode=new.bin_barcode,
        kind=new.bin_type,
        aisle=new.aisle or "",
        row_num=new.row_num or "",
        level_num=new.level_num or "",
        position_num=new.position_num or "",
        pick_sequence=new.pick_sequence or 0,
        putaway_sequence=new.putaway_sequence or 0,
        description=new.description or "",
    )
    made, problems = places.try_create_bins(uow, [wanted])
    for problem in problems:
        if problem.obstacle == "zone_elsewhere":
            raise PlacesDiffer
        raise IntegrityViolation if problem.obstacle.endswith("unknown") else problem.refusal()
    return BinView.of(store.show_bin(uow, made[0].id)[0])


@dataclass(frozen=True)
class _Change:
    """A locked bin as it is and as it is to be."""

    row: dict[str, Any]
    after: dict[str, Any]

    @property
    def moves_away(self) -> bool:
        """To another warehouse."""
        return "warehouse_id" in self.after

    @property
    def closes(self) -> bool:
        return self.after.get("is_active") is False

    @property
    def zone_kind(self) -> str | None:
        """Of the zone where it will be."""
        kind: str | None = self.row["new_zone_kind" if "zone_id" in self.after else "zone_kind"]
        return kind


def update(uow: UnitOfWork, bin_id: int, change: ChangedBin) -> BinView:
    """Changes what is named; nothing named changes nothing.

    Raises NotFound, CodeTaken, IntegrityViolation for a zone or warehouse that is not there, PlacesDiffer when they do
    not go together, ZoneClosed, stock.SetAside (see `stock.set_availability`), InUse for a hidden or a robot's bin and
    where stock or something else needs the bin as it is. Ten statements at most.
    """
    row = store.lock_bin(uow, bin_id, zone_id=change.zone_id, warehouse_id=change.warehouse_id)
    if row is None:
        raise NotFound("Bin not found")
    if row["kind"] not in rules.SHELF_KINDS:
        raise InUse(f"Bin {row['code']} is a {row['kind']} bin, which cannot be changed here")
    before, after = rules.changes(row, change.model_dump(), _COLUMNS)
    if not after:
        return BinView.of(row)
    wanted = _Change(row, after)
    _check_place(wanted)
    _check_settings(uow, wanted)
    is_sold = rules.is_sold(wanted.zone_kind)
    if wanted.moves_away or wanted.closes:
        _check_free(uow, wanted)
    elif is_sold is not rules.is_sold(row["zone_kind"]):
        stock.set_availability(uow, [row["account_id"]], is_available=is_sold, document=f"bin:{bin_id}")
    if "zone_id" in after:
        row = {**row, "zone_name": row["new_zone_name"], "zone_kind": row["new_zone_kind"]}
    store.update_bin(uow, {**row, **after}, is_available=is_sold)
    uow.audit("update", "bin", bin_id, before=before, after=after)
    return BinView.of({**row, **after})


def _check_place(change: _Change) -> None:
    """Raises IntegrityViolation, PlacesDiffer, ZoneClosed."""
    row, after = change.row, change.after
    if change.moves_away and not row["is_new_warehouse_known"]:
        raise IntegrityViolation
    to_new_zone = "zone_id" in after
    zone_warehouse_id = row["new_zone_warehouse_id" if to_new_zone else "zone_warehouse_id"]
    if to_new_zone and zone_warehouse_id is None:
        raise IntegrityViolation
    if zone_warehouse_id not in (None, after.get("warehouse_id", row["warehouse_id"])):
        raise PlacesDiffer
    is_zone_active = row["is_new_zone_active" if to_new_zone else "is_zone_active"]
    if is_zone_active is False and (to_new_zone or after.get("is_active")):
        raise ZoneClosed


def _check_settings(uow: UnitOfWork, change: _Change) -> None:
    """The bin that scanners propose for what arrives stays one. Raises InUse."""
    unfit = change.closes or change.after.get("kind", rules.RECEIVING_KINDS[0]) not in rules.RECEIVING_KINDS
    if unfit and store.is_receiving_bin(uow, change.row["id"]):
        raise InUse(f"Bin {change.row['code']} is the default receiving bin")


def _check_free(uow: UnitOfWork, change: _Change) -> None:
    """Locks the bin's account against postings until the end. Raises InUse for what lies there or relies on it."""
    row = change.row
    use = stock.lock_places(uow, [row["account_id"]])
    if use.on_hand:
        raise InUse(f"Bin {row['code']} holds {use.on_hand} units; move them first")
    if change.moves_away and use.had_stock:
        raise InUse(f"Bin {row['code']} has had stock and stays in its warehouse")
    reasons = store.what_relies_on_bin(uow, row)
    if reasons:
        raise InUse(f"Bin {row['code']} is needed by {', '.join(reasons)}")
