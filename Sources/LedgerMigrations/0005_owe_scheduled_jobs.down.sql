ALTER TABLE schedule_runs DROP COLUMN job_id, DROP COLUMN owed_job, DROP COLUMN enqueued_at;
