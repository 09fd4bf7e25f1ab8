-- Announcements: outbox rows for the event bus. The relay reads what they say, and closes those that the bus has taken.
-- take_due_outbox stays for the code that serves while this is applied; it must not hand announcements to a queue.

CREATE OR REPLACE FUNCTION take_due_outbox(now timestamptz, resend_at timestamptz, most int)
RETURNS TABLE (id bigint, organization_id int, topic text, queue text)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE outbox SET send_at = take_due_outbox.resend_at, sent_at = take_due_outbox.now
     WHERE outbox.id IN (
        SELECT due.id FROM outbox due
         WHERE due.closed_at IS NULL AND due.dead_at IS NULL AND due.send_at <= take_due_outbox.now
           AND (due.leased_until IS NULL OR due.leased_until < take_due_outbox.now) AND due.queue <> 'bus'
         ORDER BY due.send_at LIMIT most FOR UPDATE SKIP LOCKED)
    RETURNING outbox.id, outbox.organization_id, outbox.topic, outbox.queue
$$;

CREATE FUNCTION take_due_outbox_rows(now timestamptz, resend_at timestamptz, most int)
RETURNS TABLE (id bigint, organization_id int, topic text, queue text, announced jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE outbox SET send_at = take_due_outbox_rows.resend_at, sent_at = take_due_outbox_rows.now
     WHERE outbox.id IN (
        SELECT due.id FROM outbox due
         WHERE due.closed_at IS NULL AND due.dead_at IS NULL AND due.send_at <= take_due_outbox_rows.now
           AND (due.leased_until IS NULL OR due.leased_until < take_due_outbox_rows.now)
         ORDER BY due.send_at LIMIT most FOR UPDATE SKIP LOCKED)
    RETURNING outbox.id, outbox.organization_id, outbox.topic, outbox.queue,
              CASE WHEN outbox.queue = 'bus' THEN outbox.payload END
$$;

CREATE FUNCTION close_announced(ids bigint[], now timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH closed AS (
        UPDATE outbox SET closed_at = close_announced.now
         WHERE outbox.id = ANY(ids) AND queue = 'bus' AND closed_at IS NULL RETURNING 1)
    SELECT count(*) FROM closed
$$;
