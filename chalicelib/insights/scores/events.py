"""What scores tell themselves: a computation to be made."""

from uuid import UUID

from chalicelib.kernel.outbox import Event


class ScoresDue(Event, topic="insights.scores_due"):
    """All scores of an organization are to be computed. A run that another one has taken over is none any more."""

    run_id: UUID
