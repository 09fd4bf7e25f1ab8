"""What the kernel keeps only for a while: answers under idempotency keys, what became of closed outbox rows, the feed."""

from datetime import timedelta

from chalicelib.kernel import idempotency, store
from chalicelib.kernel.uow import UnitOfWork

OUTBOX_KEPT_FOR = timedelta(days=30)
"""Long enough to answer "was that mail sent"; the message itself is messaging's."""
FEED_KEPT_FOR = timedelta(days=30)
"""So long an integrator may be away and go on where he was. Deliveries of an event go with it."""
BATCH = 5000


def purge(uow: UnitOfWork) -> int:
    """Removes up to `BATCH` expired rows of each kind from one organization; how many. May be repeated at any time.

    Dead and open outbox rows stay until somebody has dealt with them.
    """
    keys = uow.execute(store.PURGE_KEYS, {"before": uow.now - idempotency.KEPT_FOR, "limit": BATCH})
    events = uow.value(store.PURGE_FEED, {"before": uow.now - FEED_KEPT_FOR, "limit": BATCH}) or 0
    return keys + events + uow.execute(store.PURGE_OUTBOX, {"before": uow.now - OUTBOX_KEPT_FOR, "limit": BATCH})
