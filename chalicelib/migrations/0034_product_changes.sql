-- Categories say what belongs into them. A thousand products that change teach their words at once and in the order of the
-- words: row by row, two such writers could wait for one another.

ALTER TABLE category ADD COLUMN description text NOT NULL DEFAULT '';

CREATE FUNCTION learn_words_of_changed_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO product_word (organization_id, word)
    SELECT DISTINCT made.organization_id, word
      FROM made JOIN gone USING (id), words_of(made.name || ' ' || made.brand) AS word
     WHERE (made.name, made.brand) IS DISTINCT FROM (gone.name, gone.brand)
     ORDER BY made.organization_id, word
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
DROP TRIGGER learn_words_update ON product;
CREATE TRIGGER learn_words_changed AFTER UPDATE ON product REFERENCING OLD TABLE AS gone NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION learn_words_of_changed_products();
-- squawk-ignore ban-drop-function
DROP FUNCTION learn_words_of_product(); -- unused since its trigger went, two statements above
