ALTER TABLE "job"
    ADD COLUMN "pause_checkpoint" TEXT,
    ADD COLUMN "archived_at" TIMESTAMPTZ(6),
    ADD COLUMN "start_job_id" UUID,
    ADD COLUMN "start_checkpoint_id" UUID;

ALTER TABLE "attempt"
    ADD COLUMN "host" TEXT,
    ADD COLUMN "device_class" TEXT,
    ADD COLUMN "device" TEXT,
    ADD COLUMN "to_step" INTEGER,
    ADD COLUMN "cpu_seconds" REAL,
    ADD COLUMN "exit_code" INTEGER,
    ADD COLUMN "exit_signal" TEXT;


-- What Prisma's schema language cannot say.

ALTER TABLE "job"
    ADD CONSTRAINT "job_pause_checkpoint_check" CHECK ("pause_checkpoint" IN ('save', 'latest')),
    -- Meaningful exactly while a pause is under way.
    ADD CONSTRAINT "job_pause_check" CHECK ("pause_checkpoint" IS NULL OR "state" IN ('pausing', 'queued', 'starting')),
    ADD CONSTRAINT "job_archived_check" CHECK ("archived_at" IS NULL OR "finished_at" IS NOT NULL),
    ADD CONSTRAINT "job_start_check" CHECK (("start_job_id" IS NULL) = ("start_checkpoint_id" IS NULL)),
    -- A checkpoint that a job starts from stays for as long as that job does.
    ADD CONSTRAINT "job_start_checkpoint_id_fkey" FOREIGN KEY ("start_checkpoint_id") REFERENCES "checkpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "attempt" ADD CONSTRAINT "attempt_device_class_check" CHECK ("device_class" IN ('cpu', 'gpu'));

-- Asked before a checkpoint or its job is deleted.
CREATE INDEX "job_start_checkpoint_id_idx" ON "job"("start_checkpoint_id") WHERE "start_checkpoint_id" IS NOT NULL;
