-- outside a transaction
-- What receiving writes down besides: the serial number of a unit, and what whoever received it had to say.
ALTER TABLE receipt ADD COLUMN IF NOT EXISTS serial_number text;
ALTER TABLE receipt ADD COLUMN IF NOT EXISTS note text;

-- Lists of purchase orders, newest first, by state and by warehouse.
DROP INDEX CONCURRENTLY IF EXISTS purchase_order_status;
CREATE INDEX CONCURRENTLY purchase_order_status
    ON purchase_order (organization_id, status, created_at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS purchase_order_warehouse;
CREATE INDEX CONCURRENTLY purchase_order_warehouse
    ON purchase_order (organization_id, warehouse_id, created_at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS purchase_order_search;
CREATE INDEX CONCURRENTLY purchase_order_search
    ON purchase_order USING gin (lower(number || ' ' || vendor_name) gin_trgm_ops);

-- A line's receipts, which keep it from being removed.
DROP INDEX CONCURRENTLY IF EXISTS receipt_purchase_order_line;
CREATE INDEX CONCURRENTLY receipt_purchase_order_line ON receipt (organization_id, purchase_order_line_id);

-- Open orders that wait for stock, oldest first: few, however many orders there are.
DROP INDEX CONCURRENTLY IF EXISTS sales_order_back_ordered;
CREATE INDEX CONCURRENTLY sales_order_back_ordered ON sales_order (organization_id, warehouse_id, placed_at, id)
 WHERE is_short AND state IN ('pending', 'confirmed');

-- Finds purchase orders whose number or vendor contains a text, newest first. `pattern` is in small letters and as LIKE
-- takes it. It runs as the owner and filters the organization itself, for LIKE may not use an index under row-level
-- security (infra/decisions/0010); it returns ids alone, and at most `most` of them.
CREATE OR REPLACE FUNCTION search_purchase_orders(pattern text, most int) RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id FROM purchase_order
     WHERE organization_id = current_organization() AND lower(number || ' ' || vendor_name) LIKE pattern
     ORDER BY created_at DESC, id DESC LIMIT most
$$;
