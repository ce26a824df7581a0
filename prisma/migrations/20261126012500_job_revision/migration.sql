-- Counts the changes by people, so that one who saw an older state does not undo another's.
ALTER TABLE "job" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 1;
