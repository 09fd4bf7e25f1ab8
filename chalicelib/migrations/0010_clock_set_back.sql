-- A clock that ran ahead and was set back: what carries times from the future is not held up until they come.

ALTER TABLE outbox ADD COLUMN sent_at timestamptz;
COMMENT ON COLUMN outbox.sent_at IS 'when it was last given to its queue; NULL: never';

CREATE OR REPLACE FUNCTION take_due_outbox(now timestamptz, resend_at timestamptz, most int)
RETURNS TABLE (id bigint, organization_id int, topic text, queue text)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE outbox SET send_at = take_due_outbox.resend_at, sent_at = take_due_outbox.now
     WHERE outbox.id IN (
        SELECT due.id FROM outbox due
         WHERE due.closed_at IS NULL AND due.dead_at IS NULL AND due.send_at <= take_due_outbox.now
           AND (due.leased_until IS NULL OR due.leased_until < take_due_outbox.now)
         ORDER BY due.send_at LIMIT most FOR UPDATE SKIP LOCKED)
    RETURNING outbox.id, outbox.organization_id, outbox.topic, outbox.queue
$$;

-- Sent or leased later than `beyond`: sent again, by nobody held. Published later and never sent: due when it was meant to
-- be after its publication. `beyond` is so far ahead that clocks which merely differ do not come near it.
CREATE FUNCTION recall_outbox(now timestamptz, beyond timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH recalled AS (
        UPDATE outbox
           SET send_at = recall_outbox.now + CASE WHEN sent_at IS NULL THEN send_at - created_at ELSE interval '0' END,
               sent_at = least(sent_at, recall_outbox.now),
               leased_until = NULL
         WHERE closed_at IS NULL AND dead_at IS NULL
           AND (sent_at > beyond OR leased_until > beyond
                OR (sent_at IS NULL AND created_at > beyond AND send_at >= created_at))
        RETURNING 1)
    SELECT count(*) FROM recalled
$$;
