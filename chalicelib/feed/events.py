"""What the feed queues for itself. The rows are made in the database, where facts are numbered (migration 0022_feed)."""

from chalicelib.feed.rules import PATIENCE
from chalicelib.kernel.outbox import Event


class DeliveryDue(Event, topic="feed.delivery", queue="deliveries", patience=PATIENCE):
    """An event is to be delivered to a webhook endpoint."""

    endpoint_id: int
    position: int
