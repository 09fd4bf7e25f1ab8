"""What stock refuses."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel

from chalicelib.kernel.errors import Conflict


class ShortLine(BaseModel):
    """What is missing of one variant."""

    variant_id: int
    warehouse_id: int
    available: int
    sku: str = ""
    asked: int = 0


class OutOfStock(Conflict):
    """Less is available than asked for; `lines` says of what and how much. Nothing was held."""

    class Extra(BaseModel):
        """Further fields of the error body."""

        lines: list[ShortLine]

    status_by_dialect: ClassVar[Mapping[str, int]] = {"inventory": 422}
    code = "insufficient_stock"
    sentence = "Not enough stock"

    def __init__(self, short: Sequence[ShortLine]) -> None:
        named = ", ".join(f"{s.sku} ({s.available} available)" for s in short if s.sku)
        super().__init__(f"{self.sentence}: {named}" if named else None, lines=[s.model_dump() for s in short])
        self.short = list(short)


class Allocated(Conflict):
    """The units lie there but are set aside for a pick, or do not lie there at all. `level`: (variant, account, lot)."""

    status_by_dialect: ClassVar[Mapping[str, int]] = {"inventory": 422}
    code = "insufficient_stock"

    def __init__(
        self, *, on_hand: int, allocated: int, asked: int, level: tuple[int, int, int | None] | None = None
    ) -> None:
        super().__init__(
            f"Insufficient stock: {on_hand} on hand, {allocated} of them allocated to picks, {asked} asked"
        )
        self.level = level


class BinClosed(Conflict):
    """Nothing goes into a bin that is closed."""

    code = "bin_closed"
    sentence = "Bin is closed"


class SetAside(Conflict):
    """Stock cannot be barred from sale while units of it are allocated to picks or robots."""

    code = "stock_set_aside"
    sentence = "Stock is allocated to picks"

    def __init__(self, units: int) -> None:
        super().__init__(f"{units} units there are allocated to picks; finish or cancel those first")


class Inconsistent(RuntimeError):
    """The books would not add up: a mistake of ours. Nothing is clamped; the request fails loudly and changes nothing."""
