-- The end of a job that a row owes (dead, quarantined, deleted) stands in the row; a redrive makes the row owed again.

-- The pricing of the facts up to this number has ended: nothing is owed until a newer fact comes.
ALTER TABLE orders
    ADD COLUMN pricing_ended_seq  bigint,
    ADD COLUMN pricing_ended_at   timestamptz,
    ADD COLUMN pricing_end_reason text,
    ADD CONSTRAINT orders_pricing_end CHECK (
        (pricing_ended_seq IS NULL) = (pricing_ended_at IS NULL)
        AND (pricing_ended_seq IS NULL) = (pricing_end_reason IS NULL));
CREATE INDEX orders_pricing_ended ON orders (pricing_ended_at) WHERE pricing_ended_seq IS NOT NULL;

ALTER TABLE batch_runs
    ADD COLUMN owed_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN end_reason text,
    DROP CONSTRAINT batch_runs_state_check,
    ADD CONSTRAINT batch_runs_state_check CHECK (state IN ('owed', 'finished', 'dead'));
