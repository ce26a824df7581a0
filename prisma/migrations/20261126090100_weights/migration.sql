-- Weights that were uploaded to start jobs from: one row per content.
CREATE TABLE "weights" (
    "id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "sha256" TEXT NOT NULL,
    "networks" TEXT[] NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "weights_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "weights_sha256_key" ON "weights"("sha256");
CREATE UNIQUE INDEX "weights_key_key" ON "weights"("key");

ALTER TABLE "job"
    ADD COLUMN "start_weights_id" UUID,
    ADD CONSTRAINT "job_one_start_check" CHECK ("start_weights_id" IS NULL OR "start_checkpoint_id" IS NULL),
    ADD CONSTRAINT "job_start_weights_id_fkey" FOREIGN KEY ("start_weights_id") REFERENCES "weights"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- The foreign key is asked when weights are deleted.
CREATE INDEX "job_start_weights_id_idx" ON "job"("start_weights_id") WHERE "start_weights_id" IS NOT NULL;
