-- Pieces of imports, so that a large file shows how far it has come and a piece that is sent again does nothing.

CREATE TABLE import_piece (
    organization_id int NOT NULL DEFAULT current_organization() REFERENCES organization,
    import_id text NOT NULL,
    entity_type text NOT NULL CHECK (entity_type IN ('items', 'bins', 'purchase-orders', 'sales-orders')),
    piece int NOT NULL CHECK (piece > 0),
    pieces int NOT NULL CHECK (pieces > 0),
    total int NOT NULL CHECK (total >= 0),
    imported int NOT NULL CHECK (imported >= 0),
    skipped int NOT NULL CHECK (skipped >= 0),
    errors jsonb NOT NULL,
    imported_by text NOT NULL,
    imported_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, import_id, entity_type, piece),
    CHECK (imported + skipped = total)
);
CALL isolate('import_piece', 'SELECT, INSERT');
