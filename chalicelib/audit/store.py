"""SQL of the audit log's views."""

from datetime import datetime

from psycopg.sql import SQL

from chalicelib.kernel.paging import Window
from chalicelib.kernel.uow import Row, UnitOfWork

# The filter by action and the filter by actor have an index each, newest first.
_LIST = SQL("""
    WITH found AS MATERIALIZED (
        SELECT id, at FROM audit_entry
         WHERE {filter} at >= %(start)s AND at < %(end)s
         ORDER BY at DESC, id DESC LIMIT %(count_max)s
    ), page AS (
        SELECT id, at FROM found ORDER BY at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
    )
    SELECT (SELECT count(*) FROM found) AS total, e.id, e.at, e.actor, e.action, e.entity, e.entity_id, e.before, e.after,
           e.request_id, s.username
      FROM (SELECT) one
      LEFT JOIN page ON true
      LEFT JOIN audit_entry e ON e.id = page.id
      LEFT JOIN staff s ON s.id = CASE WHEN e.actor LIKE 'staff:%%' THEN split_part(e.actor, ':', 2)::int END
     ORDER BY e.at DESC, e.id DESC
""")
LIST_ALL = _LIST.format(filter=SQL(""))
LIST_BY_ACTION = _LIST.format(filter=SQL("action = %(action)s AND"))
LIST_BY_ACTOR = _LIST.format(filter=SQL("actor = %(actor)s AND"))
LIST_BY_BOTH = _LIST.format(filter=SQL("actor = %(actor)s AND action = %(action)s AND"))


def list_entries(
    uow: UnitOfWork, cut: Window, *, action: str | None, user_id: int | None, start: datetime, end: datetime
) -> tuple[list[Row], int]:
    """A page of the log, newest first, and how many there are in all."""
    statement = {
        (False, False): LIST_ALL,
        (True, False): LIST_BY_ACTION,
        (False, True): LIST_BY_ACTOR,
        (True, True): LIST_BY_BOTH,
    }[action is not None, user_id is not None]
    params = {**cut, "action": action, "actor": f"staff:{user_id}", "start": start, "end": end}
    rows = uow.rows(statement, params)
    total = rows[0]["total"]
    return [row for row in rows if row["id"] is not None], total
