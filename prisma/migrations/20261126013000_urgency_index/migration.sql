-- Whether a job waits that is more urgent than one whose ticket is out is asked at every draw. The index that this takes the place of
-- began with the device, which no query asks for alone.
DROP INDEX "job_queued_idx";
CREATE INDEX "job_queued_idx" ON "job"("priority", "created_at", "id") WHERE "state" = 'queued';
