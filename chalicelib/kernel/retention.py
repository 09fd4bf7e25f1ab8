"""What the kernel keeps only for a while: answers under idempotency keys, and what became of closed outbox rows."""

from datetime import timedelta

from chalicelib.kernel import idempotency, store
from chalicelib.kernel.uow import UnitOfWork

OUTBOX_KEPT_FOR = timedelta(days=30)
"""Long enough to answer "was that mail sent"; the message itself is messaging's."""
BATCH = 5000


def purge(uow: UnitOfWork) -> int:
    """Removes up to `BATCH` expired rows of each kind from one organization; how many. May be repeated at any time.

    Dead and open outbox rows stay until somebody has dealt with them.
    """
    keys = uow.execute(store.PURGE_KEYS, {"before": uow.now - idempotency.KEPT_FOR, "limit": BATCH})
    return keys + uow.execute(store.PURGE_OUTBOX, {"before": uow.now - OUTBOX_KEPT_FOR, "limit": BATCH})
