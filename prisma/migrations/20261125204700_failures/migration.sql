-- What a failure leaves behind: the pause before the next try, the promise of equal bits and what became of it, refused writes.
ALTER TABLE "job"
    ADD COLUMN "not_before" TIMESTAMPTZ(6),
    ADD COLUMN "determinism" TEXT,
    ADD COLUMN "replay_divergences" INTEGER NOT NULL DEFAULT 0,
    ADD CONSTRAINT "job_determinism_check" CHECK ("determinism" IN ('bitwise', 'best-effort'));

ALTER TABLE "attempt"
    ADD COLUMN "determinism" TEXT,
    ADD COLUMN "fenced_writes" INTEGER NOT NULL DEFAULT 0;
