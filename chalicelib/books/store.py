"""SQL of the checks that belong to no other context."""

from chalicelib.kernel.uow import UnitOfWork

COUNT_OUTBOX = """
    SELECT count(*) AS rows, count(*) FILTER (WHERE closed_at IS NULL AND dead_at IS NULL) AS open,
           count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead
      FROM outbox
"""


def count_outbox(uow: UnitOfWork) -> tuple[int, int, int]:
    """(all, open, dead) rows of the organization's outbox."""
    row = uow.row(COUNT_OUTBOX)
    assert row is not None
    return row["rows"], row["open"], row["dead"]
