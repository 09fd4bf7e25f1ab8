"""A run of a sync: pages of the other side's records come in, or ours go out, one step after another.

Every step asks the other system outside of a transaction and records what came of it in one, together with where the next
step begins. A worker that dies loses no more than the step it was at, which is done again: what came in is known by its
external id, what went out carries a key. A worker's time is short, so a long run goes on in another message.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import ValidationError

from chalicelib.adapters.errors import CircuitOpen, ProviderRefused, ProviderUnavailable
from chalicelib.adapters.outbound import BlockedDestination
from chalicelib.connectors import imports, rules, store
from chalicelib.connectors.events import SyncDue
from chalicelib.connectors.opening import opened
from chalicelib.connectors.shops import CONNECTORS
from chalicelib.connectors.shops.base import BadRecord, Cursor, Level, Parcel, Shop, ShopItem, ShopOrder
from chalicelib.connectors.shops.calls import TAKES_S, RecordRefused
from chalicelib.connectors.store import Run, Told
from chalicelib.kernel import deadline
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.sealing import CannotOpen
from chalicelib.kernel.uow import UnitOfWork

TELL_MAX = 50
"""Records that go out in one step, at most."""
TELL_S = 8.0
"""No further record is sent in a step that has taken so long."""
STEP_S = TELL_S + 2 * TAKES_S + 3.0
"""With less time left a worker leaves the next step to the next message."""

Step = Outside[Any, None] | None


@dataclass(frozen=True)
class Outcome:
    """What a step brought."""

    records: Sequence[ShopItem | ShopOrder | BadRecord] = field(default=(), repr=False)
    told: Sequence[Told] = ()
    following: Cursor = None
    sync_minutes: int | None = None
    wait_s: float = 0.0
    """The other side, or its budget, asks for so much patience; nothing else is said then."""
    failure: str = field(default="", repr=False)
    is_hopeless: bool = False
    """Only a person can mend the failure."""


def go_on(uow: UnitOfWork, event: SyncDue) -> Step:
    """The next step of a run; None when the run is over or was taken over."""
    run = store.claim_run(uow, event.sync_id, event.run_id)
    return None if run is None else _step(uow, run)


def _step(uow: UnitOfWork, run: Run) -> Outside[Outcome, None]:
    work: Sequence[Level | Parcel] = ()
    if run.sync_type == "inventory":
        work = store.list_levels(uow, run, TELL_MAX)
    elif run.sync_type == "fulfillment":
        work = store.list_parcels(uow, run, TELL_MAX)
    sealed = store.list_sealed(uow, run.connector, run.warehouse_id)
    return Outside(partial(_ask, run, uow.organization.id, sealed, work), partial(_take, run))


def _ask(run: Run, organization_id: int, sealed: dict[str, str], work: Sequence[Level | Parcel]) -> Outcome:
    """Asks the other system. Raises Unavailable when we ourselves cannot: the message comes again then."""
    try:
        config, shop = opened(CONNECTORS[run.connector], organization_id, run.warehouse_id, sealed)
        outcome = _tell(run, shop, work) if run.sync_type in ("inventory", "fulfillment") else _read(run, shop)
        return replace(outcome, sync_minutes=config.sync_minutes)
    except (ProviderUnavailable, ProviderRefused) as error:
        return _failed(error)
    except BlockedDestination:
        return Outcome(failure="The address leads to a private, loopback or internal network", is_hopeless=True)
    except CannotOpen:
        return Outcome(failure="The stored credentials cannot be opened: store them again", is_hopeless=True)
    except ValidationError as error:
        wrong = ", ".join(dict.fromkeys(str(part["loc"][0]) for part in error.errors() if part["loc"]))
        return Outcome(failure=f"The stored credentials are incomplete or wrong: {wrong}", is_hopeless=True)


def _failed(error: ProviderUnavailable | ProviderRefused) -> Outcome:
    """A system that asks for patience is waited for, one that is away is tried again, one that refuses is not."""
    if isinstance(error, ProviderRefused):
        return Outcome(failure=error.message, is_hopeless=True)
    is_asked = error.cause in ("busy", "deferred") or isinstance(error, CircuitOpen)
    if is_asked and error.retry_after_s and error.retry_after_s <= rules.WAIT_MAX_S:
        return Outcome(wait_s=error.retry_after_s)
    return Outcome(failure=f"The other system does not answer: {error}", wait_s=error.retry_after_s or 0.0)


def _read(run: Run, shop: Shop) -> Outcome:
    if run.sync_type == "items":
        items = shop.items(run.cursor)
        return Outcome(records=items.records, following=items.following)
    since = None if run.has_failed_orders else rules.asked_since(run.last_success_at)
    orders = shop.orders(run.cursor, since)
    return Outcome(records=orders.records, following=orders.following)


def _tell(run: Run, shop: Shop, work: Sequence[Level | Parcel]) -> Outcome:
    """Sends one record after another, as many as there is time for. What was sent before a failure counts."""
    told: list[Told] = []
    began = time.monotonic()
    for record in work:
        if told and time.monotonic() - began > TELL_S:
            break
        try:
            told.append(_told(run, shop, record))
        except (ProviderUnavailable, ProviderRefused) as error:
            if not told:
                raise
            following = {"after": told[-1].record_id}
            return replace(_failed(error), told=told, following=following)
    is_all = len(told) == len(work) < TELL_MAX
    return Outcome(told=told, following=None if is_all or not told else {"after": told[-1].record_id})


def _told(run: Run, shop: Shop, record: Level | Parcel) -> Told:
    key = f"quartermaster-{run.run_id}-{record.record_id}"
    try:
        if isinstance(record, Level):
            shop.set_level(record, key)
            return Told(record.record_id, record.quantity)
        shop.report_parcel(record, f"quartermaster-parcel-{run.connector}-{record.record_id}")
        return Told(record.record_id, 1)
    except RecordRefused as error:
        return Told(record.record_id, None, rules.message(error.message))


def _take(run: Run, uow: UnitOfWork, outcome: Outcome) -> Step:
    """Records what a step brought, and says what comes next. A run that was taken over meanwhile records nothing."""
    if not store.lock_run(uow, run):
        return None
    if outcome.told:
        store.note_told(uow, outcome.told)
    if outcome.failure:
        return _fail(uow, run, outcome)
    if outcome.wait_s:
        return _wait(uow, run, outcome)
    if run.sync_type == "orders":
        synced, failed = imports.take_orders(uow, run, outcome.records)
        return _advance(uow, run, outcome, synced=synced, failed=failed)
    if run.sync_type == "items":
        failed = imports.take_items(uow, run, outcome.records)
        return _advance(uow, run, outcome, synced=len(outcome.records) - failed, failed=failed)
    failed = sum(1 for told in outcome.told if told.error)
    return _advance(uow, run, outcome, synced=len(outcome.told) - failed, failed=failed)


def _advance(uow: UnitOfWork, run: Run, outcome: Outcome, *, synced: int, failed: int) -> Step:
    if outcome.following is None:
        store.finish_run(uow, run, rules.next_at(uow.now, outcome.sync_minutes), synced=synced, failed=failed)
        return None
    store.advance_run(uow, run, outcome.following, synced=synced, failed=failed)
    if deadline.remaining_s() < STEP_S:
        uow.publish(SyncDue(sync_id=run.id, run_id=run.run_id).message())
        return None
    return _step(uow, replace(run, cursor=outcome.following, step=run.step + 1, waits=0))


def _wait(uow: UnitOfWork, run: Run, outcome: Outcome) -> Step:
    if run.waits >= rules.WAITS_MAX:
        return _fail(uow, run, replace(outcome, failure="The other system asks for patience again and again"))
    until = uow.now + timedelta(seconds=outcome.wait_s + 1)
    if outcome.following is not None:
        store.advance_run(uow, run, outcome.following, synced=len(outcome.told), failed=0)
    store.wait(uow, run, until)
    uow.publish(SyncDue(sync_id=run.id, run_id=run.run_id).message(send_at=until))
    return None


def _fail(uow: UnitOfWork, run: Run, outcome: Outcome) -> Step:
    due_at = rules.retry_at(
        uow.now, run.consecutive_errors + 1, is_hopeless=outcome.is_hopeless, after_s=outcome.wait_s
    )
    store.fail_run(uow, run, rules.message(outcome.failure), due_at)
    return None
