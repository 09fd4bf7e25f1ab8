-- Work that waits for a provider is postponed without using up a try; dead letters say how old they are and whence.

ALTER TABLE outbox
    ADD COLUMN postponed int NOT NULL DEFAULT 0,
    ADD COLUMN postponed_since timestamptz,
    ADD COLUMN not_before timestamptz;
COMMENT ON COLUMN outbox.postponed IS 'how many of the attempts failed because a provider was away';
COMMENT ON COLUMN outbox.not_before IS 'nobody tries it again before, whatever copies of its message are still in the queue';

CREATE FUNCTION dead_letters(most int)
RETURNS TABLE (id bigint, organization_id int, topic text, queue text, attempts int, postponed int, last_error text,
               created_at timestamptz, dead_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, organization_id, topic, queue, attempts, postponed, last_error, created_at, dead_at
      FROM outbox WHERE dead_at IS NOT NULL ORDER BY dead_at DESC, id DESC LIMIT most
$$;

-- What is open and has been postponed at least once: what an outage holds up.
CREATE FUNCTION postponed_work(most int)
RETURNS TABLE (id bigint, organization_id int, topic text, queue text, attempts int, postponed int, last_error text,
               created_at timestamptz, send_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, organization_id, topic, queue, attempts, postponed, last_error, created_at, send_at
      FROM outbox
     WHERE closed_at IS NULL AND dead_at IS NULL AND postponed > 0
     ORDER BY postponed_since LIMIT most
$$;

CREATE FUNCTION replay_dead_letters(ids bigint[], now timestamptz) RETURNS TABLE (id bigint, queue text)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE outbox
       SET dead_at = NULL, attempts = 0, postponed = 0, postponed_since = NULL, not_before = NULL, leased_until = NULL,
           send_at = replay_dead_letters.now
     WHERE outbox.id = ANY(ids) AND dead_at IS NOT NULL
    RETURNING outbox.id, outbox.queue
$$;

CREATE FUNCTION outbox_states(ids bigint[]) RETURNS TABLE (id bigint, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, CASE WHEN dead_at IS NOT NULL THEN 'dead' WHEN closed_at IS NOT NULL THEN 'closed' ELSE 'open' END
      FROM outbox WHERE outbox.id = ANY(ids)
$$;

-- As in 0010; what has failed in the future is not held up until then either.
CREATE OR REPLACE FUNCTION recall_outbox(now timestamptz, beyond timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH recalled AS (
        UPDATE outbox
           SET send_at = recall_outbox.now + CASE WHEN sent_at IS NULL THEN send_at - created_at ELSE interval '0' END,
               sent_at = least(sent_at, recall_outbox.now),
               not_before = NULL,
               leased_until = NULL
         WHERE closed_at IS NULL AND dead_at IS NULL
           AND (sent_at > beyond OR leased_until > beyond
                OR (sent_at IS NULL AND created_at > beyond AND send_at >= created_at))
        RETURNING 1)
    SELECT count(*) FROM recalled
$$;
