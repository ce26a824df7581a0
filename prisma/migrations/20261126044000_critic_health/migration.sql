-- How a job's critic is doing, and what is worth seeing on its curve beside checkpoints and samples.
ALTER TABLE "job" ADD COLUMN "health" JSONB;
CREATE INDEX "job_health_state_idx" ON "job" ((health ->> 'state')) WHERE health IS NOT NULL;

CREATE TABLE "curve_mark" (
    "job_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "seq" BIGINT NOT NULL,
    "step" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "effective" BOOLEAN NOT NULL DEFAULT true,

    CONSTRAINT "curve_mark_pkey" PRIMARY KEY ("job_id","seq")
);

ALTER TABLE "curve_mark" ADD CONSTRAINT "curve_mark_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;
