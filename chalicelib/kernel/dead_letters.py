"""What could not be done: dead outbox rows, poison messages, and work that a provider's absence holds up.

Operators see them as lists and deal with them by one command (kernel/operations.py). A dead row has a note in the
dead-letter queue of its queue, which is what the alarm looks at. Whatever else lies there is poison: SQS moved it after
five deliveries, because no consumer could even tell which outbox row it is about, or because it is a robot's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.kernel import clock, queues, store
from chalicelib.kernel.queues import DeadMessage
from chalicelib.kernel.uow import UnitOfWork, as_machine, unit_of_work

BODY_SHOWN_MAX = 300


@dataclass(frozen=True)
class DeadLetter:
    """An outbox row that has failed too often."""

    id: int
    organization_id: int
    topic: str
    queue: str
    attempts: int
    postponed: int
    """How many of the attempts failed because a provider was away."""
    last_error: str | None
    created_at: datetime
    dead_at: datetime
    age_s: int
    """Since it was published."""


@dataclass(frozen=True)
class PostponedWork:
    """An open outbox row that waits for a provider."""

    id: int
    organization_id: int
    topic: str
    queue: str
    attempts: int
    postponed: int
    last_error: str | None
    created_at: datetime
    send_at: datetime
    """When it is tried again."""
    age_s: int


@dataclass(frozen=True)
class Poison:
    """A message that SQS gave up."""

    id: str
    queue: str
    body: str
    """Its beginning."""
    about: str | None
    """The outbox row that it is about, if there is one. An open row is sent again by itself: its message can be dropped."""
    sent_at: datetime
    age_s: int


def list_dead(limit: int = 100) -> list[DeadLetter]:
    """Dead letters of all organizations, newest first."""
    with unit_of_work(as_machine(0, "operator")) as uow:
        return [DeadLetter(**row, age_s=_age_s(uow, row)) for row in uow.rows(store.LIST_DEAD, {"limit": limit})]


def list_postponed(limit: int = 100) -> list[PostponedWork]:
    """What waits for a provider, in all organizations, the longest first."""
    with unit_of_work(as_machine(0, "operator")) as uow:
        return [
            PostponedWork(**row, age_s=_age_s(uow, row)) for row in uow.rows(store.LIST_POSTPONED, {"limit": limit})
        ]


def replay_dead(ids: list[int]) -> int:
    """Gives dead letters another five tries and removes their notes; how many there were. May be repeated.

    Ids that are not dead (any more) are passed over. A note that cannot be removed now is removed by the next replay.
    """
    with unit_of_work(as_machine(0, "operator")) as uow:
        replayed = uow.rows(store.REPLAY_DEAD, {"ids": ids, "now": uow.now})
    _remove_notes({row["queue"] for row in replayed} or queues.QUEUES, set(ids))
    return len(replayed)


def list_poison(limit: int = 100) -> list[Poison]:
    """Poison messages of all queues. Reading hides them from a second reader for a moment."""
    return [_shown(message, state) for message, state in _poison()][:limit]


def redrive_poison(ids: list[str]) -> int:
    """Sends poison messages to their queues again, once what was wrong with the consumer is mended; how many."""
    return _each(ids, queues.redrive)


def drop_poison(ids: list[str]) -> int:
    """Removes poison messages for good; how many."""
    return _each(ids, queues.drop_dead)


def _poison() -> list[tuple[DeadMessage, str | None]]:
    """What lies in the dead-letter queues and is no note of a dead row, with the state of the row that it is about."""
    found = [message for queue in queues.QUEUES for message in queues.read_dead(queue)]
    envelopes = {message.id: message.envelope for message in found}
    states = _states([envelope.id for envelope in envelopes.values() if envelope is not None])
    known = [(message, states.get(envelope.id) if (envelope := envelopes[message.id]) else None) for message in found]
    return [(message, state) for message, state in known if state != "dead"]


def _states(ids: list[int]) -> dict[int, str]:
    with unit_of_work(as_machine(0, "operator")) as uow:
        return {row["id"]: row["state"] for row in uow.rows(store.OUTBOX_STATES, {"ids": ids})}


def _each(ids: list[str], deal_with: Callable[[DeadMessage], None]) -> int:
    chosen = [message for message, _ in _poison() if message.id in ids]
    for message in chosen:
        deal_with(message)
    return len(chosen)


def _remove_notes(names: Iterable[str], outbox_ids: set[int]) -> None:
    for queue in names:
        for message in queues.read_dead(queue):
            if message.envelope is not None and message.envelope.id in outbox_ids:
                queues.drop_dead(message)


def _shown(message: DeadMessage, state: str | None) -> Poison:
    sent_at = datetime.fromtimestamp(message.sent_ms / 1000, UTC)
    about = f"outbox row {message.envelope.id}: {state}" if state and message.envelope else None
    return Poison(
        id=message.id,
        queue=message.queue,
        body=message.body[:BODY_SHOWN_MAX],
        about=about,
        sent_at=sent_at,
        age_s=int(clock.machine_s() - message.sent_ms / 1000),
    )


def _age_s(uow: UnitOfWork, row: dict[str, Any]) -> int:
    return int((uow.now - row["created_at"]).total_seconds())
