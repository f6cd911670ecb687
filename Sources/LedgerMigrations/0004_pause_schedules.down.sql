DROP TABLE schedule_pauses;
