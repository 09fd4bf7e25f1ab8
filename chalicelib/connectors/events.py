"""What connectors tell themselves: a sync to be run."""

from uuid import UUID

from chalicelib.kernel.outbox import Event


class SyncDue(Event, topic="connectors.sync"):
    """A sync is to be begun or to go on. A run that another one has taken over ends by itself."""

    sync_id: int
    run_id: UUID
