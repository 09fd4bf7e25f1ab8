-- outside a transaction
-- A level gets a number of its own, by which panels and scanners name it. As a default and not as an identity: the latter
-- would rewrite the table behind an exclusive lock.
SET lock_timeout = '4s';
CREATE SEQUENCE IF NOT EXISTS stock_level_id_seq;
GRANT USAGE ON SEQUENCE stock_level_id_seq TO quartermaster_app;
ALTER TABLE stock_level ADD COLUMN IF NOT EXISTS id bigint;
ALTER TABLE stock_level ALTER COLUMN id SET DEFAULT nextval('stock_level_id_seq');
ALTER SEQUENCE stock_level_id_seq OWNED BY stock_level.id;
ALTER TABLE preferred_bin ADD COLUMN IF NOT EXISTS notes text NOT NULL DEFAULT '';
RESET lock_timeout;
UPDATE stock_level SET id = nextval('stock_level_id_seq') WHERE id IS NULL;
-- Recent transfers between warehouses, among millions of moves.
DROP INDEX CONCURRENTLY IF EXISTS stock_move_between_warehouses;
CREATE INDEX CONCURRENTLY stock_move_between_warehouses ON stock_move (organization_id, occurred_at DESC, id DESC)
 WHERE reason = 'inter_warehouse_transfer';
-- The few bins from which stock is put away, among many.
DROP INDEX CONCURRENTLY IF EXISTS bin_staging;
CREATE INDEX CONCURRENTLY bin_staging ON bin (organization_id, warehouse_id)
 WHERE kind IN ('Staging', 'PickableStaging', 'Default');
-- In which order empty bins are proposed.
DROP INDEX CONCURRENTLY IF EXISTS bin_pickable;
CREATE INDEX CONCURRENTLY bin_pickable ON bin (organization_id, warehouse_id, pick_sequence, id)
 WHERE kind = 'Pickable' AND is_active;
-- Bins whose code begins with what somebody typed; the collation makes that a range.
DROP INDEX CONCURRENTLY IF EXISTS bin_code;
CREATE INDEX CONCURRENTLY bin_code ON bin (organization_id, code COLLATE "C");
