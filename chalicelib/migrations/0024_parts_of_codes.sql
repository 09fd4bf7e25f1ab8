-- outside a transaction
-- A part of a SKU or a barcode, found among a million of them. Digits have few trigrams: `500` and `000` stand in thousands of
-- codes that do not contain 500000, and in those of every other organization. Every statement bears a repetition.

-- Pieces of so many signs of a text, each with its organization: one begins at every `step`-th sign, one is the end. What
-- contains a text contains its pieces.
CREATE OR REPLACE FUNCTION pieces_of(organization int, code text, size int, step int) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT DISTINCT organization::text || ':' || substr(code, least(n, length(code) - size + 1), size)
                   FROM generate_series(1, length(code) - size + step, step) AS n
                  WHERE length(code) >= size);

-- What a code is found by: a text of four signs by pieces of four, a longer one by pieces of five.
CREATE OR REPLACE FUNCTION code_pieces(organization int, code text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN pieces_of(organization, code, 4, 1) || pieces_of(organization, code, 5, 1);

DROP INDEX CONCURRENTLY IF EXISTS variant_sku_pieces;
CREATE INDEX CONCURRENTLY variant_sku_pieces ON variant USING gin (code_pieces(organization_id, sku_key));
DROP INDEX CONCURRENTLY IF EXISTS barcode_pieces;
CREATE INDEX CONCURRENTLY barcode_pieces ON barcode USING gin (code_pieces(organization_id, upper(code)));

-- Items, sold or not, whose SKU, name or barcode contains a text, in any case. Ranks: 4 the very SKU or barcode (`codes`: the
-- text and other ways to write it); 3 a SKU that begins so; 2 a SKU or barcode that contains it; 1 a name. Each way finds at
-- most `most` items. A text of one or two signs is found where a SKU, a barcode or a word begins, and anywhere in the first
-- `look` rows. From four signs on, codes are found by their pieces. It runs as the owner and filters the organization itself
-- (infra/decisions/0010).
CREATE OR REPLACE FUNCTION search_items(query text, codes text[], category int, listed boolean, most int, look int)
RETURNS TABLE (variant_id int, rank int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    tenant CONSTANT int := current_organization();
    code_key CONSTANT text COLLATE "C" := upper(query);
    -- Every third piece covers the text; all of them would take longer to compare than the few more codes to read.
    pieces CONSTANT text[] := pieces_of(tenant, code_key, CASE WHEN length(code_key) < 5 THEN 4 ELSE 5 END, 3);
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
    IF cardinality(pieces) > 0 AND query ~ '[[:alnum:]]' THEN
        RETURN QUERY
        (SELECT id, 2 FROM variant
          WHERE code_pieces(organization_id, sku_key) @> pieces AND organization_id = tenant AND strpos(sku_key, code_key) > 0
            AND (category IS NULL OR category_id = category) AND (listed IS NULL OR is_listed = listed) LIMIT most)
        UNION ALL
        (SELECT v.id, 2 FROM barcode b JOIN variant v ON v.id = b.variant_id
          WHERE code_pieces(b.organization_id, upper(b.code)) @> pieces AND b.organization_id = tenant
            AND strpos(upper(b.code), code_key) > 0
            AND (category IS NULL OR v.category_id = category) AND (listed IS NULL OR v.is_listed = listed) LIMIT most);
    ELSIF query ~ '[[:alnum:]]' THEN
        RETURN QUERY
        (SELECT id, 2 FROM variant
          WHERE organization_id = tenant AND sku_key LIKE of_code
            AND (category IS NULL OR category_id = category) AND (listed IS NULL OR is_listed = listed) LIMIT most)
        UNION ALL
        (SELECT v.id, 2 FROM barcode b JOIN variant v ON v.id = b.variant_id
          WHERE b.organization_id = tenant AND upper(b.code) LIKE of_code
            AND (category IS NULL OR v.category_id = category) AND (listed IS NULL OR v.is_listed = listed) LIMIT most);
    END IF;
    IF query ~ '[[:alnum:]]' THEN
        RETURN QUERY
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
