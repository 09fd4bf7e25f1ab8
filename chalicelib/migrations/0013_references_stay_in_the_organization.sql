-- A reference between two tables of tenants names the organization as well: (organization_id, variant_id) refers to
-- variant (organization_id, id). PostgreSQL checks references with the rights of the table's owner, past row-level security
-- ("Row Security Policies": referential integrity checks bypass it), so that a plain reference would accept, and thereby
-- betray, another tenant's id. Every reference that does not name it yet is replaced; what it said otherwise stays.
--
-- No installation carries data yet. One that did would add the constraints NOT VALID and check them in a migration of its
-- own; the code before this migration works with either form.

DO $$
DECLARE
    reference record;
BEGIN
    FOR reference IN
        SELECT c.oid, c.conname, c.conrelid::regclass AS referring, c.confrelid::regclass AS referred,
               pg_get_constraintdef(c.oid) AS definition,
               quote_ident(a.attname) AS column_name, quote_ident(k.attname) AS key_name,
               relname || '_in_organization' AS key_of_referred
          FROM pg_constraint c
          JOIN pg_class r ON r.oid = c.confrelid
          JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
          JOIN pg_attribute k ON k.attrelid = c.confrelid AND k.attnum = c.confkey[1]
         WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND cardinality(c.conkey) = 1
           AND EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = c.confrelid AND o.attname = 'organization_id')
           AND EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = c.conrelid AND o.attname = 'organization_id')
         ORDER BY c.conrelid::regclass::text, c.conname
    LOOP
        IF to_regclass('public.' || quote_ident(reference.key_of_referred)) IS NULL THEN
            EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I UNIQUE (organization_id, %s)',
                           reference.referred, reference.key_of_referred, reference.key_name);
        END IF;
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s',
                       reference.referring, reference.conname, reference.conname,
                       replace(replace(reference.definition,
                               format('FOREIGN KEY (%s)', reference.column_name),
                               format('FOREIGN KEY (organization_id, %s)', reference.column_name)),
                               format('(%s)', reference.key_name),
                               format('(organization_id, %s)', reference.key_name)));
    END LOOP;
END $$;

-- The unique key of the same columns serves as well.
DROP INDEX bot_organization;
