"""Use cases of put-away: what waits, where it goes, that it went there, and which bins items prefer."""

from collections.abc import Sequence

from chalicelib import catalogue, transfers
from chalicelib.kernel.errors import IntegrityViolation, NotFound
from chalicelib.kernel.paging import paged, window
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.putaway import rules, store
from chalicelib.putaway.rules import Rank
from chalicelib.putaway.shapes import (
    NewPreferredBin,
    PendingItem,
    PendingItems,
    Preference,
    PreferenceSet,
    PreferredBinPage,
    PreferredBinQuery,
    PreferredBinView,
    PutAway,
    Reranked,
    Suggestion,
)
from chalicelib.putaway.store import LockedItem, Ranked


def list_pending(uow: UnitOfWork, warehouse_id: int, limit: int) -> PendingItems:
    """What lies in the staging bins of a warehouse and in its hidden bin, but for what picks have set aside.

    Raises Forbidden for a warehouse that is not the caller's.
    """
    uow.actor.check_warehouse(warehouse_id)
    return PendingItems(pending_items=[PendingItem(**row) for row in store.list_pending(uow, warehouse_id, limit)])


def suggest(uow: UnitOfWork, item_id: int, warehouse_id: int | None) -> Suggestion:
    """Where to put an item away: its best preferred bin, else the bin that holds most of it, else the first empty one.

    Bins of the caller's warehouses only, those of the one they work in first; `warehouse_id`: only there. Raises NotFound,
    Forbidden for a warehouse that is not the caller's.
    """
    actor = uow.actor
    ids: Sequence[int] | None = None if actor.wms_role == "ADMIN" else actor.warehouse_ids
    home_id = actor.warehouse_id or next(iter(actor.warehouse_ids), None)
    if warehouse_id is not None:
        actor.check_warehouse(warehouse_id)
        ids, home_id = [warehouse_id], warehouse_id
    found = store.suggest(uow, item_id, warehouse_ids=ids, home_id=home_id)
    if found is None:
        raise NotFound("Item not found")
    return Suggestion(**found)


def confirm(uow: UnitOfWork, wanted: transfers.BinMove) -> PutAway:
    """Carries units from a staging bin to where they are stored.

    Raises NotFound for an item that is not there and bins that are not the caller's, BadRequest for bins between which
    nothing is put away, an unknown lot and too few free units. Nine statements at most.
    """
    source, target = ends = transfers.find_ends(uow, wanted)
    rules.check_put_away(source, target)
    carried = transfers.carry(uow, transfers.Carrying.of(uow, wanted, ends, "putaway"))
    return PutAway(
        message="Put-away confirmed",
        transfer_id=carried.transfer_id,
        item=carried.sku,
        from_bin=source.code,
        to_bin=target.code,
        quantity=wanted.quantity,
    )


def prefer(uow: UnitOfWork, wanted: Preference) -> PreferenceSet:
    """Makes a bin the item's primary one in its warehouse, or the last of its preferred ones. May be repeated.

    Raises NotFound for an item or a bin that is not there or not the caller's, BadRequest for a bin of another kind.
    """
    item = store.lock_item(uow, wanted.item_id, wanted.bin_id)
    if item is None:
        raise NotFound("Item not found")
    if item.bin_id is None or item.warehouse_id is None or not uow.actor.sees_warehouse(item.warehouse_id):
        raise NotFound("Bin not found")
    known = _known(uow, item)
    _rank(uow, item, known, priority=1 if wanted.set_as_primary else None)
    return PreferenceSet(
        message=f"Preferred bin for {item.sku} set to {item.bin_code}",
        item_id=item.item_id,
        bin_id=item.bin_id,
        bin_code=item.bin_code or "",
    )


def create_preferred(uow: UnitOfWork, wanted: NewPreferredBin) -> PreferredBinView:
    """Makes a bin preferred by an item, the primary one unless a priority is given, or changes what is said of it.

    Raises IntegrityViolation for an item or a bin that is not there, BadRequest for a bin of another kind.
    """
    item = store.lock_item(uow, wanted.item_id, wanted.bin_id)
    if item is None or item.bin_id is None:
        raise IntegrityViolation
    known = _known(uow, item)
    priority = wanted.priority or (None if wanted.bin_id in known else 1)
    return _show(uow, _rank(uow, item, known, priority=priority, notes=wanted.notes))


def rerank(uow: UnitOfWork, preferred_bin_id: int, wanted: Reranked) -> PreferredBinView:
    """Gives a preferred bin another priority; bins in its way give way. Raises NotFound."""
    found = store.find_preferred(uow, preferred_bin_id)
    item = None if found is None else store.lock_item(uow, found["item_id"], found["bin_id"])
    known = {} if item is None else _known(uow, item)
    if item is None or item.bin_id not in known:
        raise NotFound("Preferred bin not found")
    return _show(uow, _rank(uow, item, known, priority=wanted.priority, notes=wanted.notes))


def delete_preferred(uow: UnitOfWork, preferred_bin_id: int) -> None:
    """Removes a preferred bin; the others keep their priorities. Raises NotFound."""
    removed = store.delete_preferred(uow, preferred_bin_id)
    if removed is None:
        raise NotFound("Preferred bin not found")
    uow.audit("preferred_bin.deleted", "preferred_bin", preferred_bin_id, before=removed)


def list_preferred(uow: UnitOfWork, query: PreferredBinQuery) -> PreferredBinPage:
    """A page of preferred bins, item by item, the primary ones first."""
    params = {**window(query), "item_id": query.item_id, "bin_id": query.bin_id}
    text = (query.q or "").strip()
    if text:
        params |= {
            "words": list(catalogue.search_words(text)),
            "codes": catalogue.lookup_forms(text),
            "text": text,
        }
    rows, total = store.list_preferred(uow, params)
    return PreferredBinPage(preferred_bins=[PreferredBinView.of(row) for row in rows], **paged(query, total))


def _known(uow: UnitOfWork, item: LockedItem) -> dict[int, Ranked]:
    """The item's preferred bins in the warehouse of the bin that is ranked, by bin. Raises BadRequest for another kind."""
    rules.check_preferable(item.bin_kind or "", item.bin_code or "")
    return {ranked.bin_id: ranked for ranked in store.list_ranks(uow, item.item_id, item.warehouse_id or 0)}


def _rank(
    uow: UnitOfWork, item: LockedItem, known: dict[int, Ranked], *, priority: int | None, notes: str | None = None
) -> int:
    """Ranks a bin among those of its warehouse and notes what changed; the preferred bin's id. None: last, or as it is."""
    assert item.bin_id is not None  # callers refuse bins that are not there
    ranks = [ranked.rank for ranked in known.values()]
    placed = rules.place_last(ranks, item.bin_id) if priority is None else rules.place_at(ranks, item.bin_id, priority)
    before = known.get(item.bin_id)
    said = {bin_id: ranked.notes for bin_id, ranked in known.items()}
    if notes is not None:
        said[item.bin_id] = notes
    changed = {rank: said.get(rank.bin_id, "") for rank in placed if _is_news(rank, said, known.get(rank.bin_id))}
    if not changed and before is not None:
        return before.id
    new = next(rank for rank in placed if rank.bin_id == item.bin_id)
    preferred_bin_id = store.save_ranks(uow, item.item_id, changed, item.bin_id) or (before.id if before else 0)
    uow.audit(
        "preferred_bin.set",
        "preferred_bin",
        preferred_bin_id,
        before=None if before is None else {"priority": before.priority, "notes": before.notes},
        after={
            "item": item.sku,
            "bin": item.bin_code,
            "priority": new.priority,
            "notes": said.get(item.bin_id, ""),
            "others": {str(rank.bin_id): rank.priority for rank in changed if rank != new},
        },
    )
    return preferred_bin_id


def _is_news(rank: Rank, said: dict[int, str], before: Ranked | None) -> bool:
    return before is None or (before.priority, before.notes) != (rank.priority, said.get(rank.bin_id, ""))


def _show(uow: UnitOfWork, preferred_bin_id: int) -> PreferredBinView:
    shown = store.show_preferred(uow, preferred_bin_id)
    assert shown is not None  # its item is locked, so it was not deleted since
    return PreferredBinView.of(shown)
