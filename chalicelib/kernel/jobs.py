"""Consumers: what works on the outbox, from queues and in any order, any number of times.

    @consumer(SmsDue)
    def send_sms(job: Job[SmsDue]) -> None | Outside[...]: ...

A consumer runs in a transaction of its own, in the name of its organization. It returns None when the work was done in
that transaction, or `Outside` when a provider must be asked; the transaction that records the end also closes the row.
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

from chalicelib.kernel import clock, faults, queues, store
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Refusal, Unavailable
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.outbox import Event
from chalicelib.kernel.pipeline import Trace, repeating
from chalicelib.kernel.uow import UnitOfWork, as_machine, unit_of_work

ATTEMPTS_MAX = 5
LEASE = timedelta(seconds=45)
"""Longer than a worker may take; after it the work may be taken over."""
RESEND_AFTER = timedelta(seconds=60)
"""A sent row that nobody closed is sent again: the queue is only the transport."""
BACKOFF_MAX_S = 300
RELAY_BATCH = 200


class WorkersLost(Refusal):
    """Five workers took the work up and none came back, not even to say that it failed: it may be what kills them."""

    sentence = "The work was taken up too often"


EventT = TypeVar("EventT", bound=Event)
Consumer = Callable[["Job[Any]"], "Outside[Any, None] | None"]


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


def run(organization_id: int, outbox_id: int, topic: str, modules: dict[str, tuple[str, str]]) -> None:
    """Does the work of one outbox row, at most once at a time, and closes it. Does nothing for a closed or leased one.

    A failure of the consumer is written to the row: tried again with back-off and jitter, dead after `ATTEMPTS_MAX`.
    Raises when the row cannot be claimed or its failure not be written; then SQS delivers the message again.
    """
    import_module(modules[topic][1])
    work = _Work(organization_id, outbox_id, topic, *CONSUMERS[topic])
    step = repeating(work.first, Trace())
    while step is not None:
        step = work.next(step)
    faults.point("job.done", topic)
    if work.is_dead:
        faults.point("job.dead", topic)
        count("DeadLetter", topic=topic)
        queues.bury(queues.Envelope(outbox_id, organization_id, topic, modules[topic][0]))


@dataclass
class _Work:
    """One outbox row on its way through its consumer."""

    organization_id: int
    outbox_id: int
    topic: str
    event_type: type[Event]
    function: Consumer
    attempts: int = 0
    is_dead: bool = False

    def first(self) -> Outside[Any, None] | None:
        with self._transaction() as uow:
            lease = {"id": self.outbox_id, "now": uow.now, "leased_until": uow.now + LEASE}
            claimed = uow.row(store.CLAIM_OUTBOX, lease)
            if claimed is None:
                return None
            self.attempts = claimed["attempts"]
            faults.point("job.claimed", self.topic)
            uow.savepoint()
            return self._guarded(uow, lambda: self._call(uow, claimed))

    def next(self, step: Outside[Any, None]) -> Outside[Any, None] | None:
        faults.point("job.before_do", self.topic)
        try:
            result = step.do()
        except Exception as error:
            with self._transaction() as uow:
                self._fail(uow, error)
            return None

        faults.point("job.after_do", self.topic)

        def following() -> Outside[Any, None] | None:
            with self._transaction() as uow:
                if uow.row(store.LOCK_CLAIMED, {"id": self.outbox_id}) is None:
                    return None
                uow.savepoint()
                return self._guarded(uow, lambda: step.then(uow, result))

        return repeating(following, Trace())

    def _transaction(self) -> AbstractContextManager[UnitOfWork]:
        machine = as_machine(self.organization_id, self.topic)
        return unit_of_work(machine, request_id=f"outbox-{self.outbox_id}")

    def _call(self, uow: UnitOfWork, claimed: dict[str, Any]) -> Outside[Any, None] | None:
        if self.attempts > ATTEMPTS_MAX:
            raise WorkersLost
        event = self.event_type.model_validate(claimed["payload"])
        return self.function(Job(uow, event, self.attempts, claimed["created_at"]))

    def _guarded(self, uow: UnitOfWork, work: Callable[[], Outside[Any, None] | None]) -> Outside[Any, None] | None:
        """Closes the row when the work is done; undoes the work and writes down why when it failed."""
        try:
            step = work()
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, Unavailable):
            raise
        except Exception as error:
            uow.rollback_to_savepoint()
            self._fail(uow, error)
            return None
        if step is None:
            uow.execute(store.CLOSE_OUTBOX, {"id": self.outbox_id, "now": uow.now})
            faults.point("job.closing", self.topic)
        return step

    def _fail(self, uow: UnitOfWork, error: Exception) -> None:
        delay_s = min(BACKOFF_MAX_S, 2**self.attempts) * random.uniform(0.5, 1.5)  # noqa: S311  # jitter
        failed = uow.row(
            store.FAIL_OUTBOX,
            {
                "id": self.outbox_id,
                "error": _described(error),
                "retry_at": uow.now + timedelta(seconds=delay_s),
                "attempts_max": ATTEMPTS_MAX,
                "now": uow.now,
            },
        )
        self.is_dead = failed is not None and failed["is_dead"]
        logger.warning(
            "consumer failed",
            exc_info=not isinstance(error, Refusal),
            extra={"topic": self.topic, "outbox_id": self.outbox_id, "attempt": self.attempts, "dead": self.is_dead},
        )


def _described(error: Exception) -> str:
    """Type and sentence of an error; the sentence only of our own refusals, others may quote personal data."""
    return f"{type(error).__name__}: {error}"[:500] if isinstance(error, Refusal) else type(error).__name__


def relay(*, for_s: float = 0.0) -> int:
    """Sends what is due in every organization's outbox to its queue; how many. May be run by several at once.

    `for_s`: keep looking, every 100 ms, for so many seconds, whatever the business's clock does. Rows are marked before
    they are sent: a crash in between only delays them by `RESEND_AFTER`. Rows with times beyond any possible one are
    recalled first: the clock was set back since.
    """
    sent, is_first, ends_at = 0, True, time.monotonic() + for_s
    while True:
        taken, is_first = _take_due(recalling=is_first), False
        if taken:
            faults.point("relay.marked")
            queues.send(taken)
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
        return [
            queues.Envelope(**row)
            for row in uow.rows(
                store.DUE_OUTBOX, {"now": uow.now, "resend_at": uow.now + RESEND_AFTER, "limit": RELAY_BATCH}
            )
        ]


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


def list_dead(limit: int = 100) -> list[dict[str, Any]]:
    """Dead letters of all organizations, newest first."""
    with unit_of_work(as_machine(0, "operator")) as uow:
        return uow.rows(store.LIST_DEAD, {"limit": limit})


def replay_dead(ids: list[int]) -> int:
    """Gives dead letters another five tries; how many there were."""
    with unit_of_work(as_machine(0, "operator")) as uow:
        return int(uow.value(store.REPLAY_DEAD, {"ids": ids, "now": uow.now}))
