-- Who submitted a job decides whose share of the slots it takes; null without authentication.
ALTER TABLE "job" ADD COLUMN "key_id" TEXT;
ALTER TABLE "job" ADD CONSTRAINT "job_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "api_key"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- Jobs of one key that may run at once; null is no limit.
ALTER TABLE "api_key" ADD COLUMN "max_running" INTEGER;
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_max_running_check" CHECK ("max_running" >= 0);

ALTER TABLE "worker"
    ADD COLUMN "draining" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "determinism" TEXT,
    ADD COLUMN "unusable" TEXT;
ALTER TABLE "worker" ADD CONSTRAINT "worker_determinism_check" CHECK ("determinism" IN ('bitwise', 'best-effort'));

CREATE TABLE "idempotency_key" (
    "key_id" TEXT NOT NULL,
    "route" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" TEXT NOT NULL,
    "status" INTEGER NOT NULL,
    "location" TEXT,
    "reply" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("key_id","route","key")
);

CREATE INDEX "idempotency_key_created_at_idx" ON "idempotency_key"("created_at");

-- The dispatcher counts what each key has running; few rows, read every second.
CREATE INDEX "job_running_key_idx" ON "job"("key_id") WHERE "lease_until" IS NOT NULL;
