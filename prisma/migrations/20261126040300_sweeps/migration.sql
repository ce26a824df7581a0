-- Searches over hyperparameters whose trials are jobs.
CREATE TABLE "sweep" (
  "id" UUID PRIMARY KEY,
  "name" TEXT NOT NULL,
  "tags" JSONB NOT NULL,
  "priority" INTEGER NOT NULL,
  -- JSON, not JSONB: the order of the parameters is that of the trials.
  "spec" JSON NOT NULL,
  "search" JSON NOT NULL,
  "seeds" INTEGER[] NOT NULL,
  "objective" JSONB NOT NULL,
  "max_running" INTEGER CHECK ("max_running" > 0),
  "configurations" INTEGER NOT NULL,
  "trials" INTEGER NOT NULL,
  "key_id" TEXT REFERENCES "api_key"("id") ON DELETE SET NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now()
);

ALTER TABLE "job"
  ADD COLUMN "sweep_id" UUID REFERENCES "sweep"("id"),
  ADD COLUMN "trial" INTEGER,
  ADD COLUMN "parameters" JSON,
  ADD CONSTRAINT "job_trial_check" CHECK (("sweep_id" IS NULL) = ("trial" IS NULL) AND ("trial" IS NULL) = ("parameters" IS NULL));

CREATE UNIQUE INDEX "job_sweep_id_trial_key" ON "job"("sweep_id", "trial") WHERE "sweep_id" IS NOT NULL;
CREATE INDEX "job_running_sweep_idx" ON "job"("sweep_id") WHERE "lease_until" IS NOT NULL;
