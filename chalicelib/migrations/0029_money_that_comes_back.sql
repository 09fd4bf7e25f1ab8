-- outside a transaction
-- The ledger knows two more movements: a bank debit that comes back after it had succeeded ('return'), and a refund that failed,
-- whose money comes back to us (positive). Every statement bears a repetition.

-- squawk-ignore ban-drop-constraint
ALTER TABLE payment_entry DROP CONSTRAINT IF EXISTS payment_entry_kinds;
ALTER TABLE payment_entry ADD CONSTRAINT payment_entry_kinds
    CHECK (kind IN ('charge', 'refund', 'dispute', 'return')) NOT VALID;
ALTER TABLE payment_entry VALIDATE CONSTRAINT payment_entry_kinds;
-- squawk-ignore ban-drop-constraint
ALTER TABLE payment_entry DROP CONSTRAINT IF EXISTS payment_entry_sign;
ALTER TABLE payment_entry ADD CONSTRAINT payment_entry_sign
    CHECK (amount_minor <> 0 AND (kind <> 'charge' OR amount_minor > 0)) NOT VALID;
ALTER TABLE payment_entry VALIDATE CONSTRAINT payment_entry_sign;
-- Wider ones stand in their place.
-- squawk-ignore ban-drop-constraint
ALTER TABLE payment_entry DROP CONSTRAINT IF EXISTS payment_entry_kind_check;
-- squawk-ignore ban-drop-constraint
ALTER TABLE payment_entry DROP CONSTRAINT IF EXISTS payment_entry_check;

-- Payments that Stripe may still have news about, the longest unasked first.
DROP INDEX CONCURRENTLY IF EXISTS payment_unfinished;
CREATE INDEX CONCURRENTLY payment_unfinished ON payment (organization_id, look_at NULLS FIRST)
    WHERE provider = 'stripe' AND state NOT IN ('succeeded', 'canceled');
