-- A slot's row is the promise of its job: the job stands in it, as text that no type changes, until it is enqueued.
ALTER TABLE schedule_runs
    ADD COLUMN job_id      text,
    ADD COLUMN owed_job    text,
    ADD COLUMN enqueued_at timestamptz,
    ADD CONSTRAINT schedule_runs_job CHECK (owed_job IS NULL OR (job_id IS NOT NULL AND enqueued_at IS NULL));

CREATE INDEX schedule_runs_owed ON schedule_runs (schedule, slot) WHERE owed_job IS NOT NULL;
