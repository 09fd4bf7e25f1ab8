"""What works on syncs."""

from typing import Any

from chalicelib.connectors import syncs
from chalicelib.connectors.events import SyncDue
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer


@consumer(SyncDue)
def run_sync(job: Job[SyncDue]) -> Outside[Any, None] | None:
    """Does as many steps of a sync as a worker has time for. A run that is over or was taken over is none any more."""
    return syncs.go_on(job.uow, job.event)
