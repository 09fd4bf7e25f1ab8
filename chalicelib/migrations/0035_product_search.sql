-- outside a transaction
-- Products are found by the stems of their words, each with its organization, so that a search costs what its own catalogue
-- costs (infra/decisions/0038). Every statement bears a repetition.

-- In small letters, without accents and apostrophes, a figure apart from its unit: `12oz` as `12 oz`, `Größe` as `grosse`.
CREATE OR REPLACE FUNCTION folded(label text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(
        replace(regexp_replace(normalize(lower(label), NFKD), U&'[\0300-\036f''\2019]', '', 'g'), U&'\00df', 'ss'),
        '([0-9])([[:alpha:]])', '\1 \2', 'g');

-- The stems of its words: gloves and glove have the same. Words that say nothing (of, in, the) have none.
CREATE OR REPLACE FUNCTION stems_of(label text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN tsvector_to_array(to_tsvector('english', regexp_replace(folded(label), '[^[:alnum:]]+', ' ', 'g')));

-- What a name says that a thing is, as English has it: the last word before a comma, a figure or a preposition. `Rice Vinegar,
-- Seasoned` is a vinegar, `Dome Lid for Cold Cups` a lid.
CREATE OR REPLACE FUNCTION kind_of(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN substring(regexp_replace(folded(name), '(.)(,|[(]| [0-9]| (for|with|without|in|of|from|to|per) ).*$', '\1')
                     FROM '([[:alnum:]]+)[^[:alnum:]]*$');

-- Each way in which a word stands in a product: (k) it is the kind of thing, (n) in the name, (a) anywhere; (c) the category.
CREATE OR REPLACE FUNCTION product_terms(
    organization int, category int, name text, brand text, unit_size text, description text)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT organization || ':k' || stem FROM unnest(stems_of(kind_of(name))) AS stem)
        || ARRAY(SELECT organization || ':n' || stem FROM unnest(stems_of(name)) AS stem)
        || ARRAY(SELECT organization || ':a' || stem
                   FROM unnest(stems_of(concat_ws(' ', name, brand, unit_size, description))) AS stem)
        || CASE WHEN category IS NULL THEN '{}' ELSE ARRAY[organization || ':c' || category] END;

CREATE OR REPLACE FUNCTION with_prefix(prefix text, stems text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT prefix || stem FROM unnest(stems) AS stem);

-- A code without its signs: `jan 1028` is JAN-1028.
CREATE OR REPLACE FUNCTION plain_code(code text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(upper(code), '[^[:alnum:]]', '', 'g');

DROP INDEX CONCURRENTLY IF EXISTS product_found_by;
CREATE INDEX CONCURRENTLY product_found_by ON product
 USING gin (product_terms(organization_id, category_id, name, brand, unit_size, description)) WHERE is_active;
DROP INDEX CONCURRENTLY IF EXISTS variant_sku_plain;
CREATE INDEX CONCURRENTLY variant_sku_plain ON variant (organization_id, (plain_code(sku) COLLATE "C"));

ANALYZE product;

-- The words that are known, against which others are widened and corrected, are folded as well.
CREATE OR REPLACE FUNCTION words_of(label text) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT word FROM regexp_split_to_table(folded(label), '[^[:alnum:]]+') AS word
     WHERE length(word) BETWEEN 3 AND 40 AND word !~ '^[0-9]+$'
$$;
INSERT INTO product_word (organization_id, word)
SELECT DISTINCT organization_id, word FROM product, words_of(name || ' ' || brand) AS word
    ON CONFLICT DO NOTHING;

-- Loads the extension, whose setting the function below takes: nobody else may name one that is not there.
SELECT similarity('', '');

-- Finds active products for people. Ranks: 60 the very SKU, whatever signs are between its letters, or the barcode; 50 a SKU
-- that begins so (and has a digit in it); all words stand in the name (40), or in name, brand, unit size and description (38), and
-- one of them is what the thing is; all stand in the name (36), or in the four (34); 30 they stand in the name of the category; 5 a
-- SKU of letters that begins so. Where none is found by words, each also stands for known words that begin so or contain it (27 to
-- 21). Where there are none either, for the known word that is most like it (17 to 11); words that are like none are then left out, but not figures and short ones.
-- Each way finds at most `most` products, and the next one is not tried when it found so many.
--
-- It runs as the owner and filters the organization itself: under row-level security arrays may not use an index
-- (infra/decisions/0010). `words` are the words of the search, in any case.
CREATE OR REPLACE FUNCTION search_products(words text[], codes text[], category int, most int)
RETURNS TABLE (product_id int, rank int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
SET pg_trgm.similarity_threshold = 0.15 SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    tenant CONSTANT int := current_organization();
    code_key CONSTANT text COLLATE "C" := plain_code(codes[1]);
    in_category CONSTANT text[] := CASE WHEN category IS NULL THEN '{}' ELSE ARRAY[tenant || ':c' || category] END;
    given text[];
    all_stems text[];
    alike text[];  -- for each word an array of stems, as text
    wanted text[];  -- for each word an array of terms, as text
    kinds text[];
    place text;
    categories text[];
    found_code boolean;
    here int;
    hits int;
BEGIN
    RETURN QUERY
    SELECT v.product_id, max(coded.rank)
      FROM ((SELECT id, 60 AS rank FROM variant
              WHERE organization_id = tenant AND plain_code(sku) COLLATE "C" = code_key AND code_key <> '' LIMIT most)
            UNION ALL
            (SELECT variant_id, 60 FROM barcode WHERE organization_id = tenant AND code = ANY (codes))
            UNION ALL
            (SELECT id, CASE WHEN code_key ~ '[0-9]' THEN 50 ELSE 5 END FROM variant
              WHERE organization_id = tenant AND length(code_key) > 1
                AND plain_code(sku) COLLATE "C" > code_key AND plain_code(sku) COLLATE "C" < code_key || U&'\+10FFFF'
              ORDER BY plain_code(sku) COLLATE "C" LIMIT most)) coded
      JOIN variant v ON v.id = coded.id
      JOIN product p ON p.id = v.product_id
     WHERE p.is_active AND (category IS NULL OR p.category_id = category)
     GROUP BY v.product_id;
    found_code := FOUND AND code_key ~ '[0-9]';

    SELECT array_agg(word ORDER BY n) INTO given
      FROM (SELECT word, min(n) AS n
              FROM regexp_split_to_table(folded(array_to_string(words, ' ')), '[^[:alnum:]]+') WITH ORDINALITY AS each (word, n)
             WHERE stems_of(word) <> '{}' GROUP BY word ORDER BY 2 LIMIT 8) each;
    all_stems := ARRAY(SELECT DISTINCT stem FROM unnest(given) AS word, unnest(stems_of(word)) AS stem);
    FOR attempt IN 1 .. 3 LOOP
        SELECT array_agg(known.stems::text ORDER BY n) INTO alike
          FROM unnest(given) WITH ORDINALITY AS each (word, n)
         CROSS JOIN LATERAL (
            SELECT array_agg(DISTINCT stem) AS stems
              FROM (SELECT each.word
                     WHERE attempt < 3 OR each.word ~ '[0-9]' OR length(each.word) < 3
                        OR EXISTS (SELECT FROM product
                                    WHERE is_active AND product_terms(organization_id, category_id, name, brand, unit_size, description)
                                          @> with_prefix(tenant || ':a', stems_of(each.word)))
                    UNION ALL
                    (SELECT w.word FROM product_word w
                      WHERE attempt = 2 AND w.organization_id = tenant AND each.word !~ '[0-9]'
                        AND w.word LIKE CASE WHEN length(each.word) < 3 THEN '' ELSE '%' END || each.word || '%'
                      ORDER BY NOT starts_with(w.word, each.word), length(w.word), w.word LIMIT 50)
                    UNION ALL
                    (SELECT w.word FROM product_word w
                      WHERE attempt = 3 AND w.organization_id = tenant AND each.word !~ '[0-9]' AND w.word % each.word
                        AND (letters_of(w.word) = letters_of(each.word) OR similarity(w.word, each.word) >= 0.3)
                      ORDER BY letters_of(w.word) = letters_of(each.word) DESC, similarity(w.word, each.word) DESC, w.word
                      LIMIT 1)) w,
                   unnest(stems_of(w.word)) AS stem) known
         WHERE known.stems IS NOT NULL;
        EXIT WHEN alike IS NULL;

        hits := 0;
        kinds := ARRAY(SELECT tenant || ':k' || stem FROM unnest(alike) AS stems, unnest(stems::text[]) AS stem);
        FOR way IN 1 .. 4 LOOP
            place := tenant || CASE WHEN way IN (1, 3) THEN ':n' ELSE ':a' END;
            IF attempt = 1 THEN
                RETURN QUERY
                SELECT id, 42 - 2 * way
                  FROM product
                 WHERE organization_id = tenant AND is_active
                   AND product_terms(organization_id, category_id, name, brand, unit_size, description)
                       @> (with_prefix(place, all_stems) || in_category)
                   AND (way > 2 OR product_terms(organization_id, category_id, name, brand, unit_size, description) && kinds)
                 LIMIT most;
            ELSE
                FOR n IN 1 .. 8 LOOP  -- a fixed number of conditions, so that each can use the index; the spare ones repeat
                    wanted[n] := with_prefix(place, coalesce(alike[n], alike[1])::text[])::text;
                END LOOP;
                RETURN QUERY
                SELECT id, CASE attempt WHEN 2 THEN 29 ELSE 19 END - 2 * way
                  FROM (SELECT id, product_terms(organization_id, category_id, name, brand, unit_size, description) AS terms
                          FROM product WHERE organization_id = tenant AND is_active) p
                 WHERE terms && wanted[1]::text[] AND terms && wanted[2]::text[] AND terms && wanted[3]::text[]
                   AND terms && wanted[4]::text[] AND terms && wanted[5]::text[] AND terms && wanted[6]::text[]
                   AND terms && wanted[7]::text[] AND terms && wanted[8]::text[]
                   AND terms && CASE WHEN way <= 2 THEN kinds ELSE wanted[1]::text[] END
                   AND terms && CASE WHEN category IS NULL THEN wanted[1]::text[] ELSE in_category END
                 LIMIT most;
            END IF;
            GET DIAGNOSTICS here = ROW_COUNT;
            hits := hits + here;
            EXIT WHEN here >= most;
        END LOOP;
        IF attempt = 1 AND hits < most THEN
            categories := ARRAY(
                SELECT tenant || ':c' || c.id FROM category c
                 WHERE c.organization_id = tenant AND (category IS NULL OR c.id = category)
                   AND stems_of(c.name) @> all_stems);
            RETURN QUERY
            SELECT id, 30 FROM product
             WHERE organization_id = tenant AND is_active AND cardinality(categories) > 0
               AND product_terms(organization_id, category_id, name, brand, unit_size, description) && categories
             LIMIT most;
            GET DIAGNOSTICS here = ROW_COUNT;
            hits := hits + here;
        END IF;
        EXIT WHEN hits > 0 OR found_code;
    END LOOP;
END $$;

-- Nothing searches in it any more.
DROP INDEX CONCURRENTLY IF EXISTS product_search;
