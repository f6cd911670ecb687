-- A schedule with a row here fires nothing. Resuming deletes the row and begins the schedule anew: what was due meanwhile is not owed.
CREATE TABLE schedule_pauses (
    schedule  text PRIMARY KEY,
    paused_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    actor     text NOT NULL CHECK (actor <> '')
);
