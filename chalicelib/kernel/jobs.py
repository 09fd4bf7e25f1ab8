"""Consumers: what works on the outbox, from queues and in any order, any number of times.

    @consumer(SmsDue)
    def send_sms(job: Job[SmsDue]) -> None | Outside[...]: ...

A consumer runs in a transaction of its own, in the name of its organization. It returns None when the work was done in
that transaction, `Outside` when a provider must be asked, or `Failed`; the transaction that records the end also closes the
row.
"""

import json
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Generic, TypeVar

import psycopg
from pydantic import ConfigDict

from chalicelib.kernel import bus, clock, deadline, facts, faults, queues, store
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Refusal, Unavailable
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.outbox import BUS, USUAL, Event
from chalicelib.kernel.pipeline import Trace, repeating
from chalicelib.kernel.providers import ProviderUnavailable
from chalicelib.kernel.uow import UnitOfWork, as_machine, unit_of_work

ATTEMPTS_MAX = USUAL.attempts_max
WORK_S = 38.0
"""A worker asks nobody outside whose answer may come later than this."""
LEASE = timedelta(seconds=45)
"""Longer than a worker may take; some time after it the work may be taken over."""
LEASE_MAX = timedelta(seconds=75)
"""It ends at random before this: what died together with work that kills its worker is not taken up again with it."""
POSTPONED_MAX = timedelta(days=3)
"""Work that a provider's absence has held up for longer is dead: nobody wants a code or a parcel notice then."""
RESEND_AFTER = timedelta(seconds=60)
"""A sent row that nobody closed is sent again: the queue is only the transport."""
BACKOFF_MAX_S = 300
RELAY_BATCH = 200


class WorkersLost(Refusal):
    """Every worker that took the work up was lost and did not even say that it failed: it may be what kills them."""

    sentence = "The work was taken up too often"


class NoSuchWork(Refusal):
    """A message about no row of its organization: not ours, or from before the database was restored."""

    sentence = "There is no such work"


class UnknownTopic(Refusal):
    """No consumer of this name, as after a return to an older version: the row fails, and can be replayed when it is back."""

    sentence = "Nobody consumes this topic"


@dataclass(frozen=True)
class Failed:
    """The work failed, and what was written about it in this transaction stays, as it would not if it raised."""

    reason: str
    """For the outbox row: no personal datum."""
    retry_after_s: float = 0.0
    """The pause before the next try is at least so long."""


EventT = TypeVar("EventT", bound=Event)
Step = Outside[Any, Any] | Failed | None
Consumer = Callable[["Job[Any]"], Step]


@dataclass
class Job(Generic[EventT]):
    """One delivery of an event to its consumer."""

    uow: UnitOfWork
    event: EventT
    attempt: int
    """1 at the first try; above 1 an earlier try may have reached the provider."""
    published_at: datetime


CONSUMERS: dict[str, tuple[type[Event], Consumer]] = {}
"""Consumers of the modules imported so far, by topic."""


def consumer(event: type[EventT]) -> Callable[[Consumer], Consumer]:
    """Declares the function below as the consumer of an event's topic."""

    def declare(function: Consumer) -> Consumer:
        known = CONSUMERS.get(event.topic)
        if not event.topic or (known is not None and known[1].__qualname__ != function.__qualname__):
            raise ValueError(f"topic {event.topic!r} has no name or two consumers")
        CONSUMERS[event.topic] = (event, function)
        return function

    return declare


def handle_batch(event: dict[str, Any], modules: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Works on an SQS batch; `modules` maps topics to (queue, module) of their consumers.

    Returns ``{"batchItemFailures": [...]}``: messages that SQS should deliver again and, after five tries, put into the
    dead-letter queue. A failure of one does not stop its neighbours. A failed outbox row is not among them: the outbox
    itself sends it again, later each time.
    """
    failures = []
    for record in event["Records"]:
        try:
            message = json.loads(record["body"])
            run(int(message["organization_id"]), int(message["outbox_id"]), str(message["topic"]), modules)
        except Exception:
            logger.exception("message failed", extra={"message_id": record.get("messageId")})
            count("MessageFailed")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


@deadline.within(WORK_S)
def run(organization_id: int, outbox_id: int, topic: str, modules: dict[str, tuple[str, str]]) -> None:
    """Does the work of one outbox row, at most once at a time, and closes it. Does nothing for a closed or leased one.

    A failure of the consumer is written to the row: tried again after a pause with jitter, dead when the event's patience
    is at its end.
    A provider that is away is no failure of the work, which is postponed for as long as it takes, `POSTPONED_MAX` at most.
    Raises when there is no such row or it cannot be claimed, or its failure not be written; then SQS delivers the message
    again, and puts it into the dead-letter queue in the end.
    """
    is_known = topic in modules
    if is_known:
        import_module(modules[topic][1])
    work = _Work(organization_id, outbox_id, topic, *(CONSUMERS[topic] if is_known else _NOBODY))
    step = repeating(work.first, Trace())
    while step is not None:
        step = work.next(step)
    faults.point("job.done", topic)
    if work.is_dead:
        faults.point("job.dead", topic)
        work.bury()


class _Anything(Event):
    model_config = ConfigDict(extra="allow")


def _nobody(_job: "Job[Any]") -> None:
    raise UnknownTopic


_NOBODY: tuple[type[Event], Consumer] = (_Anything, _nobody)


@dataclass
class _Work:
    """One outbox row on its way through its consumer."""

    organization_id: int
    outbox_id: int
    topic: str
    event_type: type[Event]
    function: Consumer
    attempts: int = 0
    postponed: int = 0
    queue: str = ""
    is_dead: bool = False

    def first(self) -> Outside[Any, Any] | None:
        with self._transaction() as uow:
            row = {"id": self.outbox_id, "topic": self.topic}
            leased_until = uow.now + LEASE + random.random() * (LEASE_MAX - LEASE)  # noqa: S311  # jitter
            claimed = uow.row(store.CLAIM_OUTBOX, {**row, "now": uow.now, "leased_until": leased_until})
            if claimed is None:
                if not uow.value(store.OUTBOX_EXISTS, row):
                    raise NoSuchWork
                return None
            self.attempts, self.postponed, self.queue = claimed["attempts"], claimed["postponed"], claimed["queue"]
            faults.point("job.claimed", self.topic)
            uow.savepoint()
            return self._guarded(uow, lambda: self._call(uow, claimed))

    def next(self, step: Outside[Any, Any]) -> Outside[Any, Any] | None:
        faults.point("job.before_do", self.topic)
        try:
            result = step.do()
        except Exception as error:
            with self._transaction() as uow:
                self._fail(uow, error)
            return None

        faults.point("job.after_do", self.topic)

        def following() -> Outside[Any, Any] | None:
            with self._transaction() as uow:
                if uow.row(store.LOCK_CLAIMED, {"id": self.outbox_id}) is None:
                    return None
                uow.savepoint()
                return self._guarded(uow, lambda: step.then(uow, result))

        return repeating(following, Trace())

    def bury(self) -> None:
        """Lets operators know of dead work, unless only somebody else can mend what it failed at."""
        if not self.event_type.patience.is_ours:
            count("GivenUp", topic=self.topic)
            return
        count("DeadLetter", topic=self.topic)
        queues.bury(queues.Envelope(self.outbox_id, self.organization_id, self.topic, self.queue))

    def _transaction(self) -> AbstractContextManager[UnitOfWork]:
        machine = as_machine(self.organization_id, self.topic)
        return unit_of_work(machine, request_id=f"outbox-{self.outbox_id}")

    def _call(self, uow: UnitOfWork, claimed: dict[str, Any]) -> Step:
        if self.attempts - self.postponed > self.event_type.patience.attempts_max:
            raise WorkersLost
        event = self.event_type.model_validate(claimed["payload"])
        return self.function(Job(uow, event, self.attempts, claimed["created_at"]))

    def _guarded(self, uow: UnitOfWork, work: Callable[[], Step]) -> Outside[Any, Any] | None:
        """Closes the row when the work is done; undoes the work and writes down why when it failed."""
        try:
            step = work()
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            raise
        except Exception as error:
            uow.rollback_to_savepoint()
            self._fail(uow, error)
            return None
        if isinstance(step, Failed):
            self._fail(uow, step)
            return None
        if step is None:
            uow.execute(store.CLOSE_OUTBOX, {"id": self.outbox_id, "now": uow.now})
            faults.point("job.closing", self.topic)
        return step

    def _fail(self, uow: UnitOfWork, error: Exception | Failed) -> None:
        """Writes down why, and when to try again. With a lost connection this raises, and the lease runs out instead."""
        is_away = isinstance(error, ProviderUnavailable | Unavailable)
        params = {
            "id": self.outbox_id,
            "error": error.reason if isinstance(error, Failed) else _described(error),
            "retry_at": uow.now + (self._absence(error) if is_away else self._pause(error)),
            "now": uow.now,
        }
        if is_away:
            failed = uow.row(store.POSTPONE_OUTBOX, {**params, "dead_before": uow.now - POSTPONED_MAX})
        else:
            failed = uow.row(store.FAIL_OUTBOX, {**params, "attempts_max": self.event_type.patience.attempts_max})
        self.is_dead = failed is not None and failed["is_dead"]
        logger.warning(
            "consumer failed",
            exc_info=not is_away and not isinstance(error, Refusal | Failed),
            extra={
                "topic": self.topic,
                "outbox_id": self.outbox_id,
                "attempt": self.attempts,
                "postponed": is_away,
                "dead": self.is_dead,
            },
        )

    def _pause(self, error: Exception | Failed) -> timedelta:
        """After a failure of the work itself, as the event's patience says; longer if whoever refused it asked for that."""
        patience = self.event_type.patience
        tries = min(self.attempts - self.postponed, len(patience.pauses_s))
        chance = random.uniform(1 - patience.jitter, 1 + patience.jitter)  # noqa: S311  # jitter, not a secret
        asked_s = error.retry_after_s if isinstance(error, Failed) else 0.0
        return timedelta(seconds=max(patience.pauses_s[tries - 1] * chance, asked_s))

    def _absence(self, error: Exception | Failed) -> timedelta:
        """Until the provider may be back, and a while at random that grows: not everybody comes at once (full jitter)."""
        told_s = error.retry_after_s if isinstance(error, ProviderUnavailable) else None
        spread_s = min(BACKOFF_MAX_S, 2 ** min(self.postponed + 2, 10))
        return timedelta(seconds=1 + (told_s or 0) + random.uniform(0, spread_s))  # noqa: S311  # jitter


def _described(error: Exception) -> str:
    """Type and sentence of an error; the sentence only of what we word ourselves, others may quote personal data."""
    is_ours = isinstance(error, Refusal | ProviderUnavailable)
    return f"{type(error).__name__}: {error}"[:500] if is_ours else type(error).__name__


def relay(*, for_s: float = 0.0) -> int:
    """Numbers facts, and sends what is due in every organization's outbox to its queue or the bus; how much was sent.

    May be run by several at once. `for_s`: keep looking, every 100 ms, for so many seconds, whatever the business's clock
    does. Rows are marked before they are sent: a crash in between only delays them by `RESEND_AFTER`. Rows with times beyond
    any possible one are recalled first: the clock was set back since.
    """
    sent, is_first, ends_at = 0, True, time.monotonic() + for_s
    while True:
        taken, is_first = _take_due(recalling=is_first), False
        if taken:
            faults.point("relay.marked")
            queues.send([envelope for envelope in taken if envelope.queue != BUS])
            _announce([envelope for envelope in taken if envelope.queue == BUS])
            faults.point("relay.sent")
        sent += len(taken)
        if time.monotonic() >= ends_at:
            return sent
        if len(taken) < RELAY_BATCH:
            time.sleep(0.1)


def _take_due(*, recalling: bool) -> list[queues.Envelope]:
    with unit_of_work(as_machine(0, "relay")) as uow:
        if recalling and uow.value(store.RECALL_OUTBOX, {"now": uow.now, "beyond": uow.now + clock.APART_MAX}):
            count("OutboxRecalled")
        facts.number(uow)
        return [
            queues.Envelope(**row)
            for row in uow.rows(
                store.DUE_OUTBOX, {"now": uow.now, "resend_at": uow.now + RESEND_AFTER, "limit": RELAY_BATCH}
            )
        ]


def _announce(envelopes: list[queues.Envelope]) -> None:
    """Puts events on the bus and closes the rows of those that it took; a crash in between announces them again."""
    taken = bus.announce(envelopes)
    if taken:
        with unit_of_work(as_machine(0, "relay")) as uow:
            uow.execute(store.CLOSE_ANNOUNCED, {"ids": taken, "now": uow.now})


def for_each_organization(name: str, work: Callable[[UnitOfWork], object]) -> None:
    """Runs a schedule's work in a transaction per organization; one that fails does not stop the others."""
    with unit_of_work(as_machine(0, name)) as uow:
        organization_ids = [row["id"] for row in uow.rows(store.LIST_ORGANIZATIONS)]
    failed: Exception | None = None
    for organization_id in organization_ids:
        try:
            with unit_of_work(as_machine(organization_id, name)) as uow:
                work(uow)
        except Exception as error:
            logger.exception("schedule failed", extra={"schedule": name, "organization": organization_id})
            failed = error
    if failed is not None:
        raise failed
