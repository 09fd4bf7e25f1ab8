-- outside a transaction
-- Items as the warehouse's administrators see them, and what scanners look up, in indexes that row-level security lets be
-- used (infra/decisions/0010, 0029). Every statement bears a repetition.

SET lock_timeout = '4s';
ALTER TABLE variant
    ADD COLUMN IF NOT EXISTS reorder_point int,
    ADD COLUMN IF NOT EXISTS category_id int,
    ADD COLUMN IF NOT EXISTS is_listed boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN variant.reorder_point IS 'an item is low when fewer units are available; NULL: nobody watches it';
COMMENT ON COLUMN variant.category_id IS 'its product''s, kept here by triggers so that a list by category has an index';
COMMENT ON COLUMN variant.is_listed IS 'whether it and its product are active; kept here by triggers';

-- What a list filters by stands in the row that it is sorted by; nobody writes these two columns but the triggers.
CREATE OR REPLACE FUNCTION mirror_product_in_variant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT p.category_id, p.is_active AND NEW.is_active INTO NEW.category_id, NEW.is_listed
      FROM product p WHERE p.id = NEW.product_id;
    NEW.is_listed := coalesce(NEW.is_listed, false);
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER mirror_product BEFORE INSERT OR UPDATE OF product_id, is_active, category_id, is_listed ON variant
    FOR EACH ROW EXECUTE FUNCTION mirror_product_in_variant();
CREATE OR REPLACE FUNCTION mirror_product_in_its_variants() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE variant v SET category_id = NEW.category_id, is_listed = NEW.is_active AND v.is_active
     WHERE v.organization_id = NEW.organization_id AND v.product_id = NEW.id
       AND (v.category_id, v.is_listed) IS DISTINCT FROM (NEW.category_id, NEW.is_active AND v.is_active);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER mirror_in_variants AFTER UPDATE OF category_id, is_active ON product
    FOR EACH ROW EXECUTE FUNCTION mirror_product_in_its_variants();
RESET lock_timeout;
UPDATE variant v SET category_id = p.category_id
  FROM product p
 WHERE p.id = v.product_id
   AND (v.category_id, v.is_listed) IS DISTINCT FROM (p.category_id, p.is_active AND v.is_active);

-- What belongs to an item alone goes with it. What somebody did with it does not: its references refuse.
CREATE OR REPLACE FUNCTION remove_what_belongs_to_variant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM barcode WHERE organization_id = OLD.organization_id AND variant_id = OLD.id;
    DELETE FROM preferred_bin WHERE organization_id = OLD.organization_id AND variant_id = OLD.id;
    DELETE FROM storage_sku WHERE organization_id = OLD.organization_id AND variant_id = OLD.id;
    RETURN OLD;
END $$;
CREATE OR REPLACE TRIGGER remove_what_belongs BEFORE DELETE ON variant
    FOR EACH ROW EXECUTE FUNCTION remove_what_belongs_to_variant();

DROP INDEX CONCURRENTLY IF EXISTS variant_product;
CREATE INDEX CONCURRENTLY variant_product ON variant (organization_id, product_id);
DROP INDEX CONCURRENTLY IF EXISTS variant_listed;
CREATE INDEX CONCURRENTLY variant_listed ON variant (organization_id, is_listed, sku_key);
DROP INDEX CONCURRENTLY IF EXISTS variant_category;
CREATE INDEX CONCURRENTLY variant_category ON variant (organization_id, category_id, sku_key) INCLUDE (is_listed, id);
DROP INDEX CONCURRENTLY IF EXISTS variant_archived;
CREATE INDEX CONCURRENTLY variant_archived ON variant (organization_id, category_id, sku_key) WHERE NOT is_listed;
DROP INDEX CONCURRENTLY IF EXISTS variant_sku_inside;
CREATE INDEX CONCURRENTLY variant_sku_inside ON variant USING gin (sku_key gin_trgm_ops);
DROP INDEX CONCURRENTLY IF EXISTS variant_name_inside;
CREATE INDEX CONCURRENTLY variant_name_inside ON variant USING gin ((' ' || lower(name)) gin_trgm_ops) WHERE name <> '';
DROP INDEX CONCURRENTLY IF EXISTS product_name_inside;
CREATE INDEX CONCURRENTLY product_name_inside ON product USING gin ((' ' || lower(name)) gin_trgm_ops);
DROP INDEX CONCURRENTLY IF EXISTS barcode_inside;
CREATE INDEX CONCURRENTLY barcode_inside ON barcode USING gin (upper(code) gin_trgm_ops);
DROP INDEX CONCURRENTLY IF EXISTS bin_code_inside;
CREATE INDEX CONCURRENTLY bin_code_inside ON bin USING gin (upper(code) gin_trgm_ops);
DROP INDEX CONCURRENTLY IF EXISTS bin_barcode_inside;
CREATE INDEX CONCURRENTLY bin_barcode_inside ON bin USING gin (upper(barcode) gin_trgm_ops);

-- A text as a part of a LIKE pattern, whose signs stand for themselves.
CREATE OR REPLACE FUNCTION as_pattern(query text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN regexp_replace(query, '([\\%_])', '\\\1', 'g');

-- Whether a trigram index finds a text anywhere inside others. A shorter one it finds where a word begins.
CREATE OR REPLACE FUNCTION has_trigram(query text) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN query ~ '[[:alnum:]]{3}|[[:alnum:]]{2}[^[:alnum:]]|[^[:alnum:]][[:alnum:]]{2}';

-- Items, sold or not, whose SKU, name or barcode contains a text, in any case. Ranks: 4 the very SKU or barcode (`codes`: the
-- text and other ways to write it); 3 a SKU that begins so; 2 a SKU or barcode that contains it; 1 a name. Each way finds at
-- most `most` items. A text of one or two signs is found where a SKU, a barcode or a word begins, and anywhere in the first
-- `look` rows. It runs as the owner and filters the organization itself (infra/decisions/0010).
CREATE OR REPLACE FUNCTION search_items(query text, codes text[], category int, listed boolean, most int, look int)
RETURNS TABLE (variant_id int, rank int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    tenant CONSTANT int := current_organization();
    code_key CONSTANT text COLLATE "C" := upper(query);
    is_long CONSTANT boolean := has_trigram(query);
    of_code CONSTANT text := CASE WHEN is_long THEN '%' ELSE '' END || as_pattern(upper(query)) || '%';
    of_name CONSTANT text := CASE WHEN is_long THEN '%' ELSE '% ' END || as_pattern(lower(query)) || '%';
BEGIN
    RETURN QUERY
    SELECT v.id, coded.rank
      FROM ((SELECT id, 4 AS rank FROM variant WHERE organization_id = tenant AND sku_key = code_key)
            UNION ALL
            (SELECT variant_id, 4 FROM barcode WHERE organization_id = tenant AND code = ANY (codes))
            UNION ALL
            (SELECT id, 3 FROM variant
              WHERE organization_id = tenant AND sku_key > code_key AND sku_key < code_key || U&'\+10FFFF'
                AND (category IS NULL OR category_id = category) AND (listed IS NULL OR is_listed = listed)
              ORDER BY sku_key LIMIT most)) coded
      JOIN variant v ON v.id = coded.id
     WHERE (category IS NULL OR v.category_id = category) AND (listed IS NULL OR v.is_listed = listed);
    IF query ~ '[[:alnum:]]' THEN
        RETURN QUERY
        (SELECT id, 2 FROM variant
          WHERE organization_id = tenant AND sku_key LIKE of_code
            AND (category IS NULL OR category_id = category) AND (listed IS NULL OR is_listed = listed) LIMIT most)
        UNION ALL
        (SELECT v.id, 2 FROM barcode b JOIN variant v ON v.id = b.variant_id
          WHERE b.organization_id = tenant AND upper(b.code) LIKE of_code
            AND (category IS NULL OR v.category_id = category) AND (listed IS NULL OR v.is_listed = listed) LIMIT most)
        UNION ALL
        (SELECT v.id, 1 FROM product p JOIN variant v ON v.organization_id = tenant AND v.product_id = p.id
          WHERE p.organization_id = tenant AND ' ' || lower(p.name) LIKE of_name AND v.name = ''
            AND (category IS NULL OR v.category_id = category) AND (listed IS NULL OR v.is_listed = listed) LIMIT most)
        UNION ALL
        (SELECT id, 1 FROM variant
          WHERE organization_id = tenant AND ' ' || lower(name) LIKE of_name AND name <> ''
            AND (category IS NULL OR category_id = category) AND (listed IS NULL OR is_listed = listed) LIMIT most);
    END IF;
    IF NOT is_long THEN
        RETURN QUERY
        (SELECT v.id, CASE WHEN strpos(v.sku_key, code_key) > 0 THEN 2 ELSE 1 END
           FROM (SELECT * FROM variant
                  WHERE organization_id = tenant
                    AND (category IS NULL OR category_id = category) AND (listed IS NULL OR is_listed = listed)
                  ORDER BY sku_key LIMIT look) v
           JOIN product p ON p.id = v.product_id
          WHERE strpos(v.sku_key, code_key) > 0
             OR strpos(lower(coalesce(nullif(v.name, ''), p.name)), lower(query)) > 0 LIMIT most)
        UNION ALL
        (SELECT v.id, 2
           FROM (SELECT * FROM barcode WHERE organization_id = tenant ORDER BY code LIMIT look) b
           JOIN variant v ON v.id = b.variant_id
          WHERE strpos(upper(b.code), code_key) > 0
            AND (category IS NULL OR v.category_id = category) AND (listed IS NULL OR v.is_listed = listed) LIMIT most);
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION search_items FROM PUBLIC; -- unused since it is new: nobody called it before
GRANT EXECUTE ON FUNCTION search_items TO quartermaster_app;

-- Bins of some warehouses (NULL: of all) whose code or barcode contains a text, in any case; hidden ones are not found. Ranks:
-- 3 the very code or barcode, 2 begins so, 1 contains it. For the rest see `search_items`.
CREATE OR REPLACE FUNCTION search_bins(query text, warehouses int[], most int, look int) RETURNS TABLE (bin_id int, rank int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    tenant CONSTANT int := current_organization();
    code_key CONSTANT text := upper(query);
    is_long CONSTANT boolean := has_trigram(query);
    has_word CONSTANT boolean := query ~ '[[:alnum:]]';
    of_code CONSTANT text := CASE WHEN is_long THEN '%' ELSE '' END || as_pattern(upper(query)) || '%';
BEGIN
    RETURN QUERY
    SELECT b.id, CASE WHEN code_key IN (upper(b.code), upper(b.barcode)) THEN 3
                      WHEN starts_with(upper(b.code), code_key) OR starts_with(upper(b.barcode), code_key) THEN 2
                      ELSE 1 END
      FROM ((SELECT id FROM bin
              WHERE organization_id = tenant AND barcode = query AND kind <> 'Default'
                AND (warehouses IS NULL OR warehouse_id = ANY (warehouses)))
            UNION
            (SELECT c.id FROM warehouse w JOIN bin c ON c.organization_id = tenant AND c.warehouse_id = w.id AND c.code = query
              WHERE w.organization_id = tenant AND c.kind <> 'Default'
                AND (warehouses IS NULL OR w.id = ANY (warehouses)))
            UNION
            (SELECT id FROM bin
              WHERE has_word AND organization_id = tenant AND upper(code) LIKE of_code AND kind <> 'Default'
                AND (warehouses IS NULL OR warehouse_id = ANY (warehouses)) LIMIT most)
            UNION
            (SELECT id FROM bin
              WHERE has_word AND organization_id = tenant AND upper(barcode) LIKE of_code AND kind <> 'Default'
                AND (warehouses IS NULL OR warehouse_id = ANY (warehouses)) LIMIT most)
            UNION
            (SELECT first.id
               FROM (SELECT * FROM bin
                      WHERE NOT is_long AND organization_id = tenant
                        AND (warehouses IS NULL OR warehouse_id = ANY (warehouses))
                      ORDER BY warehouse_id, code LIMIT look) first
              WHERE strpos(upper(first.code), code_key) + strpos(upper(first.barcode), code_key) > 0
                AND first.kind <> 'Default'
              LIMIT most)) found
      JOIN bin b ON b.id = found.id;
END $$;
REVOKE EXECUTE ON FUNCTION search_bins FROM PUBLIC; -- unused since it is new: nobody called it before
GRANT EXECUTE ON FUNCTION search_bins TO quartermaster_app;
