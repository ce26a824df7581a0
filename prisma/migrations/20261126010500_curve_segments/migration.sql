-- Points of a curve in compact segments, and a roll-up pyramid over them. What `curve_point` holds is moved by the step of the same
-- name (packages/db/src/curve/move-points.ts) in this very transaction; a writer of an older version waits for it, and is then refused.
LOCK TABLE "curve_point" IN ACCESS EXCLUSIVE MODE;

CREATE TABLE "curve_segment" (
    "job_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "first_step" INTEGER NOT NULL,
    "last_step" INTEGER NOT NULL,
    "num_points" INTEGER NOT NULL,
    "effective" BOOLEAN NOT NULL DEFAULT true,
    "first_seq" BIGINT NOT NULL,
    "seq" BIGINT NOT NULL,
    "series" TEXT[] NOT NULL,
    "offsets" SMALLINT[],
    "first_critic_step" BIGINT NOT NULL,
    "critic_runs" INTEGER[] NOT NULL,
    "flush_steps" INTEGER[] NOT NULL,
    "flush_times" BIGINT[] NOT NULL,
    "values" BYTEA NOT NULL,

    CONSTRAINT "curve_segment_pkey" PRIMARY KEY ("job_id","first_step","epoch")
);

CREATE TABLE "curve_rollup" (
    "job_id" UUID NOT NULL,
    "level" SMALLINT NOT NULL,
    "block" INTEGER NOT NULL,
    "series" TEXT[] NOT NULL,
    "nodes" BYTEA NOT NULL,

    CONSTRAINT "curve_rollup_pkey" PRIMARY KEY ("job_id","level","block")
);

CREATE INDEX "curve_segment_job_id_seq_idx" ON "curve_segment"("job_id", "seq");

ALTER TABLE "curve_segment" ADD CONSTRAINT "curve_segment_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "curve_rollup" ADD CONSTRAINT "curve_rollup_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "job" ADD COLUMN "curve_closed" INTEGER NOT NULL DEFAULT 0;


-- What Prisma's schema language cannot say.

-- Noise does not compress, and a slice of an uncompressed value is read without the rest of it.
ALTER TABLE "curve_segment" ALTER COLUMN "values" SET STORAGE EXTERNAL;
ALTER TABLE "curve_rollup" ALTER COLUMN "nodes" SET STORAGE EXTERNAL;

ALTER TABLE "curve_segment" ADD CONSTRAINT "curve_segment_one_chunk_check"
    CHECK ("first_step" >= 0 AND "last_step" >= "first_step" AND "first_step" / 1024 = "last_step" / 1024);
