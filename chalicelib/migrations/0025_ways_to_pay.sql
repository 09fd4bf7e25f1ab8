-- outside a transaction
-- Orders are paid in other ways than through Stripe too: by check, from store credit, in cash. Every way is a payment with its
-- entries, so that what an order has paid stays one sum. Every statement bears a repetition.

-- squawk-ignore ban-drop-constraint
ALTER TABLE payment DROP CONSTRAINT IF EXISTS payment_way;
ALTER TABLE payment ADD CONSTRAINT payment_way
    CHECK (provider IN ('stripe', 'check', 'store_credit', 'cash')) NOT VALID;
ALTER TABLE payment VALIDATE CONSTRAINT payment_way;
-- A wider one stands in its place.
-- squawk-ignore ban-drop-constraint
ALTER TABLE payment DROP CONSTRAINT IF EXISTS payment_provider_check;

-- One open attempt per order and way to pay: a check that waits for approval does not stand in the way of a card.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS payment_open_way ON payment (order_id, provider)
    WHERE state NOT IN ('succeeded', 'canceled');
DROP INDEX CONCURRENTLY IF EXISTS payment_open;
