"""The few statements for which no context has a front door yet: a tenant, its lots, keys with known values."""

INSERT_ORGANIZATION = """
    INSERT INTO organization (name, is_default, currency, time_zone, modules, settings)
    SELECT %(name)s, NOT EXISTS (SELECT FROM organization WHERE is_default), %(currency)s, %(time_zone)s, %(modules)s,
           %(settings)s
    RETURNING id
"""
INSERT_LOTS = """
    INSERT INTO lot (variant_id, number, status, expires_on, received_at)
    SELECT variant_id, number, status, expires_on, %(now)s
      FROM jsonb_to_recordset(%(lots)s) AS lot (line int, variant_id int, number text, status text, expires_on date)
     ORDER BY line
    RETURNING id, number
"""
INSERT_API_KEYS = """
    INSERT INTO api_key (name, preview, key_hash, scopes, storage_role, created_by, created_at)
    SELECT name, preview, decode(key_hash, 'hex'), scopes, storage_role, %(created_by)s, %(now)s
      FROM jsonb_to_recordset(%(keys)s)
        AS key (name text, preview text, key_hash text, scopes text[], storage_role text)
"""
