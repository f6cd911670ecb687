-- What had ended is owed again: the program before this one knows no other way to say it.
UPDATE batch_runs SET state = 'owed' WHERE state = 'dead';
ALTER TABLE batch_runs
    DROP COLUMN owed_since,
    DROP COLUMN end_reason,
    DROP CONSTRAINT batch_runs_state_check,
    ADD CONSTRAINT batch_runs_state_check CHECK (state IN ('owed', 'finished'));
ALTER TABLE orders
    DROP COLUMN pricing_ended_seq,
    DROP COLUMN pricing_ended_at,
    DROP COLUMN pricing_end_reason;
