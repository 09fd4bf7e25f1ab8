"""SQL of the messages."""

from collections.abc import Mapping
from typing import Any

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.messaging.rules import Draft, Message, Outcome, State

INSERT_MESSAGE = """
    INSERT INTO message (channel, kind, recipient, subject, body_text, body_html, is_secret, needs_consent, order_id,
                         created_at, updated_at)
    VALUES (%(channel)s, %(kind)s, %(recipient)s, %(subject)s, %(body_text)s, %(body_html)s, %(is_secret)s, %(needs_consent)s,
            %(order_id)s, %(now)s, %(now)s)
    RETURNING id
"""
# Marks the try before the provider is asked. A message that was `sending` already may have reached the provider. Who must not
# be written to is looked at now and not when the message was queued: a STOP counts from the moment that it is said.
BEGIN_TRY = """
    WITH waiting AS MATERIALIZED (
        SELECT id, state, channel, recipient, lower(recipient) AS address, needs_consent, is_secret FROM message
         WHERE id = %(id)s AND state IN ('queued', 'sending') AND provider_id IS NULL
           FOR UPDATE
    ), judged AS MATERIALIZED (
        SELECT w.*, CASE WHEN s.state = 'stopped' THEN 'opted_out'
                         WHEN w.needs_consent AND s.state IS DISTINCT FROM 'subscribed' THEN 'no_consent'
                         WHEN u.address IS NOT NULL THEN 'suppressed' END AS refusal
          FROM waiting w
          LEFT JOIN sms_standing s ON w.channel = 'sms' AND s.phone = w.recipient
          LEFT JOIN mail_suppression u ON w.channel = 'mail' AND u.address = w.address
                                      AND u.suppressed_at > %(now)s::timestamptz - interval '30 days'
    ), refused AS (
        UPDATE message m
           SET state = 'failed', error_code = j.refusal, updated_at = %(now)s,
               body_text = CASE WHEN j.is_secret THEN '' ELSE m.body_text END,
               body_html = CASE WHEN j.is_secret THEN NULL ELSE m.body_html END
          FROM judged j
         WHERE m.id = j.id AND j.refusal IS NOT NULL
    )
    UPDATE message m
       SET state = 'sending', attempts = m.attempts + 1, first_tried_at = coalesce(m.first_tried_at, %(now)s),
           updated_at = %(now)s
      FROM judged w
     WHERE m.id = w.id AND w.refusal IS NULL
    RETURNING m.id, m.recipient, m.subject, m.body_text, m.body_html, m.created_at, m.first_tried_at,
              w.state = 'sending' AS is_repeat,
              ARRAY(SELECT o.provider_id FROM message o
                     WHERE o.recipient = m.recipient AND o.provider_id IS NOT NULL
                       AND o.updated_at >= m.created_at - interval '1 day') AS taken
"""
# Reports about a provider's id and the recording of that id wait for each other: without it a report that comes while
# the id is being recorded would find no message, and the recording no report. A statement of its own, so that the next
# one sees what the other transaction committed.
LOCK_PROVIDER_ID = "SELECT pg_advisory_xact_lock(hashtextextended('message ' || %(provider_id)s, 0))"
RECORD_OUTCOME = """
    WITH best AS (
        SELECT state, error_code FROM message_report WHERE provider_id = %(provider_id)s ORDER BY state DESC LIMIT 1
    )
    UPDATE message m
       SET provider_id = %(provider_id)s,
           state = GREATEST(m.state, %(state)s::message_state, (SELECT state FROM best)),
           error_code = CASE WHEN (SELECT state FROM best) > %(state)s::message_state
                             THEN (SELECT error_code FROM best) ELSE %(error_code)s END,
           body_text = CASE WHEN m.is_secret THEN '' ELSE m.body_text END,
           body_html = CASE WHEN m.is_secret THEN NULL ELSE m.body_html END,
           updated_at = %(now)s
     WHERE m.id = %(id)s
"""
RECORD_REPORT = """
    WITH told AS (
        INSERT INTO message_report (provider_id, state, error_code, reported_at)
        VALUES (%(provider_id)s, %(state)s::message_state, %(error_code)s, %(now)s)
            ON CONFLICT DO NOTHING
    )
    UPDATE message SET state = %(state)s::message_state, error_code = %(error_code)s, updated_at = %(now)s
     WHERE provider_id = %(provider_id)s AND state < %(state)s::message_state
"""
SUPPRESS = """
    INSERT INTO mail_suppression (address, error_code, suppressed_at) VALUES (lower(%(address)s), %(error_code)s, %(now)s)
        ON CONFLICT (organization_id, address)
        DO UPDATE SET error_code = excluded.error_code, suppressed_at = excluded.suppressed_at
"""
LIST_BY_ORDER = """
    SELECT id, channel, kind, recipient, subject, state, attempts, provider_id, error_code, created_at
      FROM message WHERE order_id = %(order_id)s ORDER BY id
"""


def insert_message(uow: UnitOfWork, columns: Mapping[str, Any]) -> int:
    """A new message, queued; its id."""
    return int(uow.value(INSERT_MESSAGE, {**columns, "now": uow.now}))


def begin_try(uow: UnitOfWork, message_id: int) -> Draft | None:
    """The message, now `sending` with one more try; None when the provider has it already. Locks the row.

    None too for a message that must not be sent, which is `failed` from now on: ``opted_out``, ``no_consent``, or an address
    that does not exist (``suppressed``, for 30 days: mail servers err).
    """
    return uow.fetch(Draft, BEGIN_TRY, {"id": message_id, "now": uow.now})


def record_outcome(uow: UnitOfWork, message_id: int, outcome: Outcome) -> None:
    """Records the provider's id and state, later reports included that came first. Erases what was secret.

    Raises psycopg.errors.UniqueViolation when another message has this provider id.
    """
    if outcome.provider_id is not None:
        uow.execute(LOCK_PROVIDER_ID, {"provider_id": outcome.provider_id})
    uow.execute(
        RECORD_OUTCOME,
        {
            "id": message_id,
            "provider_id": outcome.provider_id,
            "state": outcome.state,
            "error_code": outcome.error_code,
            "now": uow.now,
        },
    )


def record_report(uow: UnitOfWork, provider_id: str, state: State, error_code: str | None) -> None:
    """Keeps a report and moves its message forward, never back. May be repeated."""
    uow.execute(LOCK_PROVIDER_ID, {"provider_id": provider_id})
    uow.execute(RECORD_REPORT, {"provider_id": provider_id, "state": state, "error_code": error_code, "now": uow.now})


def suppress(uow: UnitOfWork, address: str, error_code: str) -> None:
    """Sends nothing to an address for a while."""
    uow.execute(SUPPRESS, {"address": address, "error_code": error_code, "now": uow.now})


def list_by_order(uow: UnitOfWork, order_id: int) -> list[Message]:
    """What was said about an order, oldest first."""
    return uow.fetch_all(Message, LIST_BY_ORDER, {"order_id": order_id})
