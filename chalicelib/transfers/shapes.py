"""What the endpoints of transfers read and say."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from chalicelib.kernel.ids import Id
from chalicelib.kernel.shapes import Instant, Note, OptionalText, Quantity, Shape


class BinMove(Shape):
    """Units of an item that are carried from one bin to another."""

    item_id: Id
    from_bin_id: Id
    to_bin_id: Id
    quantity: Quantity
    lot_number: OptionalText | None = None
    """Only units of this lot; without it, or with an empty one, the first to expire, then units without a lot."""

    @model_validator(mode="after")
    def _elsewhere(self) -> Self:
        if self.from_bin_id == self.to_bin_id:
            raise ValueError("from_bin_id and to_bin_id must be different")
        return self


class Transfer(BinMove):
    """A move within a warehouse."""

    reason: Note | None = None


class WarehouseTransfer(BinMove):
    """A move to another warehouse. The bins say which; what is named besides must be theirs."""

    from_warehouse_id: Id | None = None
    to_warehouse_id: Id | None = None
    reason: Note | None = None
    notes: Note | None = None
    """Another word for `reason`."""


class CarriedLot(Shape):
    """What was carried of one lot: a move of the ledger."""

    transfer_id: int
    lot_number: str | None
    quantity: int


class Transferred(Shape):
    """Units lie in another bin now."""

    message: str
    transfer_id: int
    """The ledger's number of the move; of the first one where several lots were carried."""
    item: str
    """Its SKU."""
    from_bin: str
    to_bin: str
    quantity: int
    lots: list[CarriedLot]


class WarehouseTransferred(Shape):
    """Units lie in another warehouse now."""

    message: str
    transfer_id: int
    item_id: int
    sku: str
    from_bin_id: int
    from_bin_code: str
    from_warehouse_id: int
    to_bin_id: int
    to_bin_code: str
    to_warehouse_id: int
    quantity: int
    reason: str
    lots: list[CarriedLot]
    transferred_at: Instant


class RecentQuery(Shape):
    """How many of the latest."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50


class WarehouseTransferView(Shape):
    """A move from one warehouse to another, as it was posted."""

    transfer_id: int
    item_id: int
    sku: str
    item_name: str
    from_bin_id: int
    from_bin_code: str
    from_warehouse_id: int
    from_warehouse_code: str
    from_warehouse_name: str
    to_bin_id: int
    to_bin_code: str
    to_warehouse_id: int
    to_warehouse_code: str
    to_warehouse_name: str
    quantity: int
    lot_number: str | None
    reason: str
    transferred_by: str
    transferred_at: Instant

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """From its row."""
        return cls(**row)


class WarehouseTransfers(Shape):
    """The latest transfers, the newest first."""

    transfers: list[WarehouseTransferView]
