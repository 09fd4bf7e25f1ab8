"""What computes scores."""

from typing import Any

from chalicelib.insights.scores import service
from chalicelib.insights.scores.events import ScoresDue
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer


@consumer(ScoresDue)
def compute_scores(job: Job[ScoresDue]) -> Outside[Any, None] | None:
    """Reads every history in one transaction, computes in none, and writes all scores in another. May be repeated."""
    return service.compute(job.uow, job.event.run_id)
