-- outside a transaction
-- Customers found by any part of their names, address or number (infra/decisions/0010). Every statement bears a repetition.
SET lock_timeout = '4s';

DROP INDEX CONCURRENTLY IF EXISTS customer_inside;
CREATE INDEX CONCURRENTLY customer_inside ON customer USING gin ((lower(username || ' ' || company_name || ' ' || first_name
    || ' ' || last_name || ' ' || coalesce(email, '') || ' ' || coalesce(phone, ''))) gin_trgm_ops);

-- At most `most` customers, in no order. It runs as the owner and filters the organization itself.
CREATE OR REPLACE FUNCTION customers_with_text(query text, most int) RETURNS TABLE (customer_id int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    tenant CONSTANT int := current_organization();
    inside CONSTANT text := '%' || as_pattern(lower(query)) || '%';
BEGIN
    RETURN QUERY
    SELECT c.id FROM customer c
     WHERE c.organization_id = tenant
       AND lower(c.username || ' ' || c.company_name || ' ' || c.first_name || ' ' || c.last_name || ' '
                 || coalesce(c.email, '') || ' ' || coalesce(c.phone, '')) LIKE inside
     LIMIT most;
END $$;
REVOKE EXECUTE ON FUNCTION customers_with_text FROM PUBLIC; -- unused since it is new: nobody called it before
GRANT EXECUTE ON FUNCTION customers_with_text TO quartermaster_app;
