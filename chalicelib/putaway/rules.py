"""Where units may be put away, and how an item's preferred bins are ranked. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.kernel.errors import BadRequest
from chalicelib.transfers import Bin

STAGING_KINDS = ("Staging", "PickableStaging", "Default")
STAGING_ZONES = ("RECEIVING", "STAGING")
STORAGE_KINDS = ("Pickable", "PickableStaging")
PREFERABLE = "Pickable"
PRIORITY_MAX = 1_000_000


@dataclass(frozen=True)
class Rank:
    """A preferred bin of an item; priority 1 is the primary bin of its warehouse."""

    bin_id: int
    priority: int


def check_put_away(source: Bin, target: Bin) -> None:
    """Raises BadRequest unless units wait in the source and are stored in the target, of the same warehouse."""
    if source.warehouse_id != target.warehouse_id:
        raise BadRequest("Bins are in different warehouses")
    for end in (source, target):
        if not end.is_open:
            raise BadRequest(f"Bin {end.code} is closed")
    if source.kind not in STAGING_KINDS and source.zone_kind not in STAGING_ZONES:
        raise BadRequest(f"Bin {source.code} is not a staging bin; use a transfer to move what is stored")
    if target.kind not in STORAGE_KINDS:
        raise BadRequest(f"Bin {target.code} is a {target.kind} bin; put-away goes to bins where stock is stored")


def check_preferable(kind: str, code: str) -> None:
    """Raises BadRequest for a bin that no item can prefer."""
    if kind != PREFERABLE:
        raise BadRequest(f"Bin {code} is a {kind} bin; only {PREFERABLE} bins can be preferred")


def place_at(ranks: Iterable[Rank], bin_id: int, priority: int) -> list[Rank]:
    """An item's ranks in one warehouse with a bin at a priority; those in its way give way, one place each.

    No two bins share a priority, so there is one primary bin at most. Gaps stay, as panels may have left them on purpose,
    until there is no room beyond `PRIORITY_MAX`: then everything is numbered anew.
    """
    placed, taken = [Rank(bin_id, priority)], priority
    for rank in sorted((r for r in ranks if r.bin_id != bin_id), key=lambda r: (r.priority, r.bin_id)):
        if rank.priority >= priority:
            taken = max(taken + 1, rank.priority)
            placed.append(Rank(rank.bin_id, taken))
        else:
            placed.append(rank)
    placed.sort(key=lambda r: r.priority)
    if placed[-1].priority > PRIORITY_MAX:
        return [Rank(rank.bin_id, n) for n, rank in enumerate(placed, 1)]
    return placed


def place_last(ranks: Iterable[Rank], bin_id: int) -> list[Rank]:
    """The ranks with a bin after all others; one that is ranked already stays where it is."""
    known = list(ranks)
    if any(rank.bin_id == bin_id for rank in known):
        return known
    return place_at(known, bin_id, max((rank.priority for rank in known), default=0) + 1)
