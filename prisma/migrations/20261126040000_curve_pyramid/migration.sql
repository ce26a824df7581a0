-- A pyramid of other widths: 32 steps, then eight times as many at each level. It is built by the step of the same name
-- (packages/db/src/curve/move-points.ts) in this very transaction. Under a new name, so that a process of an older version, which would
-- take a node for another one, finds nothing and stops.
LOCK TABLE "curve_segment" IN ACCESS EXCLUSIVE MODE;

ALTER TABLE "curve_rollup" RENAME TO "curve_pyramid";
ALTER TABLE "curve_pyramid" RENAME CONSTRAINT "curve_rollup_pkey" TO "curve_pyramid_pkey";
ALTER TABLE "curve_pyramid" RENAME CONSTRAINT "curve_rollup_job_id_fkey" TO "curve_pyramid_job_id_fkey";
TRUNCATE "curve_pyramid";
UPDATE "job" SET "curve_closed" = 0 WHERE "curve_closed" > 0;
