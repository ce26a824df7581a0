-- What a worker's device has: of a GPU its own memory, else the host's.
ALTER TABLE worker ADD COLUMN memory_bytes bigint;
-- Estimates of durations look at the newest attempts.
CREATE INDEX attempt_started_at_idx ON attempt (started_at DESC);
