-- outside a transaction
-- How far the ledger had come for a line's bin and item when it was counted: what has moved since is what stands behind it.
ALTER TABLE cycle_count_line ADD COLUMN IF NOT EXISTS last_move_id bigint;

-- What moved in one bin, of one item, newest first.
DROP INDEX CONCURRENTLY IF EXISTS stock_move_into;
CREATE INDEX CONCURRENTLY stock_move_into ON stock_move (to_account_id, variant_id, id);
DROP INDEX CONCURRENTLY IF EXISTS stock_move_out_of;
CREATE INDEX CONCURRENTLY stock_move_out_of ON stock_move (from_account_id, variant_id, id);

-- A bin is counted by one at a time, and a level waits for one decision at a time: a newer count takes the older one's place.
DROP INDEX CONCURRENTLY IF EXISTS cycle_count_open;
CREATE UNIQUE INDEX CONCURRENTLY cycle_count_open ON cycle_count (account_id) WHERE status = 'PENDING';
DROP INDEX CONCURRENTLY IF EXISTS stock_adjustment_open;
CREATE UNIQUE INDEX CONCURRENTLY stock_adjustment_open ON stock_adjustment (account_id, variant_id, lot_id)
    NULLS NOT DISTINCT WHERE status = 'PENDING';

-- Lists of one warehouse or one status, newest first.
DROP INDEX CONCURRENTLY IF EXISTS stock_adjustment_warehouse;
CREATE INDEX CONCURRENTLY stock_adjustment_warehouse
    ON stock_adjustment (organization_id, warehouse_id, created_at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS stock_adjustment_status;
CREATE INDEX CONCURRENTLY stock_adjustment_status ON stock_adjustment (organization_id, status, created_at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS cycle_count_warehouse;
CREATE INDEX CONCURRENTLY cycle_count_warehouse ON cycle_count (organization_id, warehouse_id, created_at DESC, id DESC);

-- A direct adjustment's moves name it before it is written.
GRANT USAGE ON SEQUENCE stock_adjustment_id_seq TO quartermaster_app;

-- Whose name stands behind what tables call an actor: a member of staff's user name, else the label itself.
CREATE OR REPLACE FUNCTION actor_name(label text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT username FROM staff
                      WHERE id = CASE WHEN left(label, 6) = 'staff:' THEN substr(label, 7)::int END), label)
$$;
