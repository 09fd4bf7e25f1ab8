-- API keys as administrators keep them: what a key is called in its own text, why it was revoked, and how it was used.
ALTER TABLE api_key
    ADD COLUMN prefix text NOT NULL DEFAULT '',
    ADD COLUMN revoked_reason text,
    ADD COLUMN use_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN counter_started bigint,
    ADD COLUMN counter_uses bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN api_key.revoked_reason IS 'rotated, unused, compromised or other; a compromised key stays revoked';
COMMENT ON COLUMN api_key.counter_started IS 'which counter of DynamoDB `counter_uses` was read from: when it began, in milliseconds';
COMMENT ON COLUMN api_key.counter_uses IS 'uses of that counter which `use_count` holds already, so that none is added twice';

-- Scores of customers. One row per organization says what is being computed and what the rows of `customer_score` are of: they
-- change together, in one transaction.
CREATE TABLE score_run (
    organization_id int PRIMARY KEY DEFAULT current_organization() REFERENCES organization,
    run_id uuid NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    busy_until timestamptz,
    computed_at timestamptz,
    as_of date,
    customers int NOT NULL DEFAULT 0,
    tier_counts jsonb NOT NULL DEFAULT '{}',
    models jsonb NOT NULL DEFAULT '[]'
);
COMMENT ON COLUMN score_run.busy_until IS 'while this is to come, `run_id` is the one run that may write scores; NULL: it is done';
COMMENT ON COLUMN score_run.models IS 'parameters of the models behind the scores, and how they were found';
CALL isolate('score_run');

CREATE TABLE customer_score (
    organization_id int NOT NULL DEFAULT current_organization() REFERENCES organization,
    customer_id int NOT NULL,
    order_days int NOT NULL CHECK (order_days > 0),
    first_order_on date NOT NULL,
    last_order_on date NOT NULL CHECK (first_order_on <= last_order_on),
    tier text NOT NULL CHECK (tier IN ('loyal', 'regular', 'occasional', 'at_risk', 'lost')),
    p_alive double precision NOT NULL CHECK (p_alive BETWEEN 0 AND 1),
    expected_orders_90d double precision NOT NULL CHECK (expected_orders_90d >= 0),
    bg_nbd_p_alive double precision NOT NULL CHECK (bg_nbd_p_alive BETWEEN 0 AND 1),
    bg_nbd_expected_orders_90d double precision NOT NULL CHECK (bg_nbd_expected_orders_90d >= 0),
    computed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, customer_id),
    FOREIGN KEY (organization_id, customer_id) REFERENCES customer (organization_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN customer_score.order_days IS 'days with an order, the first one included';
CREATE INDEX customer_score_expected ON customer_score (organization_id, expected_orders_90d, customer_id);
CREATE INDEX customer_score_alive ON customer_score (organization_id, p_alive, customer_id);
CREATE INDEX customer_score_tier ON customer_score (organization_id, tier, expected_orders_90d, customer_id);
CALL isolate('customer_score');
