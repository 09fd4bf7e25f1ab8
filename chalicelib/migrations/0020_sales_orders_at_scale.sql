-- outside a transaction
-- What the warehouse's own orders say besides, and what its lists, dashboard and reports are found by.
ALTER TABLE sales_order ADD COLUMN IF NOT EXISTS ship_method text;
ALTER TABLE sales_order ADD COLUMN IF NOT EXISTS ordered_on date;
ALTER TABLE sales_order ADD COLUMN IF NOT EXISTS ship_by date;
ALTER TABLE sales_order ADD COLUMN IF NOT EXISTS priority int NOT NULL DEFAULT 0;

-- Orders newest first, of one state; a list of several states merges them. Of all warehouses, and of one.
DROP INDEX CONCURRENTLY IF EXISTS sales_order_state;
CREATE INDEX CONCURRENTLY sales_order_state ON sales_order (organization_id, state, placed_at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS sales_order_warehouse;
CREATE INDEX CONCURRENTLY sales_order_warehouse
    ON sales_order (organization_id, warehouse_id, state, placed_at DESC, id DESC);

DROP INDEX CONCURRENTLY IF EXISTS pick_task_short;
CREATE INDEX CONCURRENTLY pick_task_short ON pick_task (organization_id, worked_at DESC, id DESC) WHERE status = 'SHORT';

-- The audit log newest first: all of it, of one action, of one actor.
DROP INDEX CONCURRENTLY IF EXISTS audit_entry_recent;
CREATE INDEX CONCURRENTLY audit_entry_recent ON audit_entry (organization_id, at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS audit_entry_action;
CREATE INDEX CONCURRENTLY audit_entry_action ON audit_entry (organization_id, action, at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS audit_entry_actor;
CREATE INDEX CONCURRENTLY audit_entry_actor ON audit_entry (organization_id, actor, at DESC, id DESC);

DROP INDEX CONCURRENTLY IF EXISTS variant_reorder_point;
CREATE INDEX CONCURRENTLY variant_reorder_point ON variant (organization_id, id) WHERE reorder_point IS NOT NULL;

-- How many items and bins there are in use, for counting a million rows takes too long to show it on every dashboard. Writers
-- add to one of sixteen rows, so that they hardly ever wait for one another; the sum is what counts. Items have warehouse 0.
CREATE TABLE IF NOT EXISTS tally (
    organization_id int NOT NULL DEFAULT current_organization() REFERENCES organization,
    kind text NOT NULL CHECK (kind IN ('item', 'bin')),
    warehouse_id int NOT NULL,
    slot int NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (organization_id, kind, warehouse_id, slot)
) WITH (fillfactor = 50);

CREATE OR REPLACE FUNCTION tally_new_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally (organization_id, kind, warehouse_id, slot, number)
    SELECT organization_id, 'item', 0, pg_backend_pid() % 16, count(*)
      FROM made WHERE is_listed GROUP BY organization_id ORDER BY organization_id
        ON CONFLICT (organization_id, kind, warehouse_id, slot) DO UPDATE SET number = tally.number + EXCLUDED.number;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION tally_gone_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally (organization_id, kind, warehouse_id, slot, number)
    SELECT organization_id, 'item', 0, pg_backend_pid() % 16, -count(*)
      FROM gone WHERE is_listed GROUP BY organization_id ORDER BY organization_id
        ON CONFLICT (organization_id, kind, warehouse_id, slot) DO UPDATE SET number = tally.number + EXCLUDED.number;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION tally_changed_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally (organization_id, kind, warehouse_id, slot, number)
    SELECT organization_id, 'item', 0, pg_backend_pid() % 16, sum(one)
      FROM (SELECT organization_id, 1 AS one FROM made WHERE is_listed
            UNION ALL
            SELECT organization_id, -1 FROM gone WHERE is_listed) changed
     GROUP BY organization_id HAVING sum(one) <> 0 ORDER BY organization_id
        ON CONFLICT (organization_id, kind, warehouse_id, slot) DO UPDATE SET number = tally.number + EXCLUDED.number;
    RETURN NULL;
END $$;
-- The hidden bin of a warehouse is not counted.
CREATE OR REPLACE FUNCTION tally_new_bins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally (organization_id, kind, warehouse_id, slot, number)
    SELECT organization_id, 'bin', warehouse_id, pg_backend_pid() % 16, count(*)
      FROM made WHERE is_active AND kind <> 'Default'
     GROUP BY organization_id, warehouse_id ORDER BY organization_id, warehouse_id
        ON CONFLICT (organization_id, kind, warehouse_id, slot) DO UPDATE SET number = tally.number + EXCLUDED.number;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION tally_gone_bins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally (organization_id, kind, warehouse_id, slot, number)
    SELECT organization_id, 'bin', warehouse_id, pg_backend_pid() % 16, -count(*)
      FROM gone WHERE is_active AND kind <> 'Default'
     GROUP BY organization_id, warehouse_id ORDER BY organization_id, warehouse_id
        ON CONFLICT (organization_id, kind, warehouse_id, slot) DO UPDATE SET number = tally.number + EXCLUDED.number;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION tally_changed_bins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally (organization_id, kind, warehouse_id, slot, number)
    SELECT organization_id, 'bin', warehouse_id, pg_backend_pid() % 16, sum(one)
      FROM (SELECT organization_id, warehouse_id, 1 AS one FROM made WHERE is_active AND kind <> 'Default'
            UNION ALL
            SELECT organization_id, warehouse_id, -1 FROM gone WHERE is_active AND kind <> 'Default') changed
     GROUP BY organization_id, warehouse_id HAVING sum(one) <> 0 ORDER BY organization_id, warehouse_id
        ON CONFLICT (organization_id, kind, warehouse_id, slot) DO UPDATE SET number = tally.number + EXCLUDED.number;
    RETURN NULL;
END $$;

-- In one transaction, while nobody makes items or bins: from here on everything is tallied, and what is there already is.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'tally_new') THEN
        RETURN;
    END IF;
    SET LOCAL lock_timeout = '4s';
    LOCK TABLE variant, bin IN SHARE ROW EXCLUSIVE MODE;
    CALL isolate('tally');
    CREATE TRIGGER tally_new AFTER INSERT ON variant REFERENCING NEW TABLE AS made
        FOR EACH STATEMENT EXECUTE FUNCTION tally_new_items();
    CREATE TRIGGER tally_gone AFTER DELETE ON variant REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION tally_gone_items();
    CREATE TRIGGER tally_changed AFTER UPDATE ON variant REFERENCING OLD TABLE AS gone NEW TABLE AS made
        FOR EACH STATEMENT EXECUTE FUNCTION tally_changed_items();
    CREATE TRIGGER tally_new AFTER INSERT ON bin REFERENCING NEW TABLE AS made
        FOR EACH STATEMENT EXECUTE FUNCTION tally_new_bins();
    CREATE TRIGGER tally_gone AFTER DELETE ON bin REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION tally_gone_bins();
    CREATE TRIGGER tally_changed AFTER UPDATE ON bin REFERENCING OLD TABLE AS gone NEW TABLE AS made
        FOR EACH STATEMENT EXECUTE FUNCTION tally_changed_bins();
    INSERT INTO tally (organization_id, kind, warehouse_id, slot, number)
    SELECT organization_id, 'item', 0, 0, count(*) FROM variant WHERE is_listed GROUP BY organization_id
    UNION ALL
    SELECT organization_id, 'bin', warehouse_id, 0, count(*)
      FROM bin WHERE is_active AND kind <> 'Default' GROUP BY organization_id, warehouse_id;
END $$;
