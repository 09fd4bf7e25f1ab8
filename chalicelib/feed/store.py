"""Every SQL statement of the feed, its webhook endpoints and their deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.sql import SQL

from chalicelib.feed.rules import Answer, FeedEvent, Health, State, Stretch
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import Row, UnitOfWork

FIND_HEAD = """
    SELECT coalesce(max(position), 0) AS latest, coalesce(max(forgotten), 0) AS oldest FROM feed_head
"""
# The head and a stretch of the feed are read in one statement, so that they are of the same moment.
_HEAD = SQL("""
    WITH head AS MATERIALIZED (
        SELECT coalesce(max(position), 0) AS latest, coalesce(max(forgotten), 0) AS oldest FROM feed_head
    ), begun AS MATERIALIZED (
        SELECT latest, oldest,
               CASE WHEN %(is_latest)s THEN latest ELSE coalesce(%(after)s::bigint, oldest) END AS after
          FROM head
    )
    SELECT b.latest, b.oldest, b.after, e.position, e.type, e.record, e.sequence, e.data, e.occurred_at
      FROM begun b
""")
LIST_EVENTS = _HEAD + SQL("""
      LEFT JOIN LATERAL (
        SELECT * FROM feed_event
         WHERE position > b.after AND position <= b.after + %(scan_max)s
           AND (cardinality(%(types)s::text[]) = 0 OR type = ANY(%(types)s::text[]))
         ORDER BY position LIMIT %(limit)s) e ON true
     ORDER BY e.position
""")
LIST_EVENTS_OF_RECORD = _HEAD + SQL("""
      LEFT JOIN LATERAL (
        SELECT * FROM (
            SELECT * FROM feed_event
             WHERE record = %(record)s AND position > b.after
               AND (cardinality(%(types)s::text[]) = 0 OR type = ANY(%(types)s::text[]))
             ORDER BY sequence LIMIT %(limit)s) of_record
         ORDER BY position) e ON true
     ORDER BY e.position
""")

_ENDPOINT = SQL("""
    id, url, description, event_types, secret, previous_secret, previous_until, failures, failing_since, paused_until,
    disabled_at, disabled_because, deleted_at, created_at, updated_at
""")
COUNT_ENDPOINTS = "SELECT count(*) FROM webhook_endpoint WHERE deleted_at IS NULL"
INSERT_ENDPOINT = SQL("""
    INSERT INTO webhook_endpoint (url, description, event_types, secret, created_by, created_at, updated_at)
    VALUES (%(url)s, %(description)s, %(event_types)s, %(secret)s, %(created_by)s, %(now)s, %(now)s)
    RETURNING {}
""").format(_ENDPOINT)
LIST_ENDPOINTS = SQL("SELECT {} FROM webhook_endpoint WHERE deleted_at IS NULL ORDER BY id").format(_ENDPOINT)
GET_ENDPOINT = SQL("SELECT {} FROM webhook_endpoint WHERE id = %(id)s AND deleted_at IS NULL").format(_ENDPOINT)
LOCK_ENDPOINT = SQL("SELECT {} FROM webhook_endpoint WHERE id = %(id)s FOR NO KEY UPDATE").format(_ENDPOINT)
CHANGE_ENDPOINT = SQL("""
    UPDATE webhook_endpoint
       SET url = %(url)s, description = %(description)s, event_types = %(event_types)s, disabled_at = %(disabled_at)s,
           disabled_because = %(disabled_because)s, failures = %(failures)s, failing_since = %(failing_since)s,
           paused_until = %(paused_until)s, updated_at = %(now)s
     WHERE id = %(id)s
    RETURNING {}
""").format(_ENDPOINT)
SET_HEALTH = """
    UPDATE webhook_endpoint
       SET failures = %(failures)s, failing_since = %(failing_since)s, paused_until = %(paused_until)s
     WHERE id = %(id)s
"""
DISABLE_ENDPOINT = """
    UPDATE webhook_endpoint SET disabled_at = %(now)s, disabled_because = %(because)s, updated_at = %(now)s
     WHERE id = %(id)s AND disabled_at IS NULL
"""
DELETE_ENDPOINT = """
    UPDATE webhook_endpoint
       SET deleted_at = %(now)s, secret = NULL, previous_secret = NULL, previous_until = NULL, updated_at = %(now)s
     WHERE id = %(id)s
"""
ROTATE = """
    UPDATE webhook_endpoint
       SET previous_secret = CASE WHEN %(until)s::timestamptz IS NOT NULL THEN secret END, previous_until = %(until)s,
           secret = %(secret)s, updated_at = %(now)s
     WHERE id = %(id)s
"""

# Only the deliveries near the page are joined with their outbox rows, and only those of the page with their events.
LIST_DELIVERIES = """
    WITH bound AS MATERIALIZED (
        SELECT coalesce(%(before)s::bigint, (SELECT max(position) FROM feed_head) + 1, 1) AS before
          FROM webhook_endpoint WHERE id = %(endpoint_id)s AND deleted_at IS NULL
    ), near AS MATERIALIZED (
        SELECT d.* FROM endpoint_delivery d
         WHERE d.endpoint_id = %(endpoint_id)s AND d.position < (SELECT before FROM bound)
           AND d.position >= (SELECT before FROM bound) - %(scan_max)s
         ORDER BY d.position DESC
         LIMIT CASE WHEN %(state)s::text IS NULL THEN %(limit)s::bigint END
    ), shown AS (
        SELECT d.position,
               CASE WHEN d.delivered_at IS NOT NULL THEN 'delivered' WHEN d.skipped_because IS NOT NULL THEN 'skipped'
                    WHEN o.dead_at IS NOT NULL THEN 'dead' ELSE 'waiting' END AS state,
               coalesce(o.attempts - o.postponed, 0) AS attempts, d.begun_at AS last_attempt_at,
               CASE WHEN o.closed_at IS NULL AND o.dead_at IS NULL THEN coalesce(o.not_before, o.created_at) END
                   AS next_attempt_at,
               d.delivered_at, d.skipped_because, d.answer_status, d.answer_excerpt, d.error
          FROM near d
          LEFT JOIN LATERAL (SELECT * FROM outbox WHERE outbox.id = d.outbox_id OFFSET 0) o ON true
    ), page AS MATERIALIZED (
        SELECT * FROM shown WHERE %(state)s::text IS NULL OR state = %(state)s ORDER BY position DESC LIMIT %(limit)s
    )
    SELECT b.before, (SELECT coalesce(max(forgotten), 0) FROM feed_head) AS oldest, page.*, e.type, e.record, e.sequence
      FROM bound b
      LEFT JOIN page ON true
      LEFT JOIN LATERAL (SELECT * FROM feed_event WHERE feed_event.position = page.position OFFSET 0) e ON true
     ORDER BY page.position DESC
"""
GET_EVENT = """
    SELECT e.position, e.type, e.record, e.sequence, e.data, e.occurred_at
      FROM endpoint_delivery d JOIN feed_event e ON e.position = d.position
     WHERE d.endpoint_id = %(endpoint_id)s AND d.position = %(position)s
       AND d.delivered_at IS NULL AND d.skipped_because IS NULL
"""
BEGIN_DELIVERY = """
    UPDATE endpoint_delivery SET begun_at = %(now)s, under_way_until = %(until)s
     WHERE endpoint_id = %(endpoint_id)s AND position = %(position)s
       AND (SELECT count(*) FROM endpoint_delivery other
             WHERE other.endpoint_id = %(endpoint_id)s AND other.under_way_until > %(now)s
               AND other.position <> %(position)s) < %(at_once)s
"""
END_DELIVERY = """
    UPDATE endpoint_delivery
       SET under_way_until = NULL, answer_status = %(status)s, answer_excerpt = nullif(%(excerpt)s, ''),
           error = nullif(%(error)s, ''), delivered_at = CASE WHEN %(is_taken)s THEN %(now)s::timestamptz END,
           skipped_because = CASE WHEN %(is_gone)s THEN 'gone' END
     WHERE endpoint_id = %(endpoint_id)s AND position = %(position)s
"""
SKIP_DELIVERY = """
    UPDATE endpoint_delivery SET skipped_because = %(because)s, under_way_until = NULL
     WHERE endpoint_id = %(endpoint_id)s AND position = %(position)s AND delivered_at IS NULL
"""
FIRST_SINCE = """
    SELECT position FROM feed_event WHERE numbered_at >= %(since)s ORDER BY numbered_at, position LIMIT 1
"""
LIST_WANTED = """
    SELECT e.position
      FROM webhook_endpoint w
      JOIN feed_event e ON e.position > %(after)s AND e.position <= %(until)s
       AND endpoint_wants(w.id, w.event_types, e.type, e.record)
     WHERE w.id = %(endpoint_id)s
     ORDER BY e.position LIMIT %(limit)s
"""
LIST_DEAD_DELIVERIES = """
    WITH dead AS MATERIALIZED (
        SELECT id, (payload->>'position')::bigint AS position
          FROM outbox
         WHERE dead_at IS NOT NULL AND topic = 'feed.delivery' AND (payload->>'endpoint_id')::int = %(endpoint_id)s
    )
    SELECT d.position
      FROM dead
      JOIN LATERAL (
        SELECT position, outbox_id FROM endpoint_delivery
         WHERE endpoint_id = %(endpoint_id)s AND endpoint_delivery.position = dead.position OFFSET 0) d
        ON d.outbox_id = dead.id
     ORDER BY d.position LIMIT %(limit)s
"""
DELIVER_AGAIN = "SELECT deliver_again(%(endpoint_id)s, %(positions)s::bigint[], %(now)s) AS replayed"


NO_ENDPOINT = "Webhook endpoint not found"


@dataclass(frozen=True)
class Bounds:
    """Where the feed begins and ends."""

    latest: int
    oldest: int
    """Events after this position are kept."""


@dataclass(frozen=True)
class Endpoint:
    """A webhook endpoint."""

    id: int
    url: str
    description: str
    event_types: tuple[str, ...]
    secret: str | None
    """Sealed; None of a deleted one."""
    previous_secret: str | None
    previous_until: datetime | None
    health: Health
    disabled_at: datetime | None
    disabled_because: str | None
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_enabled(self) -> bool:
        """Whether anything is sent to it."""
        return self.disabled_at is None

    def secrets(self, now: datetime) -> dict[str, str]:
        """The sealed secrets that are in force."""
        sealed = {"secret": self.secret} if self.secret else {}
        if self.previous_secret and self.previous_until and now < self.previous_until:
            sealed["previous_secret"] = self.previous_secret
        return sealed


@dataclass(frozen=True)
class Delivery:
    """One event for one endpoint."""

    position: int
    type: str
    record: str
    sequence: int
    state: State
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    skipped_because: str | None
    answer_status: int | None
    answer_excerpt: str | None
    error: str | None


def find_head(uow: UnitOfWork) -> Bounds:
    """Where the feed begins and ends."""
    return Bounds(**(uow.row(FIND_HEAD) or {}))


def list_events(
    uow: UnitOfWork,
    *,
    after: int | None,
    is_latest: bool,
    scan_max: int,
    limit: int,
    types: Sequence[str],
    record: str | None,
) -> tuple[Bounds, int, list[FeedEvent]]:
    """The bounds of the feed, where the stretch begins, and its events, in one statement."""
    params = {
        "after": after,
        "is_latest": is_latest,
        "scan_max": scan_max,
        "limit": limit,
        "types": list(types),
        "record": record,
    }
    rows = uow.rows(LIST_EVENTS if record is None else LIST_EVENTS_OF_RECORD, params)
    bounds = Bounds(rows[0]["latest"], rows[0]["oldest"])
    return bounds, rows[0]["after"], [_event(row) for row in rows if row["position"] is not None]


def _event(row: Row) -> FeedEvent:
    names = ("position", "type", "record", "sequence", "data", "occurred_at")
    return FeedEvent(**{name: row[name] for name in names})


def count_endpoints(uow: UnitOfWork) -> int:
    """How many endpoints there are."""
    return int(uow.value(COUNT_ENDPOINTS))


def insert_endpoint(uow: UnitOfWork, fields: Mapping[str, Any]) -> Endpoint:
    """Adds an endpoint."""
    return _endpoint(uow.rows(INSERT_ENDPOINT, {**fields, "created_by": uow.actor.label, "now": uow.now})[0])


def list_endpoints(uow: UnitOfWork) -> list[Endpoint]:
    """All endpoints, the oldest first."""
    return [_endpoint(row) for row in uow.rows(LIST_ENDPOINTS)]


def get_endpoint(uow: UnitOfWork, endpoint_id: int) -> Endpoint:
    """An endpoint. Raises NotFound."""
    return _found(uow.row(GET_ENDPOINT, {"id": endpoint_id}))


def lock_endpoint(uow: UnitOfWork, endpoint_id: int) -> Endpoint:
    """An endpoint, locked. Raises NotFound for a deleted one as well."""
    endpoint = lock_even_deleted(uow, endpoint_id)
    if endpoint.deleted_at is not None:
        raise NotFound(NO_ENDPOINT)
    return endpoint


def lock_even_deleted(uow: UnitOfWork, endpoint_id: int) -> Endpoint:
    """An endpoint or what is left of it, locked. Raises NotFound."""
    return _found(uow.row(LOCK_ENDPOINT, {"id": endpoint_id}))


def _found(row: Row | None) -> Endpoint:
    if row is None:
        raise NotFound(NO_ENDPOINT)
    return _endpoint(row)


def _endpoint(row: Row) -> Endpoint:
    health = Health(**{name: row[name] for name in ("failures", "failing_since", "paused_until")})
    names = Endpoint.__dataclass_fields__.keys() - {"health", "event_types"}
    return Endpoint(**{name: row[name] for name in names}, event_types=tuple(row["event_types"]), health=health)


def change_endpoint(uow: UnitOfWork, endpoint: Endpoint) -> Endpoint:
    """Writes a locked endpoint as it is to be."""
    params = {
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": list(endpoint.event_types),
        "disabled_at": endpoint.disabled_at,
        "disabled_because": endpoint.disabled_because,
        **_health(endpoint.health),
        "now": uow.now,
    }
    return _endpoint(uow.rows(CHANGE_ENDPOINT, params)[0])


def set_health(uow: UnitOfWork, endpoint_id: int, health: Health) -> None:
    """Notes how a locked endpoint is doing."""
    uow.execute(SET_HEALTH, {"id": endpoint_id, **_health(health)})


def _health(health: Health) -> dict[str, Any]:
    return {
        "failures": health.failures,
        "failing_since": health.failing_since,
        "paused_until": health.paused_until,
    }


def disable_endpoint(uow: UnitOfWork, endpoint_id: int, because: str) -> bool:
    """Disables a locked endpoint; whether it was enabled."""
    return uow.execute(DISABLE_ENDPOINT, {"id": endpoint_id, "because": because, "now": uow.now}) == 1


def delete_endpoint(uow: UnitOfWork, endpoint_id: int) -> None:
    """Leaves of a locked endpoint what its deliveries refer to; its secrets are gone."""
    uow.execute(DELETE_ENDPOINT, {"id": endpoint_id, "now": uow.now})


def rotate_secret(uow: UnitOfWork, endpoint_id: int, secret: str, until: datetime | None) -> None:
    """Puts a sealed secret in force; the present one stays so until a time, the one before that no longer."""
    uow.execute(ROTATE, {"id": endpoint_id, "secret": secret, "until": until, "now": uow.now})


def list_deliveries(
    uow: UnitOfWork, endpoint_id: int, *, state: State | None, before: int | None, limit: int, scan_max: int
) -> tuple[int, int, list[Delivery]]:
    """Deliveries below a position, the latest event first; that position and the oldest there is, in one statement.

    Raises NotFound for an endpoint that is not there.
    """
    params = {"endpoint_id": endpoint_id, "state": state, "before": before, "limit": limit, "scan_max": scan_max}
    rows = uow.rows(LIST_DELIVERIES, params)
    if not rows:
        raise NotFound(NO_ENDPOINT)
    names = Delivery.__dataclass_fields__
    found = [Delivery(**{name: row[name] for name in names}) for row in rows if row["position"] is not None]
    return rows[0]["before"], rows[0]["oldest"], found


def find_undelivered(uow: UnitOfWork, endpoint_id: int, position: int) -> FeedEvent | None:
    """The event of a delivery that is neither made nor skipped; None when it is, or is no longer kept."""
    return uow.fetch(FeedEvent, GET_EVENT, {"endpoint_id": endpoint_id, "position": position})


def begin_delivery(uow: UnitOfWork, endpoint_id: int, position: int, *, until: datetime, at_once: int) -> bool:
    """Notes that a delivery to a locked endpoint is under way; False when enough others are."""
    params = {"endpoint_id": endpoint_id, "position": position, "until": until, "at_once": at_once, "now": uow.now}
    return uow.execute(BEGIN_DELIVERY, params) == 1


def end_delivery(uow: UnitOfWork, endpoint_id: int, position: int, answer: Answer) -> None:
    """Notes how a delivery went."""
    params = {
        "endpoint_id": endpoint_id,
        "position": position,
        "status": answer.status,
        "excerpt": answer.excerpt,
        "error": answer.error,
        "is_taken": answer.is_taken,
        "is_gone": answer.is_gone,
        "now": uow.now,
    }
    uow.execute(END_DELIVERY, params)


def skip_delivery(uow: UnitOfWork, endpoint_id: int, position: int, because: str) -> None:
    """Notes that a delivery is not made."""
    uow.execute(SKIP_DELIVERY, {"endpoint_id": endpoint_id, "position": position, "because": because})


def find_first_since(uow: UnitOfWork, since: datetime) -> int | None:
    """The position of the first event that was numbered since; None when there is none."""
    position: int | None = uow.value(FIRST_SINCE, {"since": since})
    return position


def list_wanted(uow: UnitOfWork, endpoint_id: int, stretch: Stretch, limit: int) -> list[int]:
    """Positions of a stretch of the feed that an endpoint wants."""
    params = {"endpoint_id": endpoint_id, "after": stretch.after, "until": stretch.until, "limit": limit}
    return [row["position"] for row in uow.rows(LIST_WANTED, params)]


def list_dead(uow: UnitOfWork, endpoint_id: int, limit: int) -> list[int]:
    """Positions of an endpoint's dead deliveries."""
    return [row["position"] for row in uow.rows(LIST_DEAD_DELIVERIES, {"endpoint_id": endpoint_id, "limit": limit})]


def deliver_again(uow: UnitOfWork, endpoint_id: int, positions: Sequence[int]) -> int:
    """Queues deliveries to a locked endpoint, made, dead or missed ones; how many. Those under way are left alone."""
    params = {"endpoint_id": endpoint_id, "positions": list(positions), "now": uow.now}
    return int(uow.value(DELIVER_AGAIN, params))
