-- An account that a guest makes at check-out claims the order it was made for. The order becomes the account's once its mail
-- address is verified and is the order's, or at once then where the order's token came with the claim (is_proven).

CREATE TABLE order_claim (
    organization_id int NOT NULL DEFAULT current_organization() REFERENCES organization,
    customer_id int NOT NULL,
    order_id int NOT NULL,
    is_proven boolean NOT NULL,
    claimed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, customer_id, order_id),
    FOREIGN KEY (organization_id, customer_id) REFERENCES customer (organization_id, id),
    FOREIGN KEY (organization_id, order_id) REFERENCES sales_order (organization_id, id)
);
CREATE INDEX order_claim_order ON order_claim (organization_id, order_id);
CALL isolate('order_claim', 'SELECT, INSERT, DELETE');
