"""Holds that follow what orders want: as much as there is, never more, in one look and one write for any number of lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.stock import rules
from chalicelib.stock.holds import store
from chalicelib.stock.rules import Books, Claim, HoldChange
from chalicelib.stock.service import write


@dataclass
class Standing:
    """What may be held and what is, locked until the transaction ends; `rehold` keeps it up to date."""

    books: Books
    held: list[HoldChange]
    """What the order lines asked about hold, as positive changes."""

    def held_at(self, warehouse_id: int) -> dict[int, int]:
        """Units held per order line at a warehouse."""
        return {h.order_line_id: h.quantity for h in self.held if h.warehouse_id == warehouse_id}

    def given_back(self) -> list[HoldChange]:
        """The changes that release all of it."""
        return [HoldChange(h.order_line_id, h.variant_id, h.warehouse_id, -h.quantity) for h in self.held]

    def grants(self, claims: Sequence[Claim]) -> list[HoldChange]:
        """What can be held in addition for each claim, first come first served; claims that get nothing are left out."""
        return rules.grants(self.books, claims)


def standing(uow: UnitOfWork, claims: Iterable[Claim], order_line_ids: Iterable[int] = ()) -> Standing:
    """Locks the availability that claims and order lines touch, then what the lines hold. One statement.

    Lock the orders first: their lines' holds can then only become less, and not any more once this has returned.
    """
    pairs = sorted({(claim.variant_id, claim.warehouse_id) for claim in claims})
    books, held = store.lock_standing(uow, pairs, sorted(set(order_line_ids)))
    return Standing(books, held)


def rehold(uow: UnitOfWork, there: Standing, changes: Sequence[HoldChange]) -> None:
    """Writes hold changes on what `standing` has locked, in one statement; none for no changes.

    Raises OutOfStock when more would be held than there is, Inconsistent for a hold below nothing.
    """
    if not changes:
        return
    wanted = rules.changes_of([], changes, [])
    rules.check(there.books, wanted)
    write(uow, [], there.books, wanted)
    there.books = rules.after(there.books, wanted)
    units = {(h.order_line_id, h.warehouse_id): h for h in there.held}
    for (line, warehouse), (variant, _) in wanted.holds.items():
        units[line, warehouse] = HoldChange(line, variant, warehouse, there.books.holds[line, warehouse])
    there.held = [hold for hold in units.values() if hold.quantity > 0]
