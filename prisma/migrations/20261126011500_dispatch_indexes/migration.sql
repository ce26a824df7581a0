-- For each draw of tickets, however long the backlog is: without them a draw over 6 000 queued jobs took 5 ms, most of it
-- looking at jobs that have no ticket and no worker.
CREATE INDEX "job_ticketed_idx" ON "job"("ticketed_at") WHERE "state" = 'queued' AND "ticketed_at" IS NOT NULL;
CREATE INDEX "job_worker_idx" ON "job"("worker_id") WHERE "lease_until" IS NOT NULL;
