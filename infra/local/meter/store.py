"""What PostgreSQL knows of its own work."""

DATABASE_WORK = """
    SELECT pg_database_size(current_database()) AS bytes,
           (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint AS wal_bytes,
           (SELECT blks_read FROM pg_stat_database WHERE datname = current_database()) AS blocks_read
"""
