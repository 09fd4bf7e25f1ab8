-- Customers change their own records: a billing address, an e-mail address that is not proven yet, the end of an account.

ALTER TABLE customer
    ADD COLUMN billing_address text NOT NULL DEFAULT '',
    ADD COLUMN pending_email text,
    ADD COLUMN closed_at timestamptz;
