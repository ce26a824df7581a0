-- What trainers print and tell: the first and the newest lines of every attempt.
CREATE TABLE "trainer_log" (
    "id" BIGINT GENERATED ALWAYS AS IDENTITY,
    "job_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(6) NOT NULL,
    "level" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "text" TEXT NOT NULL,

    CONSTRAINT "trainer_log_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "trainer_log_level_check" CHECK ("level" IN ('debug', 'info', 'warn', 'error')),
    CONSTRAINT "trainer_log_source_check" CHECK ("source" IN ('stdout', 'stderr', 'trainer'))
);

CREATE INDEX "trainer_log_job_id_id_idx" ON "trainer_log"("job_id", "id");
CREATE INDEX "trainer_log_job_id_epoch_id_idx" ON "trainer_log"("job_id", "epoch", "id");
ALTER TABLE "trainer_log" ADD CONSTRAINT "trainer_log_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "attempt" ADD COLUMN "dropped_lines" INTEGER NOT NULL DEFAULT 0;
