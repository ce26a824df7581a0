-- Counted for the metrics as they happen; a few rows among millions.
CREATE INDEX "job_event_incident_idx" ON "job_event"("at") WHERE "reason" IN ('lease_expired', 'storage_paused');
