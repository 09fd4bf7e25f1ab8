-- outside a transaction
-- Bins as the admin panel keeps and finds them, and accounts that are closed with their bins.

ALTER TABLE bin
    ADD COLUMN IF NOT EXISTS description text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS putaway_sequence int NOT NULL DEFAULT 0;

-- False while the account's bin is closed: nothing is moved into it. A posting reads it from the account that it has locked.
ALTER TABLE account ADD COLUMN IF NOT EXISTS is_open boolean NOT NULL DEFAULT true;

-- Bins are made with their accounts in one statement, which draws the accounts' ids itself.
GRANT USAGE ON SEQUENCE account_id_seq TO quartermaster_app;

-- The admin panel's pages: of the bins that people made, of all bins of one kind, of the bins of one zone.
DROP INDEX CONCURRENTLY IF EXISTS bin_shelves;
CREATE INDEX CONCURRENTLY bin_shelves ON bin (organization_id, warehouse_id, code)
 WHERE kind IN ('Pickable', 'PickableStaging', 'Staging');
DROP INDEX CONCURRENTLY IF EXISTS bin_of_kind;
CREATE INDEX CONCURRENTLY bin_of_kind ON bin (organization_id, kind, warehouse_id, code);
DROP INDEX CONCURRENTLY IF EXISTS bin_of_zone;
CREATE INDEX CONCURRENTLY bin_of_zone ON bin (organization_id, zone_id, code);
DROP INDEX CONCURRENTLY IF EXISTS bin_search;
CREATE INDEX CONCURRENTLY bin_search ON bin USING gin ((' ' || upper(code || ' ' || barcode)) gin_trgm_ops);

-- Bins whose code or barcode is like a pattern in capitals, the first `most` of them. It runs as the owner and filters the
-- organization itself: under row-level security LIKE may not use an index (infra/decisions/0010).
CREATE OR REPLACE FUNCTION search_shelves(pattern text, warehouse int, zone int, kinds text[], most int)
RETURNS TABLE (bin_id int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT b.id FROM bin b
     WHERE b.organization_id = current_organization() AND ' ' || upper(b.code || ' ' || b.barcode) LIKE pattern
       AND b.kind = ANY (kinds) AND (warehouse IS NULL OR b.warehouse_id = warehouse)
       AND (zone IS NULL OR b.zone_id = zone)
     ORDER BY b.warehouse_id, b.code LIMIT most; END $$;
