"""Use cases of the transfers: units are carried from bin to bin, within a warehouse or to another one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chalicelib import stock
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.ids import uuid7
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.transfers import facts, rules, store
from chalicelib.transfers.rules import Bin
from chalicelib.transfers.shapes import (
    BinMove,
    CarriedLot,
    Transfer,
    Transferred,
    WarehouseTransfer,
    WarehouseTransferred,
    WarehouseTransfers,
    WarehouseTransferView,
)


@dataclass(frozen=True)
class Carrying:
    """Units of an item on their way from one bin to another. `reason` and `document` are what the ledger says of them."""

    wanted: BinMove
    source: Bin
    target: Bin
    reason: str
    document: str
    note: str = ""

    @classmethod
    def of(cls, uow: UnitOfWork, wanted: BinMove, ends: tuple[Bin, Bin], reason: str, note: str = "") -> "Carrying":
        """With a document of its own, named after the reason."""
        source, target = ends
        return cls(wanted, source, target, reason, f"{reason}:{uuid7(int(uow.now.timestamp() * 1000))}", note)


@dataclass(frozen=True)
class Carried:
    """What was carried: a ledger move per lot, in the order in which the lots were taken."""

    sku: str
    lots: list[CarriedLot]

    @property
    def transfer_id(self) -> int:
        """The first move's number: unique, and the same for ever."""
        return self.lots[0].transfer_id


def move(uow: UnitOfWork, wanted: Transfer) -> Transferred:
    """Carries units to another bin of the same warehouse.

    Orders that hold units which are not sold where they come to (a zone for damaged goods) lose their holds, the youngest
    first. Raises NotFound for an item that is not there and bins that are not the caller's, BadRequest for bins of
    different warehouses, bins that hands may not use, an unknown lot and too few free units. Nine statements at most.
    """
    source, target = ends = find_ends(uow, wanted)
    if source.warehouse_id != target.warehouse_id:
        raise BadRequest("Bins are in different warehouses")
    carried = carry(uow, Carrying.of(uow, wanted, ends, "bin_transfer", wanted.reason or ""))
    return Transferred(
        message="Transfer completed",
        transfer_id=carried.transfer_id,
        item=carried.sku,
        from_bin=source.code,
        to_bin=target.code,
        quantity=wanted.quantity,
        lots=carried.lots,
    )


def find_ends(uow: UnitOfWork, wanted: BinMove) -> tuple[Bin, Bin]:
    """The two bins of a move. Raises NotFound where one is not there or in a warehouse that the caller does not see."""
    found = store.find_bins(uow, [wanted.from_bin_id, wanted.to_bin_id])
    source, target = found.get(wanted.from_bin_id), found.get(wanted.to_bin_id)
    if source is None or not uow.actor.sees_warehouse(source.warehouse_id):
        raise NotFound("Source bin not found")
    if target is None or not uow.actor.sees_warehouse(target.warehouse_id):
        raise NotFound("Destination bin not found")
    return source, target


def carry(uow: UnitOfWork, carrying: Carrying) -> Carried:
    """Posts a move between two bins that the caller has looked at, and notes who did it.

    Locks the item's stock in both bins before it chooses lots, so that clients who carry to and fro wait for one another
    and each sees what the other left. Raises as `move` does. Four statements, and what the commit flushes.
    """
    return _carry(uow, carrying, lambda moves: stock.move_breaking(uow, moves).move_ids)


def _carry(uow: UnitOfWork, carrying: Carrying, post: Callable[[Iterable[stock.Move]], list[int]]) -> Carried:
    wanted, source, target = carrying.wanted, carrying.source, carrying.target
    rules.check_ends(source, target)
    there = stock.lock_levels(uow, wanted.item_id, [source.account_id, target.account_id])
    if there is None:
        raise NotFound("Item not found")
    taken = rules.take(there.within(source.account_id), wanted.quantity, wanted.lot_number or None, source.code)
    move_ids = post(
        stock.Move(
            wanted.item_id,
            units.quantity,
            source.account_id,
            target.account_id,
            carrying.reason,
            carrying.document,
            units.level.lot_id,
            note=carrying.note,
        )
        for units in taken
    )
    uow.audit(
        f"stock.{carrying.reason}",
        "variant",
        wanted.item_id,
        before={"bin": source.code, "warehouse_id": source.warehouse_id},
        after={
            "bin": target.code,
            "warehouse_id": target.warehouse_id,
            "quantity": wanted.quantity,
            "document": carrying.document,
        },
    )
    lots = [
        CarriedLot(transfer_id=move_id, lot_number=units.level.lot_number, quantity=units.quantity)
        for move_id, units in zip(move_ids, taken, strict=True)
    ]
    return Carried(there.sku, lots)


def move_between_warehouses(uow: UnitOfWork, wanted: WarehouseTransfer) -> WarehouseTransferred:
    """Carries units to a bin of another warehouse, at once.

    Only units that no order of the source warehouse holds may leave: an order ships from one warehouse. Raises NotFound for
    an item or a bin that is not there, BadRequest as `move` does, for one and the same warehouse, for warehouses that are
    not the bins' and for units that are held. Nine statements at most.
    """
    source, target = ends = find_ends(uow, wanted)
    _check_warehouses(wanted, source, target)
    note = wanted.reason or wanted.notes or ""
    carrying = Carrying.of(uow, wanted, ends, "inter_warehouse_transfer", note)
    try:
        carried = _carry(uow, carrying, lambda moves: stock.post(uow, moves=moves))
    except stock.OutOfStock as held:
        available = held.short[0].available
        raise BadRequest(
            f"Not enough stock in the source warehouse: {available} available, the rest is held for orders"
        ) from None
    uow.tell(
        facts.Transferred(
            variant_id=wanted.item_id,
            from_location_id=source.warehouse_id,
            to_location_id=target.warehouse_id,
            quantity=wanted.quantity,
        )
    )
    return WarehouseTransferred(
        message="Transfer completed",
        transfer_id=carried.transfer_id,
        item_id=wanted.item_id,
        sku=carried.sku,
        from_bin_id=source.id,
        from_bin_code=source.code,
        from_warehouse_id=source.warehouse_id,
        to_bin_id=target.id,
        to_bin_code=target.code,
        to_warehouse_id=target.warehouse_id,
        quantity=wanted.quantity,
        reason=note,
        lots=carried.lots,
        transferred_at=uow.now,
    )


def _check_warehouses(wanted: WarehouseTransfer, source: Bin, target: Bin) -> None:
    for named, found in ((wanted.from_warehouse_id, source), (wanted.to_warehouse_id, target)):
        if named not in (None, found.warehouse_id):
            raise BadRequest(f"Bin {found.code} is not in warehouse {named}")
    if source.warehouse_id == target.warehouse_id:
        raise BadRequest("Source and destination warehouse must be different")


def list_between_warehouses(uow: UnitOfWork, limit: int) -> WarehouseTransfers:
    """The latest transfers between warehouses, the newest first; one line per lot."""
    return WarehouseTransfers(
        transfers=[WarehouseTransferView.of(row) for row in store.list_between_warehouses(uow, limit)]
    )
