"""The pieces of a comparison, one after the other, by workers."""

from datetime import datetime
from functools import partial

from chalicelib.adapters import payments as stripe
from chalicelib.adapters.stripe_statement import StatementPage
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments.reconciliation import service
from chalicelib.payments.reconciliation.events import ReconcileDue


@consumer(ReconcileDue)
def reconcile(job: Job[ReconcileDue]) -> Outside[StatementPage, None] | None:
    """Reads a page of Stripe's statement, or compares a piece. While Stripe is away the comparison waits for it."""
    found = service.find_due(job.uow, job.event)
    if found is None:
        return None
    if found.phase != "statement" or found.since is None:
        service.compare_piece(job.uow, found)
        return None
    read = partial(_read, found.since, found.until, found.cursor or None)
    return Outside(read, partial(_keep, job.event))


def _read(since: datetime, until: datetime, after: str | None) -> StatementPage:
    return stripe.gateway().read_statement(since=since, until=until, after=after)


def _keep(event: ReconcileDue, uow: UnitOfWork, page: StatementPage) -> None:
    found = service.find_due(uow, event)
    if found is not None:
        service.keep_page(uow, found, page)
