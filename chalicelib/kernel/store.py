"""The kernel's own SQL: entering as somebody, idempotency keys, outbox, audit, inbound webhooks, roles, migrations."""

from psycopg.sql import SQL

BEGIN = "BEGIN"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"
SAVEPOINT = "SAVEPOINT handler"
ROLLBACK_TO_SAVEPOINT = "ROLLBACK TO SAVEPOINT handler"

# Each enter function authenticates and sets app.organization_id in the same statement, and returns
# {"organization": {...}, "actor": {...}} or {"refused": "reason"}: see migrations/0002_identity.sql.
ENTER_PUBLIC = "SELECT enter_public(%(host)s) AS entered"
ENTER_SESSION = """
    SELECT enter_session(%(session_id)s::uuid, %(kind)s, %(principal_id)s, %(issued_at)s, %(now)s) AS entered
"""
# An API key may have been hashed under an earlier hash key; the first hash that is known enters.
ENTER_KEY = """
    SELECT entered
      FROM unnest(%(key_hashes)s::bytea[]) WITH ORDINALITY AS candidate (key_hash, place),
           enter_key(candidate.key_hash, %(now)s) AS entered
     ORDER BY entered ? 'refused', place
     LIMIT 1
"""
ENTER_MACHINE = "SELECT enter_machine(%(organization_id)s, %(name)s) AS entered"

CLAIM_KEY = """
    INSERT INTO idempotency_key (actor, route, key, body_hash, claimed_until, created_at)
    SELECT %(caller)s, %(route)s, %(key)s, %(body_hash)s, %(claimed_until)s, %(now)s
     WHERE pg_try_advisory_xact_lock(
               hashtextextended(current_organization() || ' ' || %(caller)s || ' ' || %(route)s || ' ' || %(key)s, 0))
        ON CONFLICT (organization_id, actor, route, key) DO UPDATE
       SET body_hash = EXCLUDED.body_hash, claimed_until = EXCLUDED.claimed_until, created_at = EXCLUDED.created_at,
           status = NULL, reply = NULL, headers = NULL
     WHERE idempotency_key.created_at < %(expired_before)s
        OR (idempotency_key.status IS NULL
            AND (idempotency_key.claimed_until < %(now)s OR idempotency_key.claimed_until > %(claimed_beyond)s)
            AND idempotency_key.body_hash = ANY(%(body_hashes)s::bytea[]))
    RETURNING key
"""
FIND_KEY = """
    SELECT body_hash, status, headers, reply
      FROM idempotency_key
     WHERE actor = %(caller)s AND route = %(route)s AND key = %(key)s
"""
RELEASE_KEY = """
    DELETE FROM idempotency_key
     WHERE actor = %(caller)s AND route = %(route)s AND key = %(key)s AND status IS NULL
"""

_KEEP_REPLY = SQL("""
    UPDATE idempotency_key
       SET status = %(status)s, headers = %(headers)s, reply = %(reply)s
     WHERE actor = %(caller)s AND route = %(route)s AND key = %(key)s
""")
KEEP_REPLY = _KEEP_REPLY
_TELL_AND_NOTE = SQL("""
    told AS (
        INSERT INTO outbox (topic, queue, payload, created_at, send_at)
        SELECT topic, queue, payload, %(now)s, send_at
          FROM jsonb_to_recordset(%(messages)s) AS message (topic text, queue text, payload jsonb, send_at timestamptz)
        RETURNING id
    ), stated AS (
        INSERT INTO fact (type, record, data, occurred_at)
        SELECT type, record, data, %(now)s
          FROM jsonb_to_recordset(%(facts)s) AS fact (place int, type text, record text, data jsonb)
         ORDER BY place
        RETURNING id
    ), noted AS (
        INSERT INTO audit_entry (at, actor, action, entity, entity_id, before, after, request_id, mac)
        SELECT %(now)s, %(actor)s, action, entity, entity_id, before, after, %(request_id)s, decode(mac, 'hex')
          FROM jsonb_to_recordset(%(entries)s)
            AS entry (action text, entity text, entity_id text, before jsonb, after jsonb, mac text)
        RETURNING id, organization_id
    )
    INSERT INTO audit_unsealed (audit_id, organization_id) SELECT id, organization_id FROM noted
""")
FLUSH = SQL("WITH ") + _TELL_AND_NOTE
FLUSH_AND_KEEP = SQL("WITH kept AS (") + _KEEP_REPLY + SQL("), ") + _TELL_AND_NOTE

DUE_OUTBOX = """
    SELECT id, organization_id, topic, queue, announced FROM take_due_outbox_rows(%(now)s, %(resend_at)s, %(limit)s)
"""
NUMBER_FACTS = "SELECT number_facts(%(now)s, %(limit)s) AS numbered"
CLOSE_ANNOUNCED = "SELECT close_announced(%(ids)s::bigint[], %(now)s) AS closed"
RECALL_OUTBOX = "SELECT recall_outbox(%(now)s, %(beyond)s) AS recalled"
CLAIM_OUTBOX = """
    UPDATE outbox
       SET attempts = attempts + 1, leased_until = %(leased_until)s
     WHERE id = %(id)s AND topic = %(topic)s AND closed_at IS NULL AND dead_at IS NULL
       AND (leased_until IS NULL OR leased_until < %(now)s)
       AND (not_before IS NULL OR not_before <= %(now)s)
    RETURNING queue, payload, attempts, postponed, created_at
"""
OUTBOX_EXISTS = "SELECT EXISTS (SELECT FROM outbox WHERE id = %(id)s AND topic = %(topic)s) AS is_there"
LOCK_CLAIMED = "SELECT id FROM outbox WHERE id = %(id)s AND closed_at IS NULL FOR UPDATE"
CLOSE_OUTBOX = """
    UPDATE outbox SET closed_at = %(now)s, leased_until = NULL, last_error = NULL WHERE id = %(id)s AND closed_at IS NULL
"""
# Not before `retry_at`: copies of the message that are still in the queue would use up all tries at once.
FAIL_OUTBOX = """
    UPDATE outbox
       SET leased_until = NULL,
           send_at = %(retry_at)s,
           not_before = %(retry_at)s,
           last_error = %(error)s,
           dead_at = CASE WHEN attempts - postponed >= %(attempts_max)s THEN %(now)s::timestamptz END
     WHERE id = %(id)s AND closed_at IS NULL
    RETURNING dead_at IS NOT NULL AS is_dead
"""
POSTPONE_OUTBOX = """
    UPDATE outbox
       SET leased_until = NULL,
           send_at = %(retry_at)s,
           not_before = %(retry_at)s,
           last_error = %(error)s,
           postponed = postponed + 1,
           postponed_since = coalesce(postponed_since, %(now)s::timestamptz),
           dead_at = CASE WHEN postponed_since < %(dead_before)s THEN %(now)s::timestamptz END
     WHERE id = %(id)s AND closed_at IS NULL
    RETURNING dead_at IS NOT NULL AS is_dead
"""
LIST_DEAD = """
    SELECT id, organization_id, topic, queue, attempts, postponed, last_error, created_at, dead_at
      FROM dead_letters(%(limit)s)
"""
LIST_POSTPONED = """
    SELECT id, organization_id, topic, queue, attempts, postponed, last_error, created_at, send_at
      FROM postponed_work(%(limit)s)
"""
OUTBOX_STATES = "SELECT id, state FROM outbox_states(%(ids)s::bigint[])"
REPLAY_DEAD = "SELECT id, queue FROM replay_dead_letters(%(ids)s::bigint[], %(now)s)"

RECEIVE_WEBHOOK = """
    INSERT INTO webhook_delivery (source, external_id, event_type, payload, received_at)
    VALUES (%(source)s, %(external_id)s, %(event_type)s, %(payload)s, %(now)s)
        ON CONFLICT (organization_id, source, external_id) DO NOTHING
    RETURNING id
"""
GET_WEBHOOK = "SELECT source, external_id, event_type, payload, received_at FROM webhook_delivery WHERE id = %(id)s"

# Oldest first, and no more at once than a short transaction can remove.
PURGE_KEYS = """
    DELETE FROM idempotency_key WHERE (actor, route, key) IN (
        SELECT actor, route, key FROM idempotency_key WHERE created_at < %(before)s ORDER BY created_at LIMIT %(limit)s)
"""
PURGE_FEED = """
    WITH gone AS (
        DELETE FROM feed_event WHERE position IN (
            SELECT position FROM feed_event WHERE numbered_at < %(before)s ORDER BY numbered_at, position LIMIT %(limit)s)
        RETURNING position
    )
    UPDATE feed_head SET forgotten = greatest(forgotten, (SELECT max(position) FROM gone))
     WHERE EXISTS (SELECT FROM gone)
    RETURNING (SELECT count(*) FROM gone) AS events
"""
PURGE_OUTBOX = """
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE closed_at < %(before)s ORDER BY id LIMIT %(limit)s)
"""

LIST_ORGANIZATIONS = "SELECT id FROM list_organizations() AS id"
LOCK_SEALING = "SELECT pg_try_advisory_xact_lock(hashtextextended('seal_audit', %(organization_id)s)) AS is_ours"
LAST_SEAL = "SELECT number, hash FROM audit_seal ORDER BY number DESC LIMIT 1"
LIST_UNSEALED = """
    SELECT e.id, e.at, e.actor, e.action, e.entity, e.entity_id, e.before::text AS before, e.after::text AS after,
           e.request_id, e.mac
      FROM audit_unsealed u JOIN audit_entry e ON e.id = u.audit_id
     ORDER BY e.id LIMIT %(limit)s
"""
SEAL = """
    WITH taken AS (DELETE FROM audit_unsealed WHERE audit_id = ANY(%(audit_ids)s) RETURNING audit_id)
    INSERT INTO audit_seal (number, audit_id, hash)
    SELECT number, audit_id, decode(hash, 'hex')
      FROM jsonb_to_recordset(%(seals)s) AS seal (number bigint, audit_id bigint, hash text)
"""
LIST_SEALED = """
    SELECT s.number, s.audit_id, s.hash, e.id, e.at, e.actor, e.action, e.entity, e.entity_id,
           e.before::text AS before, e.after::text AS after, e.request_id, e.mac
      FROM audit_seal s LEFT JOIN audit_entry e ON e.id = s.audit_id
     WHERE s.number > %(after_number)s
     ORDER BY s.number LIMIT %(limit)s
"""
COUNT_UNCHAINED = """
    SELECT (SELECT count(*) FROM audit_entry e
             WHERE NOT EXISTS (SELECT FROM audit_seal s WHERE s.audit_id = e.id)
               AND NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.audit_id = e.id))
         + (SELECT count(*) FROM audit_unsealed u
             WHERE NOT EXISTS (SELECT FROM audit_entry e WHERE e.id = u.audit_id)) AS entries
"""

# Before there is a schema (kernel/roles.py). Names cannot be parameters: psycopg quotes them.
LOCK_ROLES = "SELECT pg_advisory_lock(hashtextextended('quartermaster roles', 0))"
FIND_ROLE = "SELECT rolsuper OR rolbypassrls AS is_unbound FROM pg_roles WHERE rolname = %(role)s"
CREATE_ROLE = SQL("CREATE ROLE {role} {options} PASSWORD {verifier}")
CHANGE_PASSWORD = SQL("ALTER ROLE {role} PASSWORD {verifier}")
GRANT_ROLE = SQL("GRANT {granted} TO {to}")
JOIN_ROLE = SQL("GRANT {role} TO CURRENT_USER")
FIND_DATABASE = "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = %(database)s"
CREATE_DATABASE = SQL("CREATE DATABASE {database} OWNER {owner}")
CREATE_SORTED_DATABASE = SQL("""
    CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'
           LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'
""")
GIVE_DATABASE = SQL("ALTER DATABASE {database} OWNER TO {owner}")
CLOSE_DATABASE = SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC")
ADMIT_TO_DATABASE = SQL("GRANT CONNECT ON DATABASE {database} TO {application}")

LOCK_MIGRATIONS = "SELECT pg_try_advisory_lock(hashtextextended('schema_migration', 0)) AS is_ours"
UNLOCK_MIGRATIONS = "SELECT pg_advisory_unlock(hashtextextended('schema_migration', 0))"
CREATE_MIGRATIONS = """
    CREATE TABLE IF NOT EXISTS schema_migration (
        version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
LIST_MIGRATIONS = "SELECT version, name, checksum FROM schema_migration ORDER BY version"
RECORD_MIGRATION = """
    INSERT INTO schema_migration (version, name, checksum) VALUES (%(version)s, %(name)s, %(checksum)s)
"""
SET_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '4s'"
SET_STATEMENT_TIMEOUT = "SELECT set_config('statement_timeout', %(milliseconds)s::text, false)"
