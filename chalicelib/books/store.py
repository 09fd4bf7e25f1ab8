"""SQL of the checks that belong to no other context."""

from chalicelib.kernel.uow import Row, UnitOfWork

COUNT_OUTBOX = """
    SELECT count(*) AS rows, count(*) FILTER (WHERE closed_at IS NULL AND dead_at IS NULL) AS open,
           count(*) FILTER (WHERE dead_at IS NOT NULL AND queue <> 'deliveries') AS dead,
           count(*) FILTER (WHERE dead_at IS NOT NULL AND queue = 'deliveries') AS given_up
      FROM outbox
"""


def count_outbox(uow: UnitOfWork) -> Row:
    """How many rows the organization's outbox has in all, open, dead, and given up."""
    row = uow.row(COUNT_OUTBOX)
    assert row is not None
    return row
